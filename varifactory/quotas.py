"""Quotas: exactly n accepted edits a class, attribute and feasibility, where that can be reached.

A pair (the feasible and the infeasible edit of one source and index) fills both its quotas, so
pairs count first; an accepted edit without its partner fills what they leave open. What is asked
for next follows from the outcomes alone, so that every run of a recipe asks for the same.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from varifactory import items
from varifactory.catalog.taxonomy import FEASIBILITIES
from varifactory.edits import Wish
from varifactory.items import SURPLUS, Outcome, Pair, Sides
from varifactory.recipe import Recipe
from varifactory.stages import Row

WIDEST = 4.0
"""Most pairs tried in a round for each one that is missing: a low rate so far may be bad luck."""


@dataclass(frozen=True, slots=True, order=True)
class Quota:
    """Whose edits are counted together."""

    label: str
    attribute: str


@dataclass(frozen=True, slots=True)
class _Tried:
    pair: Pair
    sides: Sides
    whole: bool
    """Both sides were accepted at one attempt."""
    good: tuple[str, ...]
    """Feasibilities of which some attempt was accepted."""


def _tried(
    edits: Iterable[Row], found: Mapping[str, Outcome], recipe: Recipe
) -> dict[Quota, list[_Tried]]:
    """What the recipe's editor tried, spread over the sources before their further indexes."""
    tried: dict[Quota, list[_Tried]] = defaultdict(list)
    for pair, sides in items.pairs(edits).items():
        if pair.editor != recipe.edits.editor:
            continue
        label = next(iter(next(iter(sides.values())).values()))["label"]
        good = tuple(
            side
            for side, attempts in sides.items()
            if any(found[row["key"]].status == "ok" for row in attempts.values())
        )
        whole = items.complete(sides, found) is not None
        tried[Quota(label, pair.attribute)].append(_Tried(pair, sides, whole, good))
    for each in tried.values():
        each.sort(key=lambda one: (one.pair.index, one.pair.source_key))
    return tried


def further(
    edits: Sequence[Row], found: Mapping[str, Outcome], masks: Sequence[Row], recipe: Recipe
) -> set[Wish]:
    """The edits to ask for next; empty where pairs alone fill every quota: arms train on pairs.

    As many pairs as the share of good ones so far makes likely to fill the gap, over the class's
    sources in turn.

    Args:
        masks: the accepted ones.
    """
    by_class: dict[str, list[str]] = defaultdict(list)
    for mask in sorted(masks, key=lambda mask: str(mask["source_key"])):
        by_class[mask["label"]].append(mask["source_key"])
    return {
        wish
        for quota, tried in _tried(edits, found, recipe).items()
        for missing in [recipe.edits.exact - sum(one.whole for one in tried)]
        if missing > 0 and by_class[quota.label]
        for wish in _next(quota, tried, missing, by_class[quota.label])
    }


def _next(
    quota: Quota, tried: Sequence[_Tried], missing: int, sources: Sequence[str]
) -> Iterable[Wish]:
    rate = (sum(one.whole for one in tried) + 1) / (len(tried) + 2)
    count = math.ceil(min(missing / rate, missing * WIDEST))
    taken = {(one.pair.source_key, one.pair.index) for one in tried}
    free = (
        (source, index)
        for index in range(len(tried) + count + 1)
        for source in sources
        if (source, index) not in taken
    )
    for _, (source, index) in zip(range(count), free, strict=False):
        for feasibility in FEASIBILITIES:
            yield Wish(source, quota.attribute, index, feasibility)


def trimmed(
    edits: Sequence[Row], found: Mapping[str, Outcome], recipe: Recipe
) -> dict[str, Outcome]:
    """Outcomes in which no quota is passed: accepted edits beyond it are skipped, and told so.

    Their scores stay: how often an editor does as it is told is counted over them too.
    """
    surplus: set[str] = set()
    for tried in _tried(edits, found, recipe).values():
        whole = [one for one in tried if one.whole]
        surplus |= {key for one in whole[recipe.edits.exact :] for key in _good(one, found)}
        for side in FEASIBILITIES:
            single = [one for one in tried if not one.whole and side in one.good]
            room = max(0, recipe.edits.exact - len(whole))
            surplus |= {key for one in single[room:] for key in _good(one, found, side)}
    told = f"{SURPLUS} ({recipe.edits.exact})"
    return {
        key: replace(outcome, decision=replace(outcome.decision, status="skipped", reason=told))
        if key in surplus
        else outcome
        for key, outcome in found.items()
    }


def _good(one: _Tried, found: Mapping[str, Outcome], only: str = "") -> list[str]:
    return [
        row["key"]
        for side, attempts in one.sides.items()
        if only in ("", side)
        for row in attempts.values()
        if found[row["key"]].status == "ok"
    ]


def shortfalls(
    edits: Sequence[Row], found: Mapping[str, Outcome], recipe: Recipe, labels: Iterable[str]
) -> list[str]:
    """A line for every quota that was not filled.

    Args:
        labels: all classes that edits were wanted of, those without a single one included.
    """
    tried = _tried(edits, found, recipe)
    wanted = [Quota(label, name) for label in sorted(labels) for name in recipe.prompts.attributes]
    return [
        _told(quota, side, have, len(tried.get(quota, ())), recipe.edits.exact)
        for quota in wanted
        for side in FEASIBILITIES
        for have in [_filled(tried.get(quota, ()), side)]
        if have < recipe.edits.exact
    ]


def _filled(tried: Sequence[_Tried], side: str) -> int:
    return sum(one.whole or side in one.good for one in tried)


def _told(quota: Quota, side: str, have: int, tried: int, exact: int) -> str:
    what = f"{quota.label}, {quota.attribute}, {side}: {have} of {exact} accepted edits"
    if not tried:
        return f"{what}: none was tried, for want of an accepted mask or of prompts of the class"
    return (
        f"{what}, of {tried} that were tried; loosen edits.gate or verdicts, raise edits.rounds "
        "or edits.attempts, or add sources"
    )
