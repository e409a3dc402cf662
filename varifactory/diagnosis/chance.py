"""Whether a share or an order differs from that of real images by more than chance."""

from math import sqrt

import numpy as np
from numpy.typing import NDArray

from varifactory.metrics.domain import area
from varifactory.statistics import Interval, clustered_proportion, proportion

Places = NDArray[np.int64]
Numbers = NDArray[np.float64]

FEWEST = 5
"""Independent images that a share is tested of."""


def share_of(hits: NDArray[np.bool_], kin: Places, confidence: float) -> Interval:
    """A share of synthetic images, where those of one kin hang together."""
    return clustered_proportion(hits, kin, confidence, "other images of the set")


def least_excess(
    made: NDArray[np.bool_], kin: Places, real: NDArray[np.bool_], chance: float
) -> float:
    """Lower bound of the share of synthetic images minus that of real ones, one-sided.

    Newcombe's (1998) hybrid of two score intervals, that of synthetic images over kins. Of fewer
    than ``FEWEST`` kins nothing is known: -1.
    """
    if len(np.unique(kin)) < FEWEST:
        return -1.0
    confidence = 1 - 2 * chance
    ours, theirs = (
        share_of(made, kin, confidence),
        proportion(int(real.sum()), len(real), confidence),
    )
    below, above = ours.estimate - ours.low, theirs.high - theirs.estimate
    return ours.estimate - theirs.estimate - sqrt(below**2 + above**2)


def farther(made: Numbers, kin: Places, real: Numbers) -> tuple[float, float]:
    """Chance that a synthetic image's number exceeds a real one's, and its standard error.

    Mann and Whitney's (1947) statistic over kins, each the mean of its images; the error is that of
    two samples of one distribution, a normal approximation that serves from about 8 of each.
    """
    number = np.unique(kin, return_inverse=True)[1]
    means = np.bincount(number, weights=made) / np.bincount(number)
    count, others = len(means), len(real)
    return area(real, means), sqrt((count + others + 1) / (12 * count * others))
