"""Accuracy over the number of edits: is there more to be had, and from which settings."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from varifactory.statistics import Hits, Interval, accuracy, scaling_law, scaling_verdict
from varifactory.study.figures import Ranked, Scaling
from varifactory.study.predictions import Answers
from varifactory.study.questions import Cells, Place, Seeds, rank, shared
from varifactory.training.arms import ARMS

FITTED = 3
"""Sizes that a power law needs: two always lie on one."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """One arm by the number of edits it was trained on, ascending, on the same seeds."""

    edits: tuple[int, ...]
    hits: tuple[Hits, ...]
    validated: tuple[float | None, ...]
    """Mean accuracy of the cells on validation images; None where one of them tells none."""

    def exponent(self, confidence: float) -> Interval | None:
        """k of error = a n^-k; None where there are too few sizes, or one without an error."""
        if len(self.edits) < FITTED or self.edits[0] < 1 or any(one.all() for one in self.hits):
            return None
        return scaling_law(self.edits, self.hits, confidence).exponent


def scaling(
    cells: Cells,
    truth: Mapping[str, NDArray[np.str_]],
    order: Mapping[str, Sequence[Any]],
    confidence: float,
) -> tuple[Scaling, ...]:
    """A curve for every arm that was trained on at least two numbers of edits a real image."""
    return tuple(
        _curve(place, sizes, truth[place.stratum.dataset], confidence)
        for place, sizes in _sizes(cells, order).items()
        if len(sizes.edits) > 1
    )


def _sizes(cells: Cells, order: Mapping[str, Sequence[Any]]) -> dict[Place, Sizes]:
    """The sizes of every arm with edits; of equal sizes the first in the recipe.

    Numbers of edits that share no seed with the others make no curve: then there is none.
    """
    groups: dict[Place, dict[int, Place]] = defaultdict(dict)
    for place in sorted(cells, key=lambda one: (rank(one.stratum, order), one.arm)):
        if ARMS[place.arm].needs_edits:
            group = Place(replace(place.stratum, per_source=0), place.arm)
            groups[group].setdefault(_edits(cells[place].values()), place)
    found = {}
    for group, places in groups.items():
        ascending = sorted(places)
        same = shared(cells, [places[size] for size in ascending])
        if same is not None:
            validated = [_validated(cells, places[size], same.seeds) for size in ascending]
            found[group] = Sizes(tuple(ascending), same.hits, tuple(validated))
    return found


def _edits(answers: Iterable[Answers]) -> int:
    """Edits that a place's cells were trained on; the most where they differ."""
    return max(one.training["train_edits"] or 0 for one in answers)


def _validated(cells: Cells, place: Place, seeds: Iterable[Seeds]) -> float | None:
    told = [cells[place][both].training["validation_top1"] for both in seeds]
    return None if None in told else float(np.mean(told))


def _curve(place: Place, sizes: Sizes, truth: NDArray[np.str_], confidence: float) -> Scaling:
    both = zip(sizes.edits, sizes.hits, strict=True)
    return Scaling(
        stratum=place.stratum,
        arm=place.arm,
        points=tuple((edits, accuracy(hits, confidence)) for edits, hits in both),
        exponent=sizes.exponent(confidence),
        classes=_verdicts(sizes, truth, confidence) if sizes.edits[0] > 0 else {},
    )


def _verdicts(sizes: Sizes, truth: NDArray[np.str_], confidence: float) -> dict[str, str]:
    """Class name -> easy, scaling or poor."""
    return {
        str(name): scaling_verdict(
            sizes.edits, [hits[..., truth == name] for hits in sizes.hits], confidence=confidence
        )
        for name in np.unique(truth)
    }


def ranking(
    cells: Cells, order: Mapping[str, Sequence[Any]], confidence: float
) -> tuple[Ranked, ...]:
    """The combinations of a sweep, best first within each stratum and arm.

    Validation images rank them, at the largest number of edits that all of them have: settings that
    test images chose would look better on those than they are. Equals, and combinations of which a
    cell was not validated, stand in the order of the recipe.
    """
    groups: dict[Place, list[tuple[Place, Sizes]]] = defaultdict(list)
    for place, sizes in _sizes(cells, order).items():
        groups[Place(replace(place.stratum, sweep=""), place.arm)].append((place, sizes))
    return tuple(
        one for group in groups.values() if len(group) > 1 for one in _ranked(group, confidence)
    )


def _ranked(group: Sequence[tuple[Place, Sizes]], confidence: float) -> list[Ranked]:
    common = set.intersection(*(set(sizes.edits) for _, sizes in group))
    found = []
    for place, sizes in group:
        at = sizes.edits.index(max(common)) if common else -1
        found.append(Ranked(
            stratum=place.stratum,
            arm=place.arm,
            edits=sizes.edits[at],
            top1=accuracy(sizes.hits[at], confidence),
            exponent=sizes.exponent(confidence),
            validation_top1=sizes.validated[at],
            same_edits=bool(common),
        ))  # fmt: skip
    if any(one.validation_top1 is None for one in found):
        return found
    return sorted(found, key=lambda one: one.validation_top1 or 0.0, reverse=True)
