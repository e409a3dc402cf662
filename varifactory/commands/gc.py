"""``varifactory gc``: what nothing needs any more."""

from collections.abc import Iterator
from typing import Any

import click

from varifactory.actor import actor
from varifactory.answering import Answer, Say, answering

DAY = 24 * 3600.0
STRANGE = 10
"""So many files that are not ours are told."""
AT_ONCE = 6
"""Rounds of a collection without grace: rows, then their blobs, then the trash."""


@answering("gc")
@click.option("--delete", is_flag=True, help="Mark, and remove what was marked long ago.")
@click.option("--grace", default=7.0, show_default=True, type=click.FloatRange(0), metavar="DAYS",
              help="How long a mark must stand before anything is moved to trash/, and how long "
              "it then lies there. 0 removes at once: only while nobody writes.")  # fmt: skip
@click.option("--keep-runs", default=90.0, show_default=True, type=click.FloatRange(0),
              metavar="DAYS", help="How long all that a run worked with is kept; at least the "
              "grace period, and a day if it has not ended.")  # fmt: skip
@click.option("--drop", multiple=True, metavar="NAME@VERSION",
              help="Retire a data set version first, which nothing else ever does.")  # fmt: skip
@click.option("--drop-study", multiple=True, metavar="NAME@VERSION",
              help="Retire a study's version and its report first: then the data sets it rests "
              "on can be dropped.")  # fmt: skip
@click.option("--who", default=actor, envvar="VARIFACTORY_ACTOR", show_envvar=True,
              help="Your name: kept with the marks.  [default: login name]")  # fmt: skip
@click.option("--note", default="", help="Why a version or study is dropped.")
def gc(
    store: str,
    say: Say,
    delete: bool,
    grace: float,
    keep_runs: float,
    drop: tuple[str, ...],
    drop_study: tuple[str, ...],
    who: str,
    note: str,
) -> Answer:
    """Say what no data set, study, pin or recent run needs; with --delete remove it, some days on.

    What is not needed is marked; marked for the grace period it moves to trash/, from where it is
    put back if it comes to be needed; after another one it is gone. Blobs follow the rows that
    name them. Published data sets and studies stay whole.
    """
    from varifactory.store import Store

    place = Store(store)
    for texts, retire, look in (
        (drop_study, place.drop_study, place.study),  # first: a study holds its data sets
        (drop, place.drop, place.dataset),
    ):
        for name, version in map(exact_version, texts):
            if delete:
                retire(name, version, who, note)
            else:
                look(name, version)
            say(f"{name}@{version}: {'dropped' if delete else 'would be dropped, by --delete'}")
    found, *more = collected(place, delete, grace * DAY, keep_runs * DAY, who)
    rounds = [found, *more]
    told = _told(found, rounds)
    _say(say, found, told, grace)
    gone = {"dropped": list(drop), "dropped_studies": list(drop_study)} if delete else {
        "dropped": [], "dropped_studies": [],
    }  # fmt: skip
    return {**found.model_dump(mode="json"), **told, **gone}, 0


def exact_version(text: str) -> tuple[str, int]:
    """``NAME@VERSION`` taken apart.

    Raises:
        FactoryError: no version is given.
    """
    from varifactory.errors import FactoryError
    from varifactory.store.names import version_number

    name, mark, version = text.partition("@")
    if not mark:
        raise FactoryError(f"{text!r} names no version: give NAME@VERSION, such as pets@3")
    return name, version_number(version)


def collected(place: Any, delete: bool, grace: float, keep_runs: float, who: str) -> Iterator[Any]:
    """One collection; without grace one after another until all is gone. Times in seconds."""
    for _ in range(1 if grace or not delete else AT_ONCE):
        found = place.collect(delete=delete, grace=grace, keep_runs=keep_runs, who=who)
        yield found
        if not (found.moved or found.removed or found.marked):
            return


def _told(found: Any, rounds: list[Any]) -> dict[str, int]:
    """The sums of all rounds."""
    sums = ("marked", "moved", "moved_bytes", "removed", "removed_bytes", "put_back")
    return {"count": found.count, "bytes": found.bytes,
            **{name: sum(getattr(one, name) for one in rounds) for name in sums}}  # fmt: skip


def _say(say: Say, found: Any, told: dict[str, int], grace: float) -> None:
    from varifactory import quantities

    say("looked at: " + ", ".join(f"{n:,} {name}" for name, n in found.looked_at.items()))
    for tally in found.unneeded:
        where = f" of {tally.where}" if tally.where else ""
        say(f"  {tally.kind}{where}: {tally.count:,}, {quantities.size(tally.bytes)}")
    for path in found.strange[:STRANGE]:
        say(f"  {path} is of no version: left alone")
    if len(found.strange) > STRANGE:
        say(f"  and {len(found.strange) - STRANGE:,} more (--json)")
    say(f"not needed: {found.count:,} objects, {quantities.size(found.bytes)}")
    if found.follows.count:
        say(f"then also: {found.follows.count:,} blobs, {quantities.size(found.follows.bytes)}, "
            "which only these rows name")  # fmt: skip
    if not found.delete:
        say(f"marked: {found.waiting + found.ripe:,}, of them {found.ripe:,} for {grace:g} days; "
            "nothing was written (--delete marks and removes)")  # fmt: skip
        return
    say(f"marked {told['marked']:,}; moved to trash/ {told['moved']:,}, "
        f"{quantities.size(told['moved_bytes'])}; removed {told['removed']:,}, "
        f"{quantities.size(told['removed_bytes'])}; put back {told['put_back']:,}; "
        f"waiting for their grace period {found.waiting:,}")  # fmt: skip
