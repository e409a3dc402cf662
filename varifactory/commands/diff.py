"""``varifactory diff``: what became of every item between two versions."""

from typing import TYPE_CHECKING

import click

from varifactory.answering import Answer, Say, answering

if TYPE_CHECKING:
    from varifactory.history.comparing import Comparison, Side

SHOWN = 20
"""Changes that words list; the page and --json have them all."""


@answering("diff")
@click.argument("before", metavar="A")
@click.argument("after", metavar="[B]", default="")
@click.option("--other", default="", metavar="URL", help="Store of B, where it is another one.")
@click.option("--html", "page", default="", metavar="FILE",
              help="Write pages of paired pictures: FILE, and more beside it.")  # fmt: skip
@click.option("--publish", is_flag=True, help="Write these pages beside version B in its store.")
@click.option("--page-size", default=100, show_default=True, type=click.IntRange(1, 1000),
              help="Changes a page.")  # fmt: skip
def diff(
    store: str, say: Say, before: str, after: str, other: str, page: str, publish: bool,
    page_size: int,
) -> Answer:  # fmt: skip
    """Say what differs between two data set versions, A the older.

    A and B are NAME@VERSION or NAME, its latest; without B the last two versions of A are compared.
    With --other and without B it is A in the other store.

    Exits with 1 on an alarm: one key with different pixels, so something is not deterministic.
    """
    from varifactory.history.comparing import compared
    from varifactory.history.difference_page import publish_pages, write_pages

    found = compared(*_sides(store, before, after, other))
    _tell(say, found)
    where = ""
    if page:
        where = write_pages(found, page, page_size)
    if publish:
        where = publish_pages(found, page_size)
    if where:
        say(f"page: {where}")
    return {**found.told(), "page": where}, 1 if found.alarms else 0


def _sides(store: str, before: str, after: str, other: str) -> "tuple[Side, Side]":
    from varifactory.history.comparing import Side
    from varifactory.history.versions import last_two, named
    from varifactory.store import Store

    place = Store(store)
    elsewhere = Store(other) if other else place
    if other or after:
        return (
            Side.of(place, named(place, before)),
            Side.of(elsewhere, named(elsewhere, after or before)),
        )
    older, newer = last_two(place, before)
    return Side.of(place, older), Side.of(place, newer)


def _tell(say: Say, found: "Comparison") -> None:
    from varifactory.history.differences import WORDS
    from varifactory.history.versions import title
    from varifactory.verdicts.wording import NO_CLASS

    say(f"{title(found.before.manifest)} -> {title(found.after.manifest)}")
    say(f"the same: {found.found.same:,}")
    for kind, count in found.found.counts.items():
        if count:
            flips = ", ".join(f"{n:,} {way}" for way, n in found.found.flips.items())
            say(f"{WORDS[kind]}: {count:,}" + (f" ({flips})" if kind == "flipped" else ""))
    for name in found.moved:
        _tell_groups(say, found, name)
    listed = found.found.changes[:SHOWN]
    if listed:
        say("")
    for change in listed:
        row = change.row
        asked = f", {row['attribute']} {row['feasibility']}" if change.what == "edit" else ""
        measured = found.apart.get(change.key)
        told = f" ({measured.told()})" if measured else ""
        because = f": {change.because}" if change.because else ""
        say(f"{WORDS[change.kind]}: {change.what} {change.key[:16]}, "
            f"{row['label'] or NO_CLASS}{asked}{because}{told}")  # fmt: skip
    if more := len(found.found.changes) - len(listed):
        say(f"and {more:,} more: --json or --html FILE has them all")


def _tell_groups(say: Say, found: "Comparison", name: str) -> None:
    from varifactory.history.comparing import GROUPS
    from varifactory.history.differences import WORDS

    column = next(column for column, told in GROUPS.items() if told == name)
    by = found.found.by(column)
    if by:
        say(f"\nby {name}")
    for group, kinds in by.items():
        say(f"  {group}: " + ", ".join(f"{WORDS[kind]} {count:,}" for kind, count in kinds.items()))
    shown = [shift for shift in found.moved[name] if shift.moved or shift.group == "all edits"]
    if name == "attribute" or any(shift.moved for shift in shown[1:]):
        say(f"\nshare accepted, by {name}, points of 100 (those whose interval is not around zero)")
        for shift in shown:
            one = shift.difference
            say(f"  {shift.group}: {100 * shift.before.estimate:.1f} % -> "
                f"{100 * shift.after.estimate:.1f} %, {100 * one.estimate:+.1f} "
                f"({100 * one.low:+.1f} to {100 * one.high:+.1f})")  # fmt: skip
