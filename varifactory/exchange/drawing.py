"""Accuracies of the whole grid with seeds and test images drawn anew."""

from math import ceil, sqrt

import numpy as np
from numpy.typing import NDArray

from varifactory.errors import RecipeError
from varifactory.statistics.bootstrap import CELLS, stretch

Draws = NDArray[np.float64]
"""(draws, places)."""


def redrawn(right: NDArray[np.bool_], *, confidence: float, resamples: int, seed: int) -> Draws:
    """Accuracies at each place of ``right``, shape (places, seeds, images), drawn anew.

    A nested percentile bootstrap: first seeds, then test images, with replacement, the same draw
    for all places, which keeps every pairing. As in ``statistics.bootstrap`` deviations between
    few seeds are stretched (Hesterberg, 2015), since five seeds understate their own spread.
    A stretched draw may leave 0 to 1 and is cut there.

    What is a seed's and an image's together is drawn with either and with both, so that intervals
    of rates err to the wide side (Owen's pigeonhole bootstrap, 2007): nominal 95 %, those that are
    told held the truth in 93 to 100 % of 100 simulated grids a case, with 3 to 10 seeds; of few
    that are told at the end of the grid, 7 of 8 and 21 of 23 (``bench.exchange_coverage``).
    """
    places, seeds, images = right.shape
    random = np.random.default_rng(seed)
    shares = random.multinomial(seeds, np.full(seeds, 1 / seeds), size=resamples) / seeds
    flat = right.reshape(places * seeds, images).astype(np.float64)
    found, step = np.empty((resamples, places)), max(1, CELLS // max(images, places * seeds))
    for start in range(0, resamples, step):
        part = shares[start : start + step]
        drawn = random.multinomial(images, np.full(images, 1 / images), size=len(part))
        # Whole numbers, whose sums are exact in whatever order a library takes them.
        cells = (drawn.astype(np.float64) @ flat.T).reshape(-1, places, seeds) / images
        found[start : start + step] = np.einsum("rps,rs->rp", cells, part)
    means = right.mean(axis=2)
    away = means - means.mean(axis=1, keepdims=True)
    found += (stretch(seeds, confidence) - 1) * shares @ away.T
    cut: Draws = np.clip(found, 0.0, 1.0)
    return cut


def least_draws(confidence: float) -> int:
    """As many that one in the mean lies outside either end: the ends of fewer are too near."""
    return ceil(round(2 / (1 - confidence), 6))


def check_draws(resamples: int, confidence: float) -> None:
    """Raise where an interval could not be drawn.

    Raises:
        RecipeError: there are too few draws for so high a confidence.
    """
    if resamples < (least := least_draws(confidence)):
        raise RecipeError(
            f"exchange.resamples is {resamples}, and an interval of report.confidence {confidence} "
            f"needs {least} draws at least: raise exchange.resamples, or lower report.confidence"
        )


def bounds(draws: NDArray[np.float64], confidence: float) -> tuple[float, float]:
    """Of the middle share ``confidence`` of draws, which may hold infinities at either end."""
    # Rounded, else the fifth of 200 draws would be the sixth.
    tail = round((1 - confidence) / 2, 12)
    low, high = np.quantile(draws, [tail, 1 - tail], method="inverted_cdf")
    return float(low), float(high)


def spread_of(error: NDArray[np.float64], answers: int) -> NDArray[np.float64]:
    """Standard deviation of a share of so many answers, never of none or all: one half is added."""
    share = (error * answers + 0.5) / (answers + 1)
    return np.sqrt(share * (1 - share)) / sqrt(answers)
