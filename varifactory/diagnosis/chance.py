"""Whether a share or an order differs from that of real images by more than chance."""

from bisect import bisect_left
from math import sqrt

import numpy as np

from varifactory.metrics.domain import area
from varifactory.metrics.vectors import Flags, Numbers, Places
from varifactory.statistics import Interval, clustered_proportion, proportion

FEWEST = 5
"""Independent images that a share is tested of."""


def share_of(hits: Flags, kin: Places, confidence: float) -> Interval:
    """A share of synthetic images, where those of one kin hang together."""
    return clustered_proportion(hits, kin, confidence, "other images of the set")


def least_excess(made: Flags, kin: Places, real: Flags, chance: float) -> float:
    """Lower bound of the share of synthetic images minus that of real ones, one-sided.

    Newcombe's (1998) hybrid of two score intervals. Every kin has one vote, the share of its hits:
    a picture that was made twenty times is one observation, however much of the class it is. Of
    fewer than ``FEWEST`` kins nothing is known: -1.
    """
    number, sizes = np.unique(kin, return_inverse=True, return_counts=True)[1:]
    if len(sizes) < FEWEST:
        return -1.0
    votes = np.bincount(number, weights=made) / sizes
    theirs = proportion(int(real.sum()), len(real), 1 - 2 * chance)
    below, above = _below(votes, len(made), chance), theirs.high - theirs.estimate
    return float(votes.mean()) - theirs.estimate - sqrt(below**2 + above**2)


def _below(votes: Numbers, images: int, chance: float) -> float:
    """How far the mean vote lies above its lower bound, Wilson's (1927).

    Of as many trials as the spread of the votes says they are worth, from one a kin to one an
    image; with Student's quantile (Korn and Graubard, 1998).
    """
    from scipy.stats import t

    count, share = len(votes), float(votes.mean())
    spread = float(votes.var(ddof=1)) / count
    worth = min(max(share * (1 - share) / spread, count), images) if spread > 0 else count
    z = float(t.ppf(1 - chance, count - 1))
    middle = (share + z * z / (2 * worth)) / (1 + z * z / worth)
    half = z / (1 + z * z / worth) * sqrt(share * (1 - share) / worth + (z / (2 * worth)) ** 2)
    return share - max(0.0, middle - half)


def least_seen(kin: Places, real: Flags, chance: float, beyond: float) -> float | None:
    """The share of images from which ``least_excess`` surely tells it from that of real ones.

    Kins are hit as wholes, the largest first, which is the hardest to see; ``beyond`` is what the
    share must exceed that of real images by besides. None where no share could be told.
    """
    number, sizes = np.unique(kin, return_inverse=True, return_counts=True)[1:]
    number, kins = np.argsort(np.argsort(-sizes, kind="stable"))[number], len(sizes)
    usual = float(real.mean()) if len(real) else 0.0

    def seen(count: int) -> bool:
        made = number < count
        enough = float(made.mean()) - usual >= beyond
        return enough and least_excess(made, number, real, chance) > 0

    at = bisect_left(range(1, kins + 1), True, key=seen)
    return float((number <= at).mean()) if at < kins else None


def farther(made: Numbers, kin: Places, real: Numbers) -> tuple[float, float]:
    """Chance that a synthetic image's number exceeds a real one's, and its standard error.

    Mann and Whitney's (1947) statistic over kins, each the mean of its images; the error is that of
    two samples of one distribution, a normal approximation that serves from about 8 of each.
    """
    number = np.unique(kin, return_inverse=True)[1]
    means = np.bincount(number, weights=made) / np.bincount(number)
    count, others = len(means), len(real)
    return area(real, means), sqrt((count + others + 1) / (12 * count * others))
