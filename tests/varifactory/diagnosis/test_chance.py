"""How often chance alone looks like a fault."""

import numpy as np

from varifactory.diagnosis.chance import farther, least_excess


def test_equal_numbers_are_seldom_called_farther() -> None:
    dice = np.random.default_rng(1)
    found = np.array(
        [farther(dice.normal(size=40), np.arange(40), dice.normal(size=60)) for _ in range(1000)]
    )
    assert 0.03 < ((found[:, 0] - 0.5) / found[:, 1] > 1.645).mean() < 0.07


def test_numbers_a_deviation_higher_are_farther() -> None:
    dice = np.random.default_rng(2)
    chance, error = farther(dice.normal(size=40) + 1, np.arange(40), dice.normal(size=60))
    assert abs(chance - 0.76) < 3 * error
    assert chance - 0.5 > 3 * error


def test_equal_shares_hardly_ever_differ() -> None:
    dice = np.random.default_rng(3)
    called = [
        least_excess(dice.random(40) < 0.1, np.arange(40), dice.random(60) < 0.1, 0.05) > 0
        for _ in range(1000)
    ]
    # Three standard errors above 5 %; 4.9 % of 4,000 draws.
    assert np.mean(called) < 0.07


def test_one_picture_made_forty_times_proves_nothing() -> None:
    wrong, real = np.ones(40, bool), np.zeros(60, bool)
    assert least_excess(wrong, np.arange(40), real, 0.005) > 0.5
    assert least_excess(wrong, np.zeros(40, np.int64), real, 0.005) < 0
