"""Accuracy by images added: as measured, smoothed to rise, and as fitted."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from varifactory.exchange.answers import Answers
from varifactory.exchange.figures import Curve
from varifactory.exchange.fitting import Fitted
from varifactory.exchange.surface import REAL
from varifactory.exchange.yardstick import Yardstick
from varifactory.statistics import accuracy

STEPS = 200
"""Of a curve that is searched for a level: a hundredth of a base where four were added, and between
two steps it is taken as straight."""
DRAWN = 40
"""Points of a fitted curve: smooth on a page."""


def rising(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The nearest sequence that never falls, of each row: (draws, places).

    Isotonic regression by its max-min formula (Barlow et al., 1972): as many places as a grid has
    are few.
    """
    count = values.shape[1]
    sums = np.concatenate([np.zeros((len(values), 1)), values.cumsum(axis=1)], axis=1)
    first, last = np.arange(count)[:, None], np.arange(count)[None, :]
    means = (sums[:, last + 1] - sums[:, first]) / np.maximum(last - first + 1, 1)
    means = np.where(first <= last, means, np.inf)
    lowest = np.minimum.accumulate(means[:, :, ::-1], axis=2)[:, :, ::-1]
    lowest = np.where(first <= last, lowest, -np.inf)
    found: NDArray[np.float64] = np.maximum.accumulate(lowest, axis=1)[
        :, np.arange(count), np.arange(count)
    ]
    return found


def between(
    multiples: NDArray[np.float64], values: NDArray[np.float64], at: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Values at other multiples, (draws, len(at)), without a wave between the measured ones.

    Monotone cubic interpolation (Fritsch and Carlson, 1980) over log(1 + multiple), in which the
    accuracies of growing sets are nearly straight.
    """
    if len(multiples) == 1:
        return np.repeat(values, len(at), axis=1)
    from scipy.interpolate import PchipInterpolator

    found: NDArray[np.float64] = PchipInterpolator(np.log1p(multiples), values, axis=1)(
        np.log1p(at)
    )
    return found


def reaches(
    multiples: NDArray[np.float64], values: NDArray[np.float64], level: NDArray[np.float64]
) -> NDArray[np.float64]:
    """The least multiple at which each row's curve has its ``level``; infinite where none has."""
    grid = np.expm1(np.linspace(0.0, np.log1p(multiples.max()), STEPS))
    curve = between(multiples, rising(values), grid)
    above = curve >= level[:, None] - 1e-12
    first = above.argmax(axis=1)
    rows, before = np.arange(len(values)), np.maximum(first - 1, 0)
    low, high = curve[rows, before], curve[rows, first]
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.where(high > low, (level - low) / (high - low), 0.0)
    met = grid[before] + np.clip(share, 0.0, 1.0) * (grid[first] - grid[before])
    return np.where(above.any(axis=1), met, np.inf)


def with_base(answers: Answers, pool: str, base: int) -> NDArray[np.intp]:
    """Positions of a base without additions and of all that was added to it of a pool."""
    if pool == REAL:
        return answers.at(pool=REAL, way="real", base=base)
    added = answers.at(pool=pool, way="added", base=base)
    return np.concatenate([[answers.base_at(base)], added]).astype(np.intp)


def measured_curves(
    answers: Answers, measure: Yardstick, fits: dict[str, Fitted], confidence: float
) -> Iterator[Curve]:
    """A curve a pool and base, real images first; with what its fit says where there is one."""
    for pool in (REAL, *fits):
        for base, images in answers.bases.items():
            at = with_base(answers, pool, base)
            multiples = answers.multiples(at)
            if pool != REAL and not multiples.any():
                continue  # its images ran out before the first of them was added here
            yield Curve(
                pool=pool,
                base=round(images),
                points=tuple(
                    (float(multiple), accuracy(answers.right[one], confidence))
                    for multiple, one in zip(multiples, at, strict=True)
                ),
                fitted=_fitted(measure, fits.get(pool), images, float(multiples.max())),
            )


def _fitted(
    measure: Yardstick, found: Fitted | None, images: float, most: float
) -> tuple[tuple[float, float], ...]:
    if not most or (found is not None and found.one_number):
        return ()  # a base alone is a point, and how a pool gets to one number nobody knows
    grid = np.expm1(np.linspace(0.0, np.log1p(most), DRAWN))
    x = grid
    if found is not None:
        x = found.form.worth(found.at[:1], grid, np.full(DRAWN, images))[0][0]
    top1 = 1 - measure.of(slice(0, 1)).error(images * (1 + x))[0]
    return tuple((float(at), float(value)) for at, value in zip(grid, top1, strict=True))
