"""Which comparisons a grid gives: fixed by its cells alone, before any answer is looked at."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from varifactory.errors import StudyError
from varifactory.statistics import Hits
from varifactory.store.studies import StudyCell
from varifactory.study.predictions import Answers
from varifactory.training.arms import ARMS
from varifactory.training.grid import BRIDGED, MIXED, PROBE, Factors, Stratum, needed

REFERENCE = "real"
SIDES = ("mixed", "feasible", "infeasible")
HELPS = tuple(f"{start}{side}" for start in ("real+", "") for side in SIDES)
"""The first of these that was planned answers whether edits help: fixed before anything is seen."""
MATTERS = (("real+feasible", "real+infeasible"), ("feasible", "infeasible"))
"""The first of these pairs that was planned answers whether feasibility matters."""
CONTROLS = (
    *((arm, REFERENCE) for arm in ("zero-shot", "real-standard", "copy-real")),
    *((f"{start}{side}", REFERENCE)
      for side in ("unchanged", "unfiltered") for start in ("real+", "")),
    *((f"real+{side}", "copy-real") for side in SIDES),
    *((f"{start}{side}", f"{start}{control}")
      for control in ("unchanged", "unfiltered") for start in ("real+", "") for side in SIDES),
)  # fmt: skip
"""What is left of an effect without its cause: other augmentation, mere repetition, an editor's
traces alone, and what the judge's choice adds."""
WITHIN = (
    *(("helps", arm, REFERENCE) for arm in HELPS),
    *(("matters", *pair) for pair in MATTERS),
    *(("control", *pair) for pair in CONTROLS),
)
FACTORS = ("schedule", "augmentation", "trainee")
"""Factors of which two values are set against each other, arm by arm."""
DESCRIBED = ("trainee",)
"""Of these nothing is inferred: architectures are no draws from anything, and differ in far more
than the name."""


@dataclass(frozen=True, slots=True)
class Place:
    """The cells of one arm in one stratum."""

    stratum: Stratum
    arm: str


@dataclass(frozen=True, slots=True)
class Asked:
    """One comparison: the first place minus the second."""

    question: str
    stratum: Stratum
    """What both have in common, with the factors that only one depends on."""
    first: Place
    second: Place
    values: tuple[str, str] = ("", "")


Seeds = tuple[int, int]
"""Generation seed and training seed; 0 for what an arm does not depend on."""
Cells = Mapping[Place, Mapping[Seeds, Answers]]


def placed(answers: Iterable[Answers]) -> Cells:
    """The cells by arm and stratum, in the order given.

    Raises:
        StudyError: two cells of a place have the same seeds, or an arm is not known.
    """
    found: dict[Place, dict[Seeds, Answers]] = defaultdict(dict)
    for one in answers:
        place, seeds = place_of(one.cell)
        if seeds in found[place]:
            raise StudyError(
                f"the study has two cells of arm {place.arm!r} with generation and training seed "
                f"{seeds} in {place.stratum}: name each cell once"
            )
        found[place][seeds] = one
    return dict(found)


def place_of(cell: StudyCell) -> tuple[Place, Seeds]:
    """Where a cell stands, without the factors that its arm does not depend on."""
    if cell.arm not in ARMS:
        raise StudyError(f"arm {cell.arm!r} is none of {', '.join(ARMS)}: update varifactory")
    stratum = Stratum(
        cell.dataset, cell.sweep, cell.trainee, cell.augmentation, cell.attribute,
        cell.per_source, cell.schedule,
    )  # fmt: skip
    plain = needed(Factors(stratum, cell.arm, cell.generation_seed or 0, cell.seed))
    return Place(plain.stratum, cell.arm), (plain.generation_seed, plain.seed)


def asked(places: Collection[Place], order: Mapping[str, Sequence[Any]]) -> list[Asked]:
    """Every comparison once; ``order`` is each factor's values in the order of the recipe."""
    strata = sorted({place.stratum for place in places}, key=lambda one: rank(one, order))
    found: dict[tuple[Place, Place], Asked] = {}
    for one in [*_within(set(places), strata), *_across(places, order)]:
        found.setdefault((one.first, one.second), one)
    return list(found.values())


def rank(stratum: Stratum, order: Mapping[str, Sequence[Any]]) -> tuple[int, ...]:
    """Where a stratum stands in the order of the recipe; what it does not name comes last."""
    return tuple(
        list(values).index(value) if (value := getattr(stratum, factor)) in values else len(values)
        for factor, values in order.items()
    )


def _within(places: set[Place], strata: Sequence[Stratum]) -> Iterator[Asked]:
    for stratum in strata:
        for question, arm, other in WITHIN:
            first, second = _at(stratum, arm), _at(stratum, other)
            # One of the two depends on all that the stratum names; else it is another's question.
            if {first, second} <= places and stratum in (first.stratum, second.stratum):
                yield Asked(question, stratum, first, second)


def _at(stratum: Stratum, arm: str) -> Place:
    return Place(needed(Factors(stratum, arm, 0, 0)).stratum, arm)


def _across(places: Iterable[Place], order: Mapping[str, Sequence[Any]]) -> Iterator[Asked]:
    for factor in FACTORS:
        for without, group in _alike(places, factor).items():
            first, *others = sorted(group, key=lambda one: _place_in(one, factor, order))
            for other in others:
                values = (getattr(other.stratum, factor), getattr(first.stratum, factor))
                yield Asked(factor, without.stratum, other, first, values)


def _alike(places: Iterable[Place], factor: str) -> dict[Place, list[Place]]:
    """Places that only this factor tells apart; no augmentation tells a probe from another."""
    blank: dict[str, Any] = {factor: ""}
    groups: dict[Place, list[Place]] = defaultdict(list)
    probes = []
    for place in places:
        if factor == "trainee" and place.stratum.trainee == PROBE:
            probes.append(place)
        elif getattr(place.stratum, factor):
            groups[Place(replace(place.stratum, **blank), place.arm)].append(place)
    for probe in probes:
        of_vectors = replace(probe.stratum, trainee="", augmentation="")
        for without, group in groups.items():
            if (replace(without.stratum, augmentation=""), without.arm) == (of_vectors, probe.arm):
                group.append(probe)
    return groups


def _place_in(place: Place, factor: str, order: Mapping[str, Sequence[Any]]) -> tuple[int, str]:
    value = getattr(place.stratum, factor)
    known = (MIXED, BRIDGED) if factor == "schedule" else order.get(factor, ())
    return (list(known).index(value) if value in known else len(known)), value


def primary(questions: Sequence[Asked]) -> set[int]:
    """Places of those that the verdict rests on: of each data set the first that asks whether
    edits help, and the first that asks whether feasibility matters, in the order of the recipe.

    ``questions`` are those that were planned: one that could not be answered gives way to no other.
    """
    found: dict[tuple[str, str], int] = {}
    for at, one in enumerate(questions):
        if one.question in ("helps", "matters"):
            found.setdefault((one.stratum.dataset, one.question), at)
    return set(found.values())


@dataclass(frozen=True, slots=True)
class Shared:
    """Some places on the same seeds and test images."""

    hits: tuple[Hits, ...]
    """A place each, (generation seeds, training seeds, images)."""
    seeds: tuple[Seeds, ...]
    left_out: int
    """Sets of cells that no rectangle of seeds could hold with these."""
    equal_steps: bool | None
    """Whether all places trained equally many steps on every pair of seeds; None where one of them
    tells none."""


def shared(cells: Cells, places: Sequence[Place]) -> Shared | None:
    """The largest rectangle of generation and training seeds that all places have.

    A place that a seed does not move stands beside every value of it. None where they share none,
    or one has no cells.
    """
    if not all(place in cells for place in places):
        return None
    sides = [_Side(cells[place], place) for place in places]
    generations = sorted({seed for side in sides for seed in side.generations}) or [0]
    trainings = sorted({seed for side in sides for seed in side.trainings}) or [0]
    there = np.array([
        [all(side.at(one, two) is not None for side in sides) for two in trainings]
        for one in generations
    ])  # fmt: skip
    rows, columns = rectangle(there)
    if not rows or not columns:
        return None
    seeds = tuple((generations[row], trainings[column]) for row in rows for column in columns)
    shape = (len(rows), len(columns), -1)
    hits = tuple(np.stack([side.right(*both) for both in seeds]).reshape(shape) for side in sides)
    return Shared(hits, seeds, int(there.sum()) - len(seeds), _equal_steps(sides, seeds))


def _equal_steps(sides: Sequence["_Side"], seeds: Sequence[Seeds]) -> bool | None:
    steps = [{side.steps(*both) for side in sides} for both in seeds]
    if any(None in one for one in steps):
        return None
    return all(len(one) == 1 for one in steps)


class _Side:
    """The cells of one place, whatever seeds they are asked for by."""

    def __init__(self, cells: Mapping[Seeds, Answers], place: Place) -> None:
        self._cells, self._kind = cells, ARMS[place.arm]
        self.generations = {seeds[0] for seeds in cells} if self._kind.needs_edits else set()
        self.trainings = {seeds[1] for seeds in cells} if self._kind.trained else set()

    def at(self, generation: int, training: int) -> Answers | None:
        return self._cells.get((
            generation if self._kind.needs_edits else 0, training if self._kind.trained else 0
        ))  # fmt: skip

    def right(self, generation: int, training: int) -> NDArray[np.bool_]:
        found = self.at(generation, training)
        assert found is not None  # only seeds of the rectangle are asked for
        return found.right

    def steps(self, generation: int, training: int) -> int | None:
        """None of what is not trained, too."""
        found = self.at(generation, training)
        assert found is not None  # as above
        return found.training.get("steps") if self._kind.trained else None


MANY_ROWS = 12
"""Up to so many generation seeds every choice of them is tried: 4,095."""


def rectangle(there: NDArray[np.bool_]) -> tuple[list[int], list[int]]:
    """Rows and columns of the largest rectangle without a gap; of equals the one with more columns.

    Of more than ``MANY_ROWS`` rows all, or those without a gap.
    """
    rows = range(len(there))
    if len(there) <= MANY_ROWS:
        choices = [one for size in range(1, len(there) + 1) for one in combinations(rows, size)]
    else:
        choices = [tuple(rows), tuple(np.flatnonzero(there.all(axis=1)).tolist())]
    sizes = [(len(one) * width, width) for one in choices
             for width in [int(there[list(one)].all(axis=0).sum())]]  # fmt: skip
    best = choices[max(range(len(choices)), key=lambda at: (sizes[at], -at))]
    return list(best), np.flatnonzero(there[list(best)].all(axis=0)).tolist()
