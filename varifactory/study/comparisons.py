"""Comparisons of a study: paired effects, two families for Holm, verdicts, no false winners."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypedDict

from varifactory.statistics import (
    Effect,
    McNemar,
    bootstrap_difference,
    holm,
    mcnemar,
    paired_effect,
    winner,
)
from varifactory.study.figures import Comparison, Plan
from varifactory.study.questions import (
    DESCRIBED,
    Asked,
    Cells,
    Shared,
    primary,
    shared,
)

RESAMPLES = 2_000
"""Of the bootstrap that stands beside the primary comparisons: of 10 cells and 8,000 images 10,000
take up to 2 s (``bench.statistics``). No verdict rests on it."""
PRIMARY, OTHER, NONE = "primary", "other", ""
"""Families: Holm corrects within each, so that what is asked besides costs the verdict nothing."""


class Needs(TypedDict):
    """Fields of ``figures.Comparison``."""

    detectable: float
    seeds_needed: int | None
    images_needed: int | None
    generations_needed: int | None


@dataclass(frozen=True, slots=True)
class Measured:
    """A comparison before the family is known."""

    asked: Asked
    pair: Shared
    """The first place and the second."""
    effect: Effect
    mcnemar: tuple[McNemar, ...]

    @property
    def p_value(self) -> float:
        """Of one pair of cells the exact test's: it needs no normal approximation."""
        if len(self.mcnemar) == 1:
            return max(self.mcnemar[0].p_value, self.effect.p_value)
        return self.effect.p_value


@dataclass(frozen=True, slots=True)
class Family:
    """Where a comparison is corrected, and for how many."""

    name: str
    size: int
    p_holm: float
    """1 of one that is not inferential."""


def measured(cells: Cells, planned: Sequence[Asked]) -> list[Measured]:
    """Those of the planned comparisons that the cells give and that share a pair of seeds."""
    found = []
    for one in planned:
        pair = shared(cells, (one.first, one.second))
        if pair is not None:
            effect = paired_effect(*pair.hits)
            found.append(Measured(one, pair, effect, _by_pair(pair)))
    return found


def _by_pair(pair: Shared) -> tuple[McNemar, ...]:
    images = pair.hits[0].shape[-1]
    arm, other = (hits.reshape(-1, images) for hits in pair.hits)
    return tuple(mcnemar(ours, theirs) for ours, theirs in zip(arm, other, strict=True))


def families(planned: Sequence[Asked]) -> list[str]:
    """The family of each planned comparison."""
    first = primary(planned)
    return [
        NONE if one.question in DESCRIBED else PRIMARY if at in first else OTHER
        for at, one in enumerate(planned)
    ]


def comparisons(
    found: Sequence[Measured], planned: Sequence[Asked], plan: Plan
) -> tuple[Comparison, ...]:
    """What each comparison says, judged as one of its family.

    Families are of what was planned: one that could not be measured counts with a p-value of 1, so
    that a cell that failed makes no other comparison surer.
    """
    family_of = {
        (one.first, one.second): name for one, name in zip(planned, families(planned), strict=True)
    }
    names = [family_of[one.asked.first, one.asked.second] for one in found]
    sizes = Counter(family_of.values())
    adjusted: dict[int, float] = {}
    for name in (PRIMARY, OTHER):
        mine = [at for at, own in enumerate(names) if own == name]
        p_values = [found[at].p_value for at in mine]
        whole = holm([*p_values, *[1.0] * (sizes[name] - len(mine))])
        adjusted |= dict(zip(mine, whole[: len(mine)], strict=True))
    return tuple(
        _comparison(one, plan, Family(names[at], max(1, sizes[names[at]]), adjusted.get(at, 1.0)))
        for at, one in enumerate(found)
    )


def _comparison(one: Measured, plan: Plan, family: Family) -> Comparison:
    effect, interval = one.effect, one.effect.interval(plan.confidence)
    first, second = one.pair.hits
    is_primary, inferential = family.name == PRIMARY, family.name != NONE
    above = winner(interval) if family.p_holm < 1 - plan.confidence else "no winner"
    return Comparison(
        stratum=one.asked.stratum,
        arm=one.asked.first.arm,
        other=one.asked.second.arm,
        question=one.asked.question,
        effect=effect,
        interval=interval,
        p_value=one.p_value,
        p_holm=family.p_holm,
        verdict=effect.verdict(plan.margin, plan.confidence, family.p_holm),
        winner=above,
        mcnemar=one.mcnemar,
        pairs=one.pair.seeds,
        bootstrap=bootstrap_difference(first, second, plan.confidence, RESAMPLES)
        if is_primary
        else None,
        primary=is_primary,
        values=one.asked.values,
        inferential=inferential,
        family=family.name,
        family_size=family.size if inferential else 1,
        spread_known=effect.seeds > 1,
        equal_steps=one.pair.equal_steps,
        **_needs(effect, plan, 1 - (1 - plan.confidence) / (family.size if inferential else 1)),
    )


def _needs(effect: Effect, plan: Plan, confidence: float) -> Needs:
    """What a design sees at Holm's worst step, and how large one must be: ``confidence`` is that
    of an interval that excludes zero where the smallest p-value of the family is told."""
    asked = (plan.resolve, plan.power, confidence)
    seeds = effect.seeds_for(*asked)
    return {
        "detectable": effect.detectable(plan.power, confidence),
        "seeds_needed": seeds,
        "images_needed": effect.images_for(*asked) if seeds is None else None,
        "generations_needed": effect.generations_for(*asked) if seeds is None else None,
    }


def notes(found: Sequence[Measured]) -> Iterator[str]:
    """Pairs of cells that are there and could not be used."""
    for one in found:
        if one.pair.left_out:
            yield (
                f"{one.asked.first.arm} minus {one.asked.second.arm}: {one.pair.left_out} pairs of "
                f"cells are left out, for not every generation seed has all training seeds; "
                f"{len(one.pair.seeds)} are counted."
            )
