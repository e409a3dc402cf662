import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.optimize import least_squares

from varifactory.exchange.least_squares import Rows, best, fitted

X = np.linspace(0.5, 6, 12)
LOW, HIGH = np.array([-3.0, -3.0]), np.array([1.0, 2.0])


def curves(targets: Rows, at: Rows) -> tuple[Rows, NDArray[np.float64]]:
    """exp(first) x^-exp(second), less what was seen."""
    scale, power = np.exp(at.T)[:, :, None]
    told = scale * X**-power
    return told - targets, np.stack([told, -power * np.log(X) * told], axis=-1)


def test_fits_of_many_rows_are_scipy_s_of_each() -> None:
    random = np.random.default_rng(0)
    targets = 1.3 * X**-0.6 + 0.05 * random.normal(size=(20, 12))
    at, cost = fitted(lambda at: curves(targets, at), np.zeros((20, 2)), LOW, HIGH)
    for row in range(20):
        expected = least_squares(
            lambda one, row=row: curves(targets[[row]], one[None])[0][0],
            np.zeros(2), bounds=(LOW, HIGH), xtol=1e-12, ftol=1e-12,
        )  # fmt: skip
        assert cost[row] == pytest.approx(2 * expected.cost, rel=1e-6)
        assert at[row] == pytest.approx(expected.x, abs=1e-4)


def test_a_parameter_stays_at_the_bound_that_it_pushes_against() -> None:
    targets = 9.0 * X[None] ** -0.6
    at, cost = fitted(lambda at: curves(targets, at), np.zeros((1, 2)), LOW, HIGH)
    assert at[0, 0] == HIGH[0]
    along = np.stack([np.full(5001, HIGH[0]), np.linspace(LOW[1], HIGH[1], 5001)], axis=1)
    costs = (curves(targets, along)[0] ** 2).sum(axis=1)
    assert at[0, 1] == pytest.approx(along[costs.argmin(), 1], abs=0.002)
    assert cost[0] == pytest.approx(costs.min(), rel=1e-5)


def test_a_row_does_not_depend_on_its_mates() -> None:
    targets = 1.3 * X**-0.6 + 0.05 * np.random.default_rng(1).normal(size=(9, 12))
    whole, _ = fitted(lambda at: curves(targets, at), np.zeros((9, 2)), LOW, HIGH)
    alone, _ = fitted(lambda at: curves(targets[4:5], at), np.zeros((1, 2)), LOW, HIGH)
    assert alone[0] == pytest.approx(whole[4], abs=1e-7)


def test_the_best_start_of_each_fit_is_kept() -> None:
    at = np.arange(8.0).reshape(4, 2)
    chosen, costs = best(at, np.array([5.0, 1.0, 2.0, 3.0]), starts=2)
    assert chosen.tolist() == [[4.0, 5.0], [2.0, 3.0]]
    assert costs.tolist() == [2.0, 1.0]
