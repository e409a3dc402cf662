"""How far a mean over crossed draws would move: generation seeds x training seeds x test images.

Every seed saw every image, so that a value is the sum of effects of each factor and of each
combination of factors, all taken as random draws. The variance of the mean is estimated by the mean
squares of the analysis of variance, added and subtracted (Searle, Casella and McCulloch, 1992);
econometrics knows the same sum as multiway clustering (Cameron, Gelbach and Miller, 2011).
"""

from collections.abc import Mapping
from itertools import combinations
from math import prod

import numpy as np
from numpy.typing import NDArray

Axes = tuple[int, ...]
"""Which factors: positions in the shape (generation seeds, training seeds, images)."""
Shape = tuple[int, int, int]
GENERATIONS, SEEDS, IMAGES = 0, 1, 2
FEW, MORE = 1.0, 1.5
"""Powers of a factor's share of the variance in the freedom: Satterthwaite's (1946) is 2, which
covers too little with three seeds, since a share that is small by chance then counts as known. 1.5
holds 93 to 98 % from three levels of a factor on (``bench.statistics``); two levels need 1."""


def mean_squares(values: NDArray[np.float64]) -> dict[Axes, float]:
    """The mean square of each factor and combination of factors that has more than one level."""
    shape, every = values.shape, range(values.ndim)
    varied = [axis for axis in every if shape[axis] > 1]
    sums = {}
    for axes in _subsets(varied):
        means = values.mean(axis=tuple(axis for axis in every if axis not in axes))
        sums[axes] = float((means**2).sum()) * values.size / max(1, means.size)
    return {
        axes: max(0.0, sum(_sign(axes, less) * sums[less] for less in _inside(axes, sums)))
        / freedom_of(axes, shape)
        for axes in sums
        if axes
    }


def freedom_of(axes: Axes, shape: tuple[int, ...]) -> int:
    """Degrees of freedom of one mean square."""
    return prod(shape[axis] - 1 for axis in axes)


def components(squares: Mapping[Axes, float], shape: Shape) -> dict[Axes, float]:
    """Variance that each factor or combination adds to one value; a negative estimate is zero."""
    return {
        axes: max(0.0, sum(_sign(axes, more) * squares[more] for more in _within(axes, squares)))
        / _outside(axes, shape)
        for axes in squares
    }


def expected(parts: Mapping[Axes, float], shape: Shape) -> dict[Axes, float]:
    """The mean squares that these components make in a design of another shape."""
    return {
        axes: sum(parts[more] * _outside(more, shape) for more in _within(axes, parts))
        for axes in parts
    }


def spread(squares: Mapping[Axes, float], shape: Shape, known: float = 0.0) -> tuple[float, float]:
    """Variance of the mean of all values, and its degrees of freedom.

    Subtracting may by chance leave less than one factor alone says: then the largest of them
    counts. The freedom joins the factors' own, weighted by their shares of the variance.
    ``known`` is variance to add that was not estimated and so costs no freedom.
    """
    single = {axes: square for axes, square in squares.items() if len(axes) == 1}
    signed = sum(-((-1) ** len(axes)) * square for axes, square in squares.items())
    total = max(signed, *single.values(), 0.0) if single else 0.0
    total += known * prod(shape)
    lost = sum(
        (square / total) ** (FEW if freedom_of(axes, shape) == 1 else MORE)
        / freedom_of(axes, shape)
        for axes, square in single.items()
        if square
    )
    if not lost:
        return total / prod(shape), float(max(1, shape[IMAGES] - 1))
    least = min(freedom_of(axes, shape) for axes in single)
    return total / prod(shape), max(float(least), 1 / lost)


def _subsets(axes: list[int]) -> list[Axes]:
    return [some for count in range(len(axes) + 1) for some in combinations(axes, count)]


def _inside(axes: Axes, all_axes: Mapping[Axes, float]) -> list[Axes]:
    return [less for less in all_axes if set(less) <= set(axes)]


def _within(axes: Axes, all_axes: Mapping[Axes, float]) -> list[Axes]:
    return [more for more in all_axes if set(axes) <= set(more)]


def _outside(axes: Axes, shape: Shape) -> int:
    return prod(count for axis, count in enumerate(shape) if axis not in axes)


def _sign(axes: Axes, other: Axes) -> int:
    return int((-1) ** (len(axes) - len(other)))
