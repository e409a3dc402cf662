"""How often chance alone looks like a fault."""

import numpy as np

from varifactory.diagnosis.chance import farther, least_excess, least_seen


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


def test_half_a_class_of_one_wrong_picture_proves_nothing() -> None:
    kin = np.concatenate([np.zeros(20), np.arange(1, 21)]).astype(np.int64)
    assert least_excess(kin == 0, kin, np.zeros(60, bool), 0.005) < 0


def test_kins_of_unequal_sizes_differ_no_more_often_than_others() -> None:
    dice = np.random.default_rng(4)
    kin = np.repeat(np.arange(21), [20, *[1] * 20])
    called = [
        least_excess((dice.random(21) < 0.03)[kin], kin, dice.random(60) < 0.03, 0.005) > 0
        for _ in range(1000)
    ]
    # Of image shares 3.3 % were called beyond chance.
    assert np.mean(called) < 0.01


def test_wrong_images_are_seen_from_the_share_that_is_told() -> None:
    real, kin = np.zeros(20, bool), np.arange(20)
    told = least_seen(kin, real, 0.005, 0.15)
    assert told is not None
    count = round(20 * told)
    assert least_excess(kin < count, kin, real, 0.005) > 0
    assert least_excess(kin < count - 1, kin, real, 0.005) <= 0
    # More are seen of more images; a class of four pictures shows none.
    many = least_seen(np.arange(200), np.zeros(200, bool), 0.005, 0.15)
    assert many == 0.15
    assert least_seen(kin % 4, real, 0.005, 0.15) is None
