"""Shares of things that hang together, such as the edits of one image."""

from math import sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from varifactory.statistics.intervals import Interval


def clustered_proportion(
    hits: NDArray[np.bool_],
    clusters: NDArray[np.int64],
    confidence: float = 0.95,
    covers: str = "whole sources",
) -> Interval:
    """A share and its interval, where whole clusters were drawn.

    The share is a ratio of totals; its variance is linearised over clusters (Cochran, Sampling
    Techniques, 1977, 6.3), which says how many independent trials it is worth; Wilson's interval
    (1927) is of those many, with Student's quantile of as many degrees of freedom as clusters less
    one (Korn and Graubard, 1998, do so with Clopper and Pearson's). Where nothing varies a cluster
    counts as one trial, the least it can be worth. Assumes clusters drawn independently.

    Args:
        hits: one a thing, shape (n,).
        clusters: number of its cluster, shape (n,); any integers.

    Raises:
        ValueError: for no things, or shapes that differ.
    """
    if not hits.size or hits.shape != clusters.shape:
        raise ValueError(
            f"{hits.size} hits and {clusters.size} clusters: give one each, at least 1"
        )
    from scipy.stats import norm, t

    _, number = np.unique(clusters, return_inverse=True)
    sizes = np.bincount(number).astype(np.float64)
    share = float(hits.mean())
    worth = _worth(share, sizes, np.bincount(number, weights=hits.astype(np.float64)))
    tail = (1 + confidence) / 2
    z = float(t.ppf(tail, len(sizes) - 1) if len(sizes) > 1 else norm.ppf(tail))
    middle = (share + z * z / (2 * worth)) / (1 + z * z / worth)
    half = z / (1 + z * z / worth) * sqrt(share * (1 - share) / worth + (z / (2 * worth)) ** 2)
    low = 0.0 if share == 0 else max(0.0, middle - half)
    high = 1.0 if share == 1 else min(1.0, middle + half)
    return Interval(share, low, high, confidence, covers)


def _worth(share: float, sizes: NDArray[np.float64], right: NDArray[Any]) -> float:
    """Independent trials that the clusters are worth: from one a cluster to one a thing."""
    count, total = len(sizes), float(sizes.sum())
    if count < 2 or not 0 < share < 1:
        return float(count)
    variance = count / (count - 1) * float(((right - share * sizes) ** 2).sum()) / total**2
    return float(np.clip(share * (1 - share) / max(variance, 1e-12), count * 0.5, total))
