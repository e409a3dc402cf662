"""Accuracy over the number of edits: is there more to be had, and from which settings."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from varifactory.arms import ARMS
from varifactory.statistics import Hits, Interval, accuracy, scaling_law, scaling_verdict
from varifactory.study.figures import Ranked, Scaling
from varifactory.study.predictions import Answers
from varifactory.study.questions import Cells, Place, rank, shared

FITTED = 3
"""Sizes that a power law needs: two always lie on one."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """One arm by the number of edits it was trained on, ascending, on the same seeds."""

    edits: tuple[int, ...]
    hits: tuple[Hits, ...]

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
            found[group] = Sizes(tuple(ascending), same.hits)
    return found


def _edits(answers: Iterable[Answers]) -> int:
    """Edits that a place's cells were trained on; the most where they differ."""
    return max(one.training["train_edits"] or 0 for one in answers)


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
    """The combinations of a sweep, best first within each stratum and arm."""
    groups: dict[Place, list[Ranked]] = defaultdict(list)
    for place, sizes in _sizes(cells, order).items():
        one = Ranked(
            stratum=place.stratum,
            arm=place.arm,
            edits=sizes.edits[-1],
            top1=accuracy(sizes.hits[-1], confidence),
            exponent=sizes.exponent(confidence),
        )
        groups[Place(replace(place.stratum, sweep=""), place.arm)].append(one)
    return tuple(
        one
        for group in groups.values()
        if len(group) > 1
        for one in sorted(group, key=_worth, reverse=True)
    )


def _worth(one: Ranked) -> tuple[float, float]:
    return one.top1.estimate, one.exponent.estimate if one.exponent else float("-inf")
