"""How sure a number is: exact accuracies with intervals, paired differences, and no false winners.

All take what was counted on the same test images, an image a column. Accuracies are correct
answers over all images, never a mean of batches. Shares are 0 to 1, differences too.
"""

from dataclasses import dataclass
from math import sqrt
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from varifactory.statistics.hits import IMAGES_AND_SEEDS, IMAGES_ONLY, Hits

CELLS = 8_000_000
"""Random numbers held at a time by the bootstrap (64 MB of float64)."""


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
    bounds = _wilson if method == "wilson" else _clopper_pearson
    low, high = bounds(successes, total, confidence)
    return Interval(successes / total, low, high, confidence)


def _wilson(successes: int, total: int, confidence: float) -> tuple[float, float]:
    from statistics import NormalDist

    z = NormalDist().inv_cdf((1 + confidence) / 2)
    share = successes / total
    middle = (share + z * z / (2 * total)) / (1 + z * z / total)
    half = z / (1 + z * z / total) * sqrt(share * (1 - share) / total + (z / (2 * total)) ** 2)
    # At the ends the formula is exact in theory and off by a rounding in floating point.
    low = 0.0 if successes == 0 else max(0.0, middle - half)
    return low, 1.0 if successes == total else min(1.0, middle + half)


def _clopper_pearson(successes: int, total: int, confidence: float) -> tuple[float, float]:
    from scipy.stats import beta

    tail = (1 - confidence) / 2
    low = float(beta.ppf(tail, successes, total - successes + 1)) if successes else 0.0
    high = float(beta.ppf(1 - tail, successes + 1, total - successes)) if successes < total else 1.0
    return low, high


def accuracy(
    hits: Hits, confidence: float = 0.95, resamples: int = 10_000, seed: int = 0
) -> Interval:
    """Top-1 over all seeds and images.

    With one seed Wilson's interval over images; with more the bootstrap of ``paired_difference``
    on the arm alone.
    """
    hits = _checked(hits)
    if len(hits) == 1:
        return proportion(int(hits.sum()), hits.shape[1], confidence)
    return _bootstrap(hits.astype(np.float64), confidence, resamples, seed)


def paired_difference(
    arm: Hits, other: Hits, confidence: float = 0.95, resamples: int = 10_000, seed: int = 0
) -> Interval:
    """Accuracy of ``arm`` minus that of ``other``, on the same seeds and test images.

    A percentile bootstrap (Efron, 1979) that draws whole seeds and whole images anew, both with
    replacement and crossed, since every seed saw every image (Owen's pigeonhole bootstrap, 2007,
    which errs to the wide side). Few seeds understate their own spread (simulated: 70 % instead of
    95 % with two seeds), so deviations between seeds are stretched by sqrt(S / (S - 1)) * t / z
    (Hesterberg's expanded percentile, 2015). Drawing differences, not arms, keeps the pairing.
    Assumes that seeds and images are draws from those one wants to speak of. One seed says nothing
    of training noise: then only images are drawn, and ``covers`` says so.

    Raises:
        ValueError: if the two differ in shape, or hold nothing.
    """
    arm, other = _checked(arm), _checked(other)
    if arm.shape != other.shape:
        raise ValueError(
            f"arms of shape {arm.shape} and {other.shape} cannot be paired: score both with the "
            "same seeds on the same test images"
        )
    return _bootstrap(arm.astype(np.float64) - other, confidence, resamples, seed)


def _checked(hits: Hits) -> Hits:
    hits = np.atleast_2d(np.asarray(hits, dtype=np.bool_))
    if hits.ndim != 2 or not hits.size:
        raise ValueError(f"shape {hits.shape}: give (seeds, images), at least one of each")
    return hits


def _bootstrap(
    values: NDArray[np.float64], confidence: float, resamples: int, seed: int
) -> Interval:
    random = np.random.default_rng(seed)
    seeds, images = values.shape
    by_seed = values.mean(axis=1)
    stretch = _stretch(seeds, confidence)
    draws = np.empty(resamples)
    step = max(1, CELLS // images)
    for start in range(0, resamples, step):
        count = min(step, resamples - start)
        image_weights = random.multinomial(images, np.full(images, 1 / images), size=count)
        seed_weights = random.multinomial(seeds, np.full(seeds, 1 / seeds), size=count) / seeds
        drawn = (image_weights / images @ values.T * seed_weights).sum(axis=1)
        between = seed_weights @ by_seed - by_seed.mean()
        draws[start : start + count] = drawn + (stretch - 1) * between
    tail = (1 - confidence) / 2
    low, high = np.quantile(draws, [tail, 1 - tail])
    covers = IMAGES_ONLY if seeds == 1 else IMAGES_AND_SEEDS
    return Interval(float(values.mean()), float(low), float(high), confidence, covers)


def _stretch(seeds: int, confidence: float) -> float:
    """How much wider than its draws a bootstrap of so few seeds must be."""
    if seeds == 1:
        return 1.0
    from scipy.stats import norm, t

    quantile = (1 + confidence) / 2
    return float(sqrt(seeds / (seeds - 1)) * t.ppf(quantile, seeds - 1) / norm.ppf(quantile))


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
    several seeds are not independent.

    Raises:
        ValueError: for other shapes than two equal rows of images.
    """
    if arm.ndim != 1 or arm.shape != other.shape:
        raise ValueError(f"shapes {arm.shape} and {other.shape}: give one seed's images of both")
    from scipy.stats import binomtest

    first, second = int((arm & ~other).sum()), int((other & ~arm).sum())
    p_value = float(binomtest(first, first + second).pvalue) if first + second else 1.0
    return McNemar(first, second, p_value)


def winner(difference: Interval) -> Literal["above", "below", "no winner"]:
    """Which side of zero an interval lies on; ``no winner`` where it spans zero."""
    if difference.spans_zero:
        return "no winner"
    return "above" if difference.low > 0 else "below"
