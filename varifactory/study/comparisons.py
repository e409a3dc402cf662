"""Comparisons of a study: paired effects, one family for Holm, verdicts, and no false winners."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

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
    asked,
    primary,
    shared,
)

RESAMPLES = 2_000
"""Of the bootstrap that stands beside the primary comparisons: of 10 cells and 8,000 images 10,000
take 2 s. No verdict rests on it; the standard error of a bound is 1.5 % of the width."""


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


def measured(cells: Cells, order: Mapping[str, Sequence[Any]]) -> list[Measured]:
    """Every comparison that the cells give and that shares a pair of seeds."""
    found = []
    for one in asked(cells, order):
        pair = shared(cells, (one.first, one.second))
        if pair is not None:
            effect = paired_effect(*pair.hits)
            found.append(Measured(one, pair, effect, _by_pair(pair)))
    return found


def _by_pair(pair: Shared) -> tuple[McNemar, ...]:
    images = pair.hits[0].shape[-1]
    arm, other = (hits.reshape(-1, images) for hits in pair.hits)
    return tuple(mcnemar(ours, theirs) for ours, theirs in zip(arm, other, strict=True))


def comparisons(found: Sequence[Measured], plan: Plan) -> tuple[Comparison, ...]:
    """What each comparison says, judged as one of its family."""
    family = [at for at, one in enumerate(found) if one.asked.question not in DESCRIBED]
    adjusted = dict(zip(family, holm([found[at].p_value for at in family]), strict=True))
    first = primary([one.asked for one in found])
    return tuple(
        _comparison(one, plan, adjusted.get(at), primary=at in first)
        for at, one in enumerate(found)
    )


def _comparison(one: Measured, plan: Plan, p_holm: float | None, *, primary: bool) -> Comparison:
    effect, interval = one.effect, one.effect.interval(plan.confidence)
    first, second = one.pair.hits
    p_adjusted = 1.0 if p_holm is None else float(p_holm)
    above = winner(interval) if p_adjusted < 1 - plan.confidence else "no winner"
    seeds = effect.seeds_for(plan.resolve, plan.power, plan.confidence)
    return Comparison(
        stratum=one.asked.stratum,
        arm=one.asked.first.arm,
        other=one.asked.second.arm,
        question=one.asked.question,
        effect=effect,
        interval=interval,
        p_value=one.p_value,
        p_holm=p_adjusted,
        verdict=effect.verdict(plan.margin, plan.confidence, p_adjusted),
        winner=above,
        mcnemar=one.mcnemar,
        pairs=one.pair.seeds,
        bootstrap=bootstrap_difference(first, second, plan.confidence, RESAMPLES)
        if primary
        else None,
        detectable=effect.detectable(plan.power, plan.confidence),
        seeds_needed=seeds,
        images_needed=effect.images_for(plan.resolve, plan.power, plan.confidence)
        if seeds is None
        else None,
        primary=primary,
        values=one.asked.values,
        inferential=p_holm is not None,
    )


def notes(found: Sequence[Measured]) -> Iterator[str]:
    """Pairs of cells that are there and could not be used."""
    for one in found:
        if one.pair.left_out:
            yield (
                f"{one.asked.first.arm} minus {one.asked.second.arm}: {one.pair.left_out} pairs of "
                f"cells are left out, for not every generation seed has all training seeds; "
                f"{len(one.pair.seeds)} are counted."
            )
