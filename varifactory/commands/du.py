"""``varifactory du``: who uses how much of a store."""

import click

from varifactory.answering import Answer, Say, answering

WAYS = ("stage", "spec", "run", "person", "data set", "study")


@answering("du")
@click.option("--by", "ways", multiple=True, type=click.Choice(WAYS),
              default=("stage", "person", "data set"), show_default=True,
              help="How to group.")  # fmt: skip
@click.option("--top", default=20, show_default=True, type=click.IntRange(1),
              help="Groups that are shown, the largest first; --json has all.")  # fmt: skip
def du(store: str, say: Say, ways: tuple[str, ...], top: int) -> Answer:
    """Say how many bytes a store holds and whose they are.

    A blob that rows of one group name is its own; what several name is shared, and stays when one
    of them goes. No image is read.
    """
    from varifactory import quantities
    from varifactory.store import Store

    found = Store(store).usage()
    say(f"{store}: {quantities.size(found.bytes)}")
    for folder, size in found.folders.items():
        say(f"  {folder:<10} {quantities.size(size):>10}")
    say(f"blobs: {found.blobs:,}; no row names {found.unnamed_blobs:,} of them, "
        f"{quantities.size(found.unnamed_bytes)} (varifactory gc)")  # fmt: skip
    for way in ways:
        groups = found.by[way]
        say(f"\nby {way:<37} {'own':>10} {'shared':>10} {'rows':>10} {'blobs':>9}")
        for used in groups[:top]:
            sizes = (used.own_bytes, used.shared_bytes, used.table_bytes)
            told = " ".join(f"{quantities.size(size):>10}" for size in sizes)
            say(f"  {_short(used.name):<38} {told} {used.blobs:>9,}")
        if len(groups) > top:
            say(f"  and {len(groups) - top} more (--top, --json)")
    return found.model_dump(mode="json"), 0


def _short(name: str) -> str:
    """A name that fits a line; of a spec its first 16 digits."""
    stage, mark, spec = name.partition("/")
    return f"{stage}/{spec[:16]}" if mark else name[:38]
