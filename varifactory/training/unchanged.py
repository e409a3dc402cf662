"""Unchanged edits: the control that shows what editing alone does.

Beside a complete pair stands one more edit by the same editor, with the same noise, region and
settings, that asks for what is there already. No judge is asked of it: what is to be measured is
its traces. It is told apart by its feasibility, ``unchanged``, and is no side of its pair.
"""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence

from varifactory import items
from varifactory.items import Outcome
from varifactory.recipe import Recipe
from varifactory.stages import Row
from varifactory.verdicts.deciding import Decision
from varifactory.verdicts.decisions import Word

Place = tuple[str, str, int, str]
"""Source, attribute, index and editor of a pair."""


def beside(
    edits: Iterable[Row],
    found: Mapping[str, Outcome],
    recipe: Recipe,
    open_places: Collection[Place] = (),
) -> list[Row]:
    """One side of every pair that an unchanged edit is wanted beside: complete, and kept.

    Args:
        edits: all attempts of all editors; the recipe's own counts.
        found: how they ended.
        recipe: its editor's pairs count.
        open_places: of pairs that a plan cannot know to be complete: taken with their first
            attempt, so that they are counted.
    """
    return [
        sides[min(sides)][at]
        for pair, sides in sorted(items.pairs(edits).items())
        if pair.editor == recipe.edits.editor and len(sides) > 1
        for at in [_attempt(sides, found, _place(pair) in open_places)]
        if at is not None
    ]


def _place(pair: items.Pair) -> Place:
    return pair.source_key, pair.attribute, pair.index, pair.editor


def _attempt(sides: items.Sides, found: Mapping[str, Outcome], is_open: bool) -> int | None:
    """The attempt that counts of a pair, if any does."""
    at = items.complete(sides, found)
    if at is None:
        return min(min(attempts) for attempts in sides.values()) if is_open else None
    kept = all(found[attempts[at]["key"]].status == "ok" for attempts in sides.values())
    return at if kept else None


def truths(sources: Iterable[Row]) -> dict[str, Mapping[str, str]]:
    """Source key -> attribute -> value, of drawn sources."""
    return {row["key"]: json.loads(row["truth"]) for row in sources if row.get("truth")}


def outcomes(
    edits: Sequence[Row], gates: Mapping[str, str], words: Mapping[str, Word]
) -> dict[str, Outcome]:
    """Edit key -> how it ended: as it was made and gated, or as a person decided."""
    found = {row["key"]: Outcome("edits", _decision(row, gates.get(row["key"], "")))
             for row in edits}  # fmt: skip
    return found | items.decided(found, words)


def _decision(row: Row, gate: str) -> Decision:
    if row["status"] != "ok":
        return Decision(row["status"], row.get("reason") or "")
    return Decision("rejected", gate) if gate else Decision("ok")
