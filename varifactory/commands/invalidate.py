"""``varifactory invalidate``: items hidden by hand."""

from typing import Any

import click

from varifactory.answering import Answer, Say, answering
from varifactory.errors import FactoryError

SHORTEST_KEY = 8


@answering("invalidate")
@click.argument("stage")
@click.argument("keys", nargs=-1, required=True, metavar="KEY...")
@click.option("--reason", required=True, help="Why: kept in the store with your decision.")
def invalidate(store: str, say: Say, stage: str, keys: tuple[str, ...], reason: str) -> Answer:
    """Hide items, so that the next run makes them again.

    A KEY may be cut short (at least 8 digits) where one item alone begins so. Nothing is deleted:
    published data sets keep what they hold.
    """
    from varifactory.runs.forcing import force
    from varifactory.store import Store

    place = Store(store)
    chosen = _resolved(place, stage, keys)
    for spec, found in chosen.items():
        force(place, stage, spec, found, reason)
        for key in found:
            say(f"{stage} {key}: hidden, the next run makes it again")
    return {"stage": stage, "invalidated": chosen, "reason": reason}, 0


def _resolved(place: Any, stage: str, wanted: tuple[str, ...]) -> dict[str, list[str]]:
    """Spec -> full keys.

    Raises:
        FactoryError: no such stage, or a key that no item or more than one begins with.
    """
    if stage not in place.stages():
        there = ", ".join(place.stages()) or "none"
        raise FactoryError(f"no items of a stage {stage!r}: this store has {there}")
    places = {
        key: spec
        for spec in place.specs(stage)
        for key in place.rows(stage, spec, columns=["key"])["key"].to_pylist()
    }
    chosen: dict[str, list[str]] = {}
    for start in dict.fromkeys(wanted):
        found = [key for key in places if key.startswith(start)]
        if len(start) < SHORTEST_KEY or len(found) != 1:
            raise FactoryError(
                f"key {start!r} names {len(found)} items of stage {stage!r}: give one item's key, "
                f"at least its first {SHORTEST_KEY} digits (the gallery shows 16 of an edit's)"
            )
        chosen.setdefault(places[found[0]], []).append(found[0])
    return chosen
