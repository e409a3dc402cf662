"""What tells feasible from infeasible edits besides feasibility: it may be what an arm learned of.

Both edits of a pair have the same source, index and noise, so they are compared as pairs. Edits of
one source hang together, so a source is one observation; where a class has one number (its
diversity), a class is.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files

import numpy as np
import yaml
from numpy.typing import NDArray

from varifactory.stages import Row
from varifactory.statistics import holm
from varifactory.study.diversity import diversity, prompts
from varifactory.study.figures import Confound
from varifactory.study.measures import Measured, Numbers
from varifactory.training.grid import Stratum

PAIRED = ("present", "presence", "class_kept", "region_share", "pixel_change",
          "embedding_distance", "forced")  # fmt: skip
"""Measures of ``figures.Check`` that an edit has alone; ``feasible`` is what should differ."""
MANIPULATED = "feasible"
"""The measure that should differ, and the other way round is none of it."""
NOTABLE = 0.1
"""Standardised difference from which one counts: Austin's (2009) rule for covariates of matched
groups. Below it a difference that is surely there moves an arm by little."""
LARGEST = 10.0
"""Standardised differences beyond this, as where nothing else varies, are told as this."""
FEWEST = 3
"""Observations that are tested; fewer say nothing of chance."""


@dataclass(frozen=True, slots=True)
class Sides:
    """Two arms' edits, and all that were asked for."""

    ours: Measured
    theirs: Measured
    asked: Sequence[Row]
    """Items of edits of both feasibilities, whatever became of them."""


@dataclass(frozen=True, slots=True)
class _Tested:
    measure: str
    value: float
    other: float
    p_value: float
    standardised: float


def confounds_of(
    stratum: Stratum, arm: str, other: str, sides: Sides, confidence: float = 0.95
) -> list[Confound]:
    """Measures that differ by more than chance; ``notable`` says by more than ``NOTABLE``, too.

    Student's t over the differences of sources (or classes), two-sided, Holm over the measures of
    this pair of arms. It assumes sources drawn independently and, with few of them, differences
    near to normal.
    """
    tested = list(_tested(sides, PAIRED))
    tested += _of_classes(sides)
    adjusted = holm([one.p_value for one in tested])
    return [
        Confound(stratum, arm, other, one.measure, one.value, one.other, float(p), one.standardised,
                 _sentence(one), notable=abs(one.standardised) >= NOTABLE)
        for one, p in zip(tested, adjusted, strict=True)
        if p < 1 - confidence
    ]  # fmt: skip


def tested_measures(sides: Sides) -> list[str]:
    """Measures that enough sources or classes tell to be tested."""
    return [one.measure for one in (*_tested(sides, PAIRED), *_of_classes(sides))]


def failed_manipulation(arm: str, other: str, sides: Sides, confidence: float = 0.95) -> str:
    """What is said where two arms do not differ in feasibility as they should; empty if they do.

    The judge must call the edits of the first feasible more often than those of the second, by more
    than chance (as confounds are tested, alone) and by at least ``NOTABLE``.
    """
    found = next(iter(_tested(sides, (MANIPULATED,))), None)
    place = f"{arm} against {other}"
    if found is None:
        return (
            f"{place}: too few edits were judged for feasibility to tell whether the arms differ "
            "in it."
        )
    if found.p_value < 1 - confidence and found.standardised >= NOTABLE:
        return ""
    return (
        f"{place}: the judge calls {found.value:.0%} of the one's edits feasible and "
        f"{found.other:.0%} of the other's, which does not tell them apart: what these arms say is "
        "nothing of feasibility."
    )


def _tested(sides: Sides, measures: Iterable[str]) -> Iterable[_Tested]:
    at, partner = _partners(sides.ours.rows, sides.theirs.rows)
    sources = sides.ours.sources[at]
    for name in measures:
        first, second = sides.ours.numbers[name][at], sides.theirs.numbers[name][partner]
        known = ~(np.isnan(first) | np.isnan(second))
        of = sources[known]
        for found in _compared(name, _means(first[known], of), _means(second[known], of)):
            # Told as the checks tell it, over edits; a source with more edits weighs more there.
            yield replace(
                found, value=float(first[known].mean()), other=float(second[known].mean())
            )


def _of_classes(sides: Sides) -> Iterable[_Tested]:
    """What a class, or a source whatever became of its edits, has one number of."""
    for name, of_class in (("diversity", diversity), ("prompts", prompts)):
        yield from _compared(name, *_shared(of_class(sides.ours), of_class(sides.theirs)))
    yield from _compared("rejected", *_shared(*_refused(sides.asked)))


def _partners(ours: Sequence[Row], theirs: Sequence[Row]) -> tuple[list[int], list[int]]:
    """Places of the edits that have a partner, and of these."""
    place = {_pair(row): at for at, row in enumerate(theirs)}
    found = [(at, place[_pair(row)]) for at, row in enumerate(ours) if _pair(row) in place]
    return [at for at, _ in found], [partner for _, partner in found]


def _pair(row: Row) -> tuple[object, ...]:
    return tuple(row.get(name) for name in ("dataset", "source_key", "attribute", "index"))


def _means(numbers: Numbers, groups: NDArray[np.int64]) -> Numbers:
    """The mean of each group, groups ascending."""
    if not len(numbers):
        return numbers
    _, number = np.unique(groups, return_inverse=True)
    return np.bincount(number, weights=numbers) / np.bincount(number)


def _shared(ours: Mapping[str, float], theirs: Mapping[str, float]) -> tuple[Numbers, Numbers]:
    names = sorted(set(ours) & set(theirs))
    return np.array([ours[name] for name in names]), np.array([theirs[name] for name in names])


def _refused(asked: Iterable[Row]) -> tuple[dict[str, float], dict[str, float]]:
    """Share of the feasible edits of each source that were refused, and of the infeasible ones."""
    counts: dict[str, dict[str, list[bool]]] = {"feasible": {}, "infeasible": {}}
    for row in asked:
        if row["feasibility"] in counts:
            side = counts[row["feasibility"]].setdefault(row["source_key"], [])
            side.append(row["status"] == "rejected")
    feasible, infeasible = (
        {key: float(np.mean(refused)) for key, refused in side.items()} for side in counts.values()
    )
    return feasible, infeasible


def _compared(measure: str, ours: Numbers, theirs: Numbers) -> Iterable[_Tested]:
    if len(ours) < FEWEST:
        return
    spread = float(np.sqrt((ours.var(ddof=1) + theirs.var(ddof=1)) / 2))
    difference = float(ours.mean() - theirs.mean())
    negligible = abs(difference) <= 1e-9 * max(1.0, abs(float(theirs.mean())))
    if negligible:
        standardised = 0.0
    else:
        standardised = float(np.clip(difference / max(spread, 1e-12), -LARGEST, LARGEST))
    p_value = 1.0 if negligible else _p_value(ours - theirs)
    yield _Tested(measure, float(ours.mean()), float(theirs.mean()), p_value, standardised)


def _p_value(differences: Numbers) -> float:
    """Student's t that their mean is zero; 0 where all are one number that is not."""
    from scipy.stats import t

    count = len(differences)
    error = float(differences.std(ddof=1)) / count**0.5
    if error < 1e-12:
        return 0.0
    return float(2 * t.sf(abs(float(differences.mean())) / error, count - 1))


def _sentence(found: _Tested) -> str:
    words = _words()[found.measure]
    above = found.value > found.other
    more, less = ("feasible", "infeasible") if above else ("infeasible", "feasible")
    high, low = max(found.value, found.other), min(found.value, found.other)
    by = f"{high / low - 1:.0%}" if low > 0 else "wholly"
    said = words["said"].format(
        more=more, less=less, by=by, one=words["number"].format(high),
        other=words["number"].format(low),
    )  # fmt: skip
    said = f"{said[0].upper()}{said[1:]}"
    if abs(found.standardised) < NOTABLE:
        return f"{said}: surely, but by less than {NOTABLE} standard deviations."
    return (
        f"{said}: a difference between the arms may be one of "
        f"{words['may_be']}, not of feasibility."
    )


@cache
def _words() -> Mapping[str, Mapping[str, str]]:
    text = files("varifactory").joinpath("study/confounds.yaml").read_text(encoding="utf-8")
    found: Mapping[str, Mapping[str, str]] = yaml.safe_load(text)
    return found
