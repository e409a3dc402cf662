"""An exchange rate, counted from the right answers of a grid alone: nothing is trained."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from varifactory.errors import ExchangeError
from varifactory.exchange.answers import Answers, answers_of
from varifactory.exchange.constant_rate import ConstantRate
from varifactory.exchange.curves import measured_curves
from varifactory.exchange.drawing import redrawn, spread_of
from varifactory.exchange.effective_data import EffectiveData
from varifactory.exchange.figures import ExchangeRate, Fit, Rate
from varifactory.exchange.fitting import Fitted, Points, fit, fit_of, parameters
from varifactory.exchange.paper_form import PaperForm
from varifactory.exchange.rates import Drawn, rate
from varifactory.exchange.surface import REAL, Surface
from varifactory.exchange.yardstick import Yardstick, yardstick
from varifactory.statistics import IMAGES_AND_SEEDS, IMAGES_ONLY


def count_exchange(
    surface: Surface,
    *,
    title: str,
    gains: Sequence[float] = (0.5, 1.0, 2.0),
    confidence: float = 0.95,
    resamples: int = 200,
    seed: int = 0,
    trainee: str = "",
    noted: Sequence[str] = (),
) -> ExchangeRate:
    """All that a grid says.

    Raises:
        ExchangeError: no real curve, no pool, or a grid that cannot be read.
    """
    answers = answers_of(surface)
    drawn = _drawn(answers, confidence, resamples, seed)
    measure = _measure(answers, drawn.top1)
    pools = _pools(answers)
    fits = {pool: fit(EffectiveData(), points_of(drawn, pool), measure) for pool in pools}
    rates = _rates(drawn, fits, gains)
    return ExchangeRate(
        title=title, verdict=(), seeds=answers.seeds, test_images=answers.right.shape[2],
        bases=tuple(round(images) for images in answers.bases.values()), trainee=trainee,
        curves=tuple(measured_curves(answers, measure, fits, confidence)),
        rates=rates,
        fits=tuple(one for pool in pools for one in _forms(fits[pool], pool, answers, confidence)),
        ceilings=tuple(parameters(fits[pool], confidence)[1] for pool in pools),
        substitutions=(), controls=(), more_seeds={}, confidence=confidence,
        notes=(*noted, *answers.notes),
    )  # fmt: skip


def _drawn(answers: Answers, confidence: float, resamples: int, seed: int) -> Drawn:
    top1 = answers.right.mean(axis=(1, 2))[None]
    draws = redrawn(answers.right, confidence=confidence, resamples=resamples, seed=seed)
    covers = IMAGES_AND_SEEDS if len(answers.seeds) > 1 else IMAGES_ONLY
    return Drawn(answers, np.concatenate([top1, draws]), confidence, covers)


def _measure(answers: Answers, top1: NDArray[np.float64]) -> Yardstick:
    at = answers.at(pool=REAL, way="real")
    if len(set(answers.real[at])) < 3:
        raise ExchangeError(
            f"real images were added to {len(set(answers.real[at]))} sizes of training set, and "
            "their curve needs three: give more base sizes, or more multiples of real"
        )
    error = 1 - top1[:, at]
    return yardstick(answers.real[at], error, spread_of(error[0], answers.right[0].size))


def _pools(answers: Answers) -> tuple[str, ...]:
    found = tuple(dict.fromkeys(one.pool for one in answers.places if one.way == "added"))
    if not found:
        raise ExchangeError("no pool was added to any base: there is nothing to trade")
    return found


def points_of(drawn: Drawn, pool: str) -> Points:
    """All places at which images of a pool were added."""
    answers = drawn.answers
    at = answers.at(pool=pool, way="added")
    error = 1 - drawn.top1[:, at]
    base = np.array([answers.bases[answers.places[one].base] for one in at])
    return Points(answers.multiples(at), base, error, spread_of(error[0], answers.right[0].size))


def _forms(found: Fitted, pool: str, answers: Answers, confidence: float) -> Iterator[Fit]:
    bases = list(answers.bases.values())
    yield fit_of(found, pool, confidence)
    paper = fit(PaperForm(len(bases), max(bases)), found.points, found.measure)
    yield fit_of(paper, pool, confidence, "" if len(bases) > 1 else "one base size: g needs two")
    yield fit_of(fit(ConstantRate(), found.points, found.measure), pool, confidence)


def _rates(drawn: Drawn, fits: dict[str, Fitted], gains: Sequence[float]) -> tuple[Rate, ...]:
    found = (
        rate(drawn, fits[pool], pool, base, gain)
        for pool in fits
        for base in drawn.answers.bases
        for gain in gains
    )
    return tuple(one for one in found if one is not None)
