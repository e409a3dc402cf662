"""How many seeds would make the interval of a rate half as wide."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import inf, sqrt

import numpy as np
from numpy.typing import NDArray

from varifactory.exchange.drawn import Drawn, measure_of, points_of
from varifactory.exchange.figures import Rate
from varifactory.exchange.fitting import Fitted, fit
from varifactory.exchange.rates import headline
from varifactory.statistics.effect import MOST_SEEDS
from varifactory.statistics.intervals import quantile
from varifactory.statistics.power import least
from varifactory.statistics.variance import IMAGES, SEEDS, Axes, components, mean_squares

STEP = 1e-4
"""By which an accuracy is moved to see how far the rate follows: a hundredth of a point."""


def more_seeds(
    drawn: Drawn, fits: Mapping[str, Fitted], found: Sequence[Rate]
) -> dict[str, int | None]:
    """Pool -> further seeds; without those that have no rate. Of one seed nothing is known."""
    seeds = len(drawn.answers.seeds)
    told = {pool: headline(found, pool) for pool in fits} if seeds > 1 else {}
    return {
        pool: _more(drawn, fits[pool], pool, rate)
        for pool, rate in told.items()
        if rate is not None and rate.per_real is not None
    }


def _more(drawn: Drawn, found: Fitted, pool: str, rate: Rate) -> int | None:
    """By the variance components of what each answer adds to the logarithm of the rate.

    The rate is taken as a sum of the answers, each times how far the rate follows it (the
    infinitesimal jackknife of Jaeckel, 1972); more seeds are assumed to show the same components.
    """
    slopes = _slopes(drawn, found, pool, rate)
    values = np.tensordot(slopes, drawn.answers.right.astype(np.float64), axes=1)[None]
    seeds, parts = values.shape[1], components(mean_squares(values), values.shape)
    now = _width(parts, seeds, values.shape[2], drawn.confidence)
    enough = least(
        lambda count: _width(parts, count, values.shape[2], drawn.confidence) <= now / 2,
        seeds, MOST_SEEDS,
    )  # fmt: skip
    return None if enough is None else enough - seeds


def _width(parts: Mapping[Axes, float], seeds: int, images: int, confidence: float) -> float:
    """About how wide ``redrawn`` is: it stretches what seeds add to Student's t, and draws what
    seeds and images add together once with either and once with both."""
    together = parts[SEEDS, IMAGES] / images
    z = quantile((1 + confidence) / 2, inf)
    by_seed = (quantile((1 + confidence) / 2, seeds - 1) / z) ** 2 * (parts[SEEDS,] + together)
    return sqrt((by_seed + 2 * together) / seeds + parts[IMAGES,] / images)


def _slopes(drawn: Drawn, found: Fitted, pool: str, rate: Rate) -> NDArray[np.float64]:
    """Of the rate's logarithm by the accuracy of each place, fitted anew with each one moved."""
    top1 = drawn.top1[:1]
    moved = STEP * np.eye(top1.shape[1])
    shaken = replace(drawn, top1=np.concatenate([top1, top1 + moved, top1 - moved]))
    price = fit(found.form, points_of(shaken, pool), measure_of(shaken)).price(rate.gain, rate.base)
    up, down = np.split(np.log(price[1:]), 2)
    slopes: NDArray[np.float64] = (up - down) / (2 * STEP)
    return np.where(np.isfinite(slopes), slopes, 0.0)
