"""How the error falls with the number of edits: a power law, and what becomes of each class."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp, sqrt
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from varifactory.statistics.hits import Hits, crossed, drawn
from varifactory.statistics.intervals import Interval, by_t
from varifactory.statistics.variance import mean_squares, spread

Scales = Literal["easy", "scaling", "poor"]
AROUND_THE_LINE = "scatter of the sizes around the line"
EASY = 0.9
"""Accuracy from which a class has nothing left to gain; the paper gives no number."""


@dataclass(frozen=True, slots=True)
class PowerLaw:
    """error = factor * size ** -exponent."""

    factor: float
    exponent: Interval

    def error_at(self, size: float) -> float:
        """Of another size; beyond twice the largest that was fitted it is a guess."""
        return float(self.factor * size**-self.exponent.estimate)


def power_law(
    sizes: Sequence[float], errors: Sequence[float], confidence: float = 0.95
) -> PowerLaw:
    """A line through the logarithms of sizes and errors, as Fan et al. (2023) fit scaling curves.

    Ordinary least squares and Student's t with two degrees of freedom less than there are sizes.
    Assumes errors that scatter around the line independently and by a similar factor; sizes that
    share their seeds and test images do not: ``scaling_law`` takes those. An error that levels off
    above zero is no power law, and its exponent falls with the sizes that are fitted.

    Raises:
        ValueError: for fewer than three different sizes, or a size or error of zero.
    """
    x, weights = _log_sizes(sizes)
    y = np.log(_positive(errors, "errors"))
    if len(x) != len(y):
        raise ValueError(f"{len(x)} sizes and {len(y)} errors: give one error of each size")
    slope = float(weights @ y)
    left = y - y.mean() - slope * (x - x.mean())
    variance = float((left**2).sum()) / (len(x) - 2) * float((weights**2).sum())
    low, high = by_t(-slope, sqrt(variance), len(x) - 2, confidence)
    exponent = Interval(-slope, low, high, confidence, AROUND_THE_LINE)
    return PowerLaw(exp(float(y.mean() - slope * x.mean())), exponent)


def scaling_law(sizes: Sequence[float], hits: Sequence[Hits], confidence: float = 0.95) -> PowerLaw:
    """The same line, as sure as the seeds and test images that all sizes share make it.

    The exponent is a weighted sum of the sizes' log errors, and each of these moves with its right
    answers by 1 / error (the delta method; Oehlert, 1992), which gives every seed and image a value
    of its own: the error of their mean is that of crossed random draws (``variance``). Says nothing
    of whether the points lie on a line: look at them.

    Args:
        sizes: at least three, different.
        hits: of each size, all of one shape, on the same seeds and images.

    Raises:
        ValueError: for fewer than three different sizes, hits that cannot be paired, or no errors.
    """
    x, weights = _log_sizes(sizes)
    right = _same(sizes, hits)
    errors = _positive([1 - float(one.mean()) for one in right], "errors")
    slope = float(weights @ np.log(errors))
    low, high = _bounds(weights / errors, right, -slope, confidence)
    exponent = Interval(-slope, low, high, confidence, drawn(right[0].shape))
    return PowerLaw(exp(float(np.log(errors).mean() - slope * x.mean())), exponent)


def scaling_verdict(
    sizes: Sequence[float],
    hits: Sequence[Hits],
    easy: float = EASY,
    confidence: float = 0.95,
) -> Scales:
    """What more edits do for one class, in the three kinds of Fan et al. (2023).

    ``easy``: right in ``easy`` of the answers with the fewest edits already. ``scaling``:
    accuracy rises with the logarithm of the size, and the interval of that slope (crossed random
    draws) lies above zero. ``poor``: neither, so that more edits like these are no help. A small
    class is called poor until its gain can be seen.

    Args:
        sizes: at least two, different.
        hits: of each size, of this class's images alone; all of one shape.

    Raises:
        ValueError: for fewer than two different sizes, or hits that cannot be paired.
    """
    _, weights = _log_sizes(sizes, least=2)
    right = _same(sizes, hits)
    if right[int(np.argmin(sizes))].mean() >= easy:
        return "easy"
    slope = float(weights @ [one.mean() for one in right])
    low, _ = _bounds(weights, right, slope, confidence)
    return "scaling" if low > 0 else "poor"


def _bounds(
    weights: NDArray[np.float64], right: Sequence[Hits], estimate: float, confidence: float
) -> tuple[float, float]:
    """Of what right answers, weighted by their sizes, sum up to.

    As of a paired difference one image more on each side counts as moved as far as an image can
    (Bonett and Price, 2012): few images that agree are not certain.
    """
    moves = np.tensordot(weights, np.stack(right).astype(np.float64), axes=1)
    most = float(weights[weights > 0].sum())
    unseen = 2 * (most / moves.shape[2]) ** 2
    variance, freedom = spread(mean_squares(moves), moves.shape, unseen)
    return by_t(estimate, sqrt(variance), freedom, confidence)


def _log_sizes(
    sizes: Sequence[float], least: int = 3
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Logarithms, and the weights with which values at these sizes make the slope."""
    x = np.log(_positive(sizes, "sizes"))
    if len(set(sizes)) < least:
        raise ValueError(f"sizes {list(sizes)}: a line needs {least} different ones or more")
    away = x - x.mean()
    return x, away / (away**2).sum()


def _positive(values: Sequence[float], what: str) -> NDArray[np.float64]:
    found = np.asarray(values, dtype=np.float64)
    if not (found > 0).all():
        raise ValueError(f"{what} {found.tolist()}: a power law needs numbers above zero")
    return found


def _same(sizes: Sequence[float], hits: Sequence[Hits]) -> list[Hits]:
    right = [crossed(one) for one in hits]
    if len(right) != len(sizes) or len({one.shape for one in right}) != 1:
        raise ValueError(
            f"{len(sizes)} sizes and hits of shapes {[one.shape for one in right]}: give the hits "
            "of each size on the same seeds and test images"
        )
    return right
