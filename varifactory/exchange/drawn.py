"""A grid as it was answered and as it might have been, and what each pool of it is worth."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from varifactory.errors import ExchangeError
from varifactory.exchange.answers import Answers
from varifactory.exchange.drawing import bounds, redrawn, spread_of
from varifactory.exchange.effective_data import ByBase, EffectiveData, NoCeiling, NoCeilingByBase
from varifactory.exchange.fitting import Fitted, Points, fit
from varifactory.exchange.surface import REAL
from varifactory.exchange.yardstick import Yardstick, yardstick
from varifactory.statistics import IMAGES_AND_SEEDS, IMAGES_ONLY, Interval

LEAST_SIZES = 3
"""Training sets of real images: their curve has three parameters."""

SEVERAL = 1.5
"""Times the fewest images of a pool: fewer are one number, which rounding made two of."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """Accuracies of the grid, (1 + draws, places): as answered, then drawn anew."""

    answers: Answers
    top1: NDArray[np.float64]
    confidence: float

    @property
    def tail(self) -> float:
        """Share of draws outside one end of an interval."""
        return (1 - self.confidence) / 2

    @property
    def covers(self) -> str:
        """What was drawn."""
        return IMAGES_AND_SEEDS if len(self.answers.seeds) > 1 else IMAGES_ONLY

    def interval(self, values: NDArray[np.float64]) -> Interval:
        """Of a number as answered and as of every draw."""
        low, high = bounds(values[1:], self.confidence)
        return Interval(float(values[0]), low, high, self.confidence, self.covers)


def drawn_anew(answers: Answers, *, confidence: float, resamples: int, seed: int) -> Drawn:
    """The answers with ``resamples`` draws of seeds and test images."""
    draws = redrawn(answers.right, confidence=confidence, resamples=resamples, seed=seed)
    return Drawn(answers, np.concatenate([answers.right.mean(axis=(1, 2))[None], draws]),
                 confidence)  # fmt: skip


def pools_of(answers: Answers) -> tuple[str, ...]:
    """Whose images were added.

    Raises:
        ExchangeError: nobody's.
    """
    found = tuple(dict.fromkeys(one.pool for one in answers.places if one.way == "added"))
    if not found:
        raise ExchangeError(
            "images of no generator and of no control were added to a base, so that there is "
            "nothing to trade: train cells of exchange.generators"
        )
    return found


def measure_of(drawn: Drawn) -> Yardstick:
    """The curve of real images, of the answers and of every draw.

    Raises:
        ExchangeError: too few sizes for a curve.
    """
    answers = drawn.answers
    at = answers.at(pool=REAL, way="real")
    sizes = sorted(set(answers.real[at]))
    if len(sizes) < LEAST_SIZES:
        raise ExchangeError(
            f"real images alone were trained on in sets of {[round(one) for one in sizes]} images, "
            f"and their curve needs {LEAST_SIZES} sizes: give exchange.base or exchange.real more"
        )
    error = 1 - drawn.top1[:, at]
    return yardstick(answers.real[at], error, spread_of(error[0], answers.right[0].size))


def points_of(drawn: Drawn, pool: str) -> Points:
    """All places at which images of a pool were added."""
    answers = drawn.answers
    at = answers.at(pool=pool, way="added")
    error = 1 - drawn.top1[:, at]
    base = np.array([answers.bases[answers.places[one].base] for one in at])
    return Points(answers.multiples(at), base, error, spread_of(error[0], answers.right[0].size))


def worth_of(drawn: Drawn, pool: str, measure: Yardstick) -> Fitted:
    """Fit A of a pool, with a rate that may change with the base where there are several.

    One rate for all would be surer at the smallest and the largest base, and wrong there where it
    does change, which few grids are large enough to notice: simulated with a rate that grows by a
    third from 30 to 120 images, its intervals held the truth at 120 in 75 % of grids with 5 seeds,
    and these in 93 to 100 % (``bench.exchange_coverage``).
    """
    points = points_of(drawn, pool)
    bases = np.unique(points.base)
    middle = float(np.exp(np.log(bases).mean()))
    one_number = points.added.max() < SEVERAL * points.added.min()
    form = NoCeilingByBase(middle) if one_number else ByBase(middle)
    if len(bases) > 1 and len(points.added) >= form.free:
        return fit(form, points, measure)
    return fit(NoCeiling() if one_number else EffectiveData(), points, measure)
