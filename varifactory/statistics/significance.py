"""Tests of two trained classifiers, and p-values of many comparisons at once."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from varifactory.statistics.hits import Hits


@dataclass(frozen=True, slots=True)
class McNemar:
    """Images that exactly one of two arms got right, and how surprising their split is."""

    only_first: int
    only_second: int
    p_value: float


def mcnemar(arm: Hits, other: Hits) -> McNemar:
    """Exact test that two trained classifiers err equally often on the same images.

    McNemar (1947) in its exact binomial form, two-sided: under no difference each image that only
    one got right falls to either with probability 1/2. One seed alone, shape (images,): images of
    several seeds are not independent, and it knows nothing of training noise.

    Raises:
        ValueError: for other shapes than two equal rows of images.
    """
    if arm.ndim != 1 or arm.shape != other.shape:
        raise ValueError(f"shapes {arm.shape} and {other.shape}: give one seed's images of both")
    from scipy.stats import binomtest

    first, second = int((arm & ~other).sum()), int((other & ~arm).sum())
    p_value = float(binomtest(first, first + second).pvalue) if first + second else 1.0
    return McNemar(first, second, p_value)


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjusted p-values: those below alpha hold a false one with at most the probability alpha.

    Holm's step-down (1979). Assumes nothing of how the comparisons depend on each other, which
    matters here: many share an arm. The order of the answer is that of ``p_values``.

    Raises:
        ValueError: for a value outside 0 to 1.
    """
    order, values = _sorted(p_values)
    factors = np.arange(len(values), 0, -1)
    return _placed(order, np.maximum.accumulate(np.minimum(1.0, values * factors)))


def false_discovery(p_values: Sequence[float]) -> list[float]:
    """Adjusted p-values: of those below alpha a share of at most alpha is false, on average.

    Benjamini and Hochberg (1995). Assumes comparisons that are independent or depend positively
    (Benjamini and Yekutieli, 2001), as the classes of one pair of arms do. The order of the answer
    is that of ``p_values``.

    Raises:
        ValueError: for a value outside 0 to 1.
    """
    order, values = _sorted(p_values)
    scaled = values * len(values) / np.arange(1, len(values) + 1)
    return _placed(order, np.minimum(1.0, np.minimum.accumulate(scaled[::-1])[::-1]))


def _sorted(p_values: Sequence[float]) -> tuple[np.ndarray, np.ndarray]:
    values = np.asarray(p_values, dtype=np.float64)
    if not ((values >= 0) & (values <= 1)).all():
        raise ValueError(f"p-values {values.tolist()}: give numbers from 0 to 1")
    order = np.argsort(values, kind="stable")
    return order, values[order]


def _placed(order: np.ndarray, adjusted: np.ndarray) -> list[float]:
    placed = np.empty(len(order))
    placed[order] = adjusted
    return [float(value) for value in placed]
