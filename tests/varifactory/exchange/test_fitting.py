import numpy as np
import pytest
from scipy.optimize import least_squares

from varifactory.exchange.constant_rate import ConstantRate
from varifactory.exchange.effective_data import EffectiveData, NoCeiling
from varifactory.exchange.fitting import Form, Points, fit, fit_of, parameter
from varifactory.exchange.paper_form import PaperForm
from varifactory.exchange.yardstick import Yardstick, yardstick

SIZES = np.array([30, 45, 60, 90, 120, 180, 240, 360.0])
ADDED = np.tile([0.5, 1, 2, 4.0], 3)
BASE = np.repeat([30, 60, 120.0], 4)
SPREAD = np.full(12, 0.01)


def measure(rows: int) -> Yardstick:
    error = np.repeat((1.6 * SIZES**-0.5 + 0.02)[None], rows, axis=0)
    return yardstick(SIZES, error, np.full(len(SIZES), 0.01))


def points(rows: int = 1, noise: float = 0.004) -> Points:
    x, _ = EffectiveData().worth(np.log([[0.8, 4.0]]), ADDED, BASE)
    error = measure(1).error(BASE * (1 + x)) + np.random.default_rng(0).normal(
        scale=noise, size=(rows, 12)
    )
    return Points(ADDED, BASE, error, SPREAD)


@pytest.mark.parametrize("form", [EffectiveData(), PaperForm(3, 120.0), ConstantRate()])
def test_every_row_is_the_least_squares_of_scipy(form: Form) -> None:
    given, held = points(rows=6), measure(6)
    found = fit(form, given, held)
    for row in range(6):

        def residual(at: np.ndarray, row: int = row) -> np.ndarray:
            x, _ = form.worth(at[None], ADDED, BASE)
            error = held.of(slice(row, row + 1)).error(BASE * (1 + x))
            return ((error - given.error[row]) / SPREAD)[0]

        best = min(
            least_squares(residual, start, bounds=(form.low, form.high)).cost
            for start in np.clip(form.starts, form.low + 1e-6, form.high - 1e-6)
        )
        assert (residual(found.at[row]) ** 2).sum() <= 2 * best * (1 + 1e-6)


def test_left_out_is_the_error_of_fits_without_each_point() -> None:
    given, held, errors = points(rows=2), measure(2), []
    found = fit_of(fit(EffectiveData(), given, held), "edits", 0.95)
    for out in range(12):
        kept = np.arange(12) != out
        fewer = Points(ADDED[kept], BASE[kept], given.error[:1, kept], SPREAD[kept])
        without = fit(EffectiveData(), fewer, held.of(slice(0, 1)))
        x, _ = without.form.worth(without.at, ADDED[[out]], BASE[[out]])
        told = held.of(slice(0, 1)).error(BASE[[out]] * (1 + x))
        errors.append((told[0, 0] - given.error[0, out]) ** 2)
    assert found.left_out == pytest.approx(np.mean(errors), rel=1e-3)


def test_akaike_s_criterion_is_that_of_least_squares() -> None:
    given, held = points(rows=2), measure(2)
    found = fit(ConstantRate(), given, held)
    x, _ = found.form.worth(found.at[:1], ADDED, BASE)
    cost = (((held.error(BASE * (1 + x))[0] - given.error[0]) / SPREAD) ** 2).sum()
    expected = 12 * np.log(cost / 12) + 2 * 2 + 2 * 2 * 3 / (12 - 2 - 1)
    assert fit_of(found, "edits", 0.95).aic == pytest.approx(expected)


def test_a_parameter_that_is_held_is_not_counted() -> None:
    """Without a ceiling effective data are a constant rate."""
    base = np.array([30, 60, 90, 120, 180, 240.0])
    added, spread = np.ones(6), np.full(6, 0.01)
    error = measure(1).error(base * 1.5) + np.random.default_rng(1).normal(scale=0.01, size=(2, 6))
    given = Points(added, base, error, spread)
    same, other = (
        fit_of(fit(form, given, measure(2)), "edits", 0.95)
        for form in (NoCeiling(), ConstantRate())
    )
    assert same.aic
    assert same.aic == pytest.approx(other.aic, abs=1e-3)
    assert same.left_out == pytest.approx(other.left_out, rel=1e-3)
    assert [one.identified for one in same.parameters] == [True, False]
    assert same.parameters[1].why == "one number of images was tried"


def test_too_few_points_are_not_compared() -> None:
    given = points(rows=2)
    few = Points(ADDED[:2], BASE[:2], given.error[:, :2], SPREAD[:2])
    found = fit_of(fit(EffectiveData(), few, measure(2)), "edits", 0.95)
    assert (found.aic, found.left_out) == (None, None)


@pytest.mark.parametrize(
    ("first", "share", "identified"), [(False, 0.0, True), (True, 0.0, False), (False, 0.1, False)]
)
def test_at_a_bound_nothing_is_identified(first: bool, share: float, identified: bool) -> None:
    told = np.linspace(1, 2, 101)
    at_bound = np.append([first], np.arange(100) < 100 * share)
    found = parameter("kappa", told, at_bound, 0.95)
    assert found.identified is identified
    assert bool(found.why) is not identified
    assert found.value == 1.0
