from itertools import pairwise

import numpy as np
import pytest
from sklearn.isotonic import IsotonicRegression

from varifactory.exchange.curves import between, reaches, rising


def test_rising_is_isotonic_regression() -> None:
    values = np.random.default_rng(0).normal(size=(30, 6)) + np.arange(6) * 0.3
    for row, found in zip(values, rising(values), strict=True):
        expected = IsotonicRegression().fit_transform(np.arange(6), row)
        assert found == pytest.approx(expected)


def test_what_was_measured_is_met_and_nothing_waves_between() -> None:
    multiples, values = np.array([0, 0.5, 1, 2.0]), np.array([[0.7, 0.71, 0.85, 0.86]])
    assert between(multiples, values, multiples) == pytest.approx(values)
    fine = between(multiples, values, np.linspace(0, 2, 101))[0]
    assert all(after >= before - 1e-12 for before, after in pairwise(fine))


def test_a_level_is_found_where_the_curve_has_it() -> None:
    multiples = np.array([0, 0.5, 1, 2, 4.0])
    values = np.repeat((0.5 + 0.2 * np.log1p(multiples))[None], 3, axis=0)
    level = np.array([0.5 + 0.2 * np.log1p(1.7), 0.4, 0.95])
    assert reaches(multiples, values, level) == pytest.approx([1.7, 0.0, np.inf], abs=1e-3)


def test_a_dent_does_not_hide_what_comes_before_it() -> None:
    """A level that is only reached by chance is not: the curve is smoothed to rise first."""
    multiples = np.array([0, 1, 2, 4.0])
    found = reaches(multiples, np.array([[0.5, 0.62, 0.58, 0.6]]), np.array([0.61]))
    assert found.tolist() == [np.inf]
