"""Accuracy over the number of edits: is there more to be had, and from which settings."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from varifactory.arms import ARMS
from varifactory.statistics import Hits, Interval, power_law, scaling_verdict
from varifactory.study.arms import class_counts, top1
from varifactory.study.figures import Ranked, Scaling
from varifactory.study.questions import Cells, Place, own, rank

FITTED = 3
"""Sizes that a power law needs: two always lie on one."""
Size = tuple[int, Hits]
"""Edits trained on, and what was right."""


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
        if len(sizes) > 1
    )


def _sizes(cells: Cells, order: Mapping[str, Sequence[Any]]) -> dict[Place, list[Size]]:
    """The sizes of every arm with edits, ascending; of equal sizes the first in the recipe."""
    found: dict[Place, dict[int, Hits]] = defaultdict(dict)
    for place in sorted(cells, key=lambda one: (rank(one.stratum, order), one.arm)):
        if ARMS[place.arm].needs_edits:
            group = Place(replace(place.stratum, per_source=0), place.arm)
            pair = own(cells, place)
            size = max(cells[place][seeds].training["train_edits"] or 0 for seeds in pair.seeds)
            found[group].setdefault(size, pair.arm)
    return {place: sorted(sizes.items(), key=lambda one: one[0]) for place, sizes in found.items()}


def _curve(
    place: Place, sizes: Sequence[Size], truth: NDArray[np.str_], confidence: float
) -> Scaling:
    return Scaling(
        stratum=place.stratum,
        arm=place.arm,
        points=tuple((size, top1(hits, confidence)) for size, hits in sizes),
        exponent=_exponent(sizes, confidence),
        classes=_verdicts(sizes, truth, confidence),
    )


def _exponent(sizes: Sequence[Size], confidence: float) -> Interval | None:
    """k of error = a n^-k, fitted to the mean error at each size; None where there is no fit."""
    errors = [1 - float(hits.mean()) for _, hits in sizes]
    numbers = [size for size, _ in sizes]
    if len(sizes) < FITTED or min(errors) <= 0 or min(numbers) < 1:
        return None
    found: Interval = power_law(numbers, errors, confidence).exponent
    return found


def _verdicts(sizes: Sequence[Size], truth: NDArray[np.str_], confidence: float) -> dict[str, str]:
    """Class name -> easy, scaling or poor."""
    counted = [class_counts(hits, truth) for _, hits in sizes]
    numbers = [size for size, _ in sizes]
    return {
        name: scaling_verdict(numbers, [1 - right / total for right, total in
                                        (one[name] for one in counted)], confidence)
        for name in counted[0]
    }  # fmt: skip


def ranking(
    cells: Cells, order: Mapping[str, Sequence[Any]], confidence: float
) -> tuple[Ranked, ...]:
    """The combinations of a sweep, best first within each stratum and arm."""
    groups: dict[Place, list[Ranked]] = defaultdict(list)
    for place, sizes in _sizes(cells, order).items():
        edits, hits = sizes[-1]
        one = Ranked(
            stratum=place.stratum,
            arm=place.arm,
            edits=edits,
            top1=top1(hits, confidence),
            exponent=_exponent(sizes, confidence),
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
