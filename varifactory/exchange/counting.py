"""An exchange rate, counted from the right answers of a grid alone: nothing is trained."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from varifactory.exchange.answers import answers_of
from varifactory.exchange.constant_rate import ConstantRate
from varifactory.exchange.controls import controls
from varifactory.exchange.curves import measured_curves
from varifactory.exchange.drawn import drawn_anew, measure_of, pools_of, worth_of
from varifactory.exchange.effective_data import KAPPA
from varifactory.exchange.figures import ExchangeRate, Fit, Parameter
from varifactory.exchange.fitting import Fitted, fit, fit_of, parameters, real_curve
from varifactory.exchange.more_seeds import more_seeds
from varifactory.exchange.paper_form import PaperForm
from varifactory.exchange.rates import rates
from varifactory.exchange.sentences import remarks, verdict, words
from varifactory.exchange.substitution import substitutions
from varifactory.exchange.surface import Surface, ordered
from varifactory.recipe.exchange import CONTROLS


def count_exchange(
    surface: Surface,
    *,
    title: str,
    gains: Sequence[float] = (0.5, 1.0, 2.0),
    confidence: float = 0.95,
    resamples: int = 200,
    seed: int = 0,
    wrong: float = 0.2,
    trainee: str = "",
    noted: Sequence[str] = (),
) -> ExchangeRate:
    """All that a grid says; the same for the same answers and ``seed``, however often.

    Real images alone make the curve that everything is held against (``Yardstick``); what a pool
    is worth is fitted to it (``EffectiveData``, and the other forms beside it); intervals are of a
    nested bootstrap over seeds and test images that fits everything anew.

    Args:
        gains: real gains at which rates are told, multiples of the base.
        wrong: share of wrong labels of the mislabelled control.
        noted: what is to be said beside the figures.

    Raises:
        ExchangeError: a grid that lacks what a rate needs.
    """
    answers = answers_of(surface)
    drawn = drawn_anew(answers, confidence=confidence, resamples=resamples, seed=seed)
    measure = measure_of(drawn)
    fits = {pool: worth_of(drawn, pool, measure) for pool in pools_of(answers)}
    found, ceilings = rates(drawn, fits, gains), _ceilings(fits, confidence)
    made = [pool for pool in ordered(fits) if pool not in CONTROLS]
    return ExchangeRate(
        title=title,
        verdict=tuple(verdict(found, pool, ceilings[pool]) for pool in made or fits),
        seeds=answers.seeds,
        test_images=answers.right.shape[2],
        bases=tuple(round(images) for images in answers.bases.values()),
        trainee=trainee,
        curves=tuple(measured_curves(answers, measure, fits, confidence)),
        rates=found,
        fits=tuple(_forms(fits, confidence)),
        ceilings=tuple(ceilings.values()),
        substitutions=tuple(substitutions(drawn, measure)),
        controls=tuple(controls(drawn, fits, found, wrong)),
        more_seeds=more_seeds(drawn, fits, found),
        confidence=confidence,
        notes=(*noted, *answers.notes, *remarks(drawn, fits, found, gains)),
    )


def _ceilings(fits: Mapping[str, Fitted], confidence: float) -> dict[str, Parameter]:
    """Pool -> its kappa, under the name of the pool."""
    return {
        pool: replace(parameters(found, confidence)[KAPPA], name=pool)
        for pool, found in fits.items()
    }


def _forms(fits: Mapping[str, Fitted], confidence: float) -> Iterator[Fit]:
    """Every form fitted to every pool, so that they can be compared."""
    for pool, found in fits.items():
        bases = np.unique(found.points.base)  # its own: it may have been added to one alone
        refused = "" if len(bases) > 1 else str(words()["one base"])
        own = fit_of(found, pool, confidence)
        yield replace(own, parameters=(*own.parameters, *real_curve(found.measure, confidence)))
        paper = fit(PaperForm(len(bases), float(bases.max())), found.points, found.measure)
        yield fit_of(paper, pool, confidence, refused)
        constant = fit(ConstantRate(), found.points, found.measure)
        yield fit_of(constant, pool, confidence)
