"""An estimate with its bounds, the interval of a share, and no false winners."""

from dataclasses import dataclass
from functools import lru_cache
from math import inf, sqrt
from typing import Literal

from varifactory.statistics.hits import IMAGES_ONLY


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate with the bounds of its interval."""

    estimate: float
    low: float
    high: float
    confidence: float
    covers: str = IMAGES_ONLY
    """What another draw of would move the estimate: the interval knows of nothing else."""

    @property
    def spans_zero(self) -> bool:
        """Whether zero lies within the bounds: then there is no winner."""
        return self.low <= 0 <= self.high

    @property
    def half_width(self) -> float:
        """Half of the interval: smaller effects than about this cannot be seen."""
        return (self.high - self.low) / 2


def proportion(
    successes: int,
    total: int,
    confidence: float = 0.95,
    method: Literal["wilson", "exact"] = "wilson",
) -> Interval:
    """A share and its interval.

    Assumes independent trials with one probability. ``wilson`` is Wilson's score interval (1927;
    recommended by Brown, Cai and DasGupta, 2001): close to its confidence on average. ``exact`` is
    Clopper and Pearson's (1934): never below its confidence, and wider.

    Raises:
        ValueError: for a total below 1, or successes outside 0 to total.
    """
    if total < 1 or not 0 <= successes <= total:
        raise ValueError(f"{successes} of {total} is no share: give 0 <= successes <= total, >= 1")
    share = successes / total
    low, high = (
        wilson(share, total, confidence)
        if method == "wilson"
        else _clopper_pearson(successes, total, confidence)
    )
    return Interval(share, low, high, confidence)


def wilson(
    share: float, total: float, confidence: float, freedom: float = inf
) -> tuple[float, float]:
    """Bounds of a share of so many independent answers; with Student's t of a finite freedom."""
    from statistics import NormalDist

    level = (1 + confidence) / 2
    z = NormalDist().inv_cdf(level) if freedom == inf else quantile(level, freedom)
    middle = (share + z * z / (2 * total)) / (1 + z * z / total)
    half = z / (1 + z * z / total) * sqrt(share * (1 - share) / total + (z / (2 * total)) ** 2)
    # At the ends the formula is exact in theory and off by a rounding in floating point.
    low = 0.0 if share == 0 else max(0.0, middle - half)
    return low, 1.0 if share == 1 else min(1.0, middle + half)


def by_t(estimate: float, error: float, freedom: float, confidence: float) -> tuple[float, float]:
    """Bounds of an estimate with a standard error of so many degrees of freedom."""
    half = error * quantile((1 + confidence) / 2, freedom)
    return estimate - half, estimate + half


@lru_cache(maxsize=1024)
def quantile(share: float, freedom: float) -> float:
    """Of Student's t."""
    from scipy.stats import t

    return float(t.ppf(share, freedom))


def _clopper_pearson(successes: int, total: int, confidence: float) -> tuple[float, float]:
    from scipy.stats import beta

    tail = (1 - confidence) / 2
    low = float(beta.ppf(tail, successes, total - successes + 1)) if successes else 0.0
    high = float(beta.ppf(1 - tail, successes + 1, total - successes)) if successes < total else 1.0
    return low, high


def winner(difference: Interval) -> Literal["above", "below", "no winner"]:
    """Which side of zero an interval lies on; ``no winner`` where it spans zero."""
    if difference.spans_zero:
        return "no winner"
    return "above" if difference.low > 0 else "below"
