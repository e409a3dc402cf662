import numpy as np
import pytest
from scipy import stats

from varifactory.statistics import (
    IMAGES_AND_SEEDS,
    IMAGES_ONLY,
    Interval,
    accuracy,
    mcnemar,
    paired_difference,
    proportion,
    winner,
)


@pytest.mark.parametrize("method", ["wilson", "exact"])
@pytest.mark.parametrize(("successes", "total"), [(0, 9), (9, 9), (1, 30), (377, 600), (5, 5000)])
def test_a_share_has_the_bounds_of_scipy(method: str, successes: int, total: int) -> None:
    ours = proportion(successes, total, 0.95, method)
    theirs = stats.binomtest(successes, total).proportion_ci(0.95, method=method)
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=1e-12)
    assert ours.estimate == successes / total


@pytest.mark.parametrize(("successes", "total"), [(1, 0), (-1, 3), (4, 3)])
def test_what_is_no_share_is_refused(successes: int, total: int) -> None:
    with pytest.raises(ValueError, match="is no share"):
        proportion(successes, total)


def test_accuracy_is_exact_and_not_a_mean_of_batches() -> None:
    hits = np.zeros((1, 3669), dtype=bool)
    hits[0, :3000] = True
    assert accuracy(hits).estimate == 3000 / 3669
    assert accuracy(hits).covers == IMAGES_ONLY


def test_one_seed_agrees_with_the_normal_interval_of_paired_differences() -> None:
    random = np.random.default_rng(1)
    arm, other = random.random((1, 4000)) < 0.8, random.random((1, 4000)) < 0.75
    found = paired_difference(arm, other, resamples=4000)
    values = arm[0].astype(float) - other[0]
    half = 1.96 * values.std() / np.sqrt(values.size)
    assert found.estimate == pytest.approx(values.mean())
    assert found.half_width == pytest.approx(half, rel=0.05)
    assert found.covers == IMAGES_ONLY


def test_the_interval_holds_the_truth_as_often_as_it_says() -> None:
    """Two arms 3 points apart, training noise of 2 points: 95 % of studies or more must hold 3."""
    random = np.random.default_rng(7)
    held, studies = 0, 120
    for study in range(studies):
        ease = random.uniform(0.2, 0.85, size=200)
        noise = random.normal(0, 0.02, size=(2, 3, 1))
        arm = random.random((3, 200)) < ease + 0.03 + noise[0]
        other = random.random((3, 200)) < ease + noise[1]
        found = paired_difference(arm, other, resamples=600, seed=study)
        held += found.low <= 0.03 <= found.high
    assert held / studies >= 0.93


def test_seeds_that_disagree_widen_the_interval() -> None:
    """Images are the same in all seeds, so only training noise is left to see."""
    other = np.tile(np.arange(1000) < 500, (3, 1))
    arm = np.stack([np.arange(1000) < 500 + gain for gain in (0, 30, 60)])
    found = paired_difference(arm, other, resamples=2000)
    by_t = stats.t.ppf(0.975, 2) * 0.03 / np.sqrt(3)
    assert found.covers == IMAGES_AND_SEEDS
    assert found.half_width > 0.6 * by_t
    assert winner(found) == "no winner"
    together = paired_difference(np.repeat(arm[1:2], 3, 0), other, resamples=2000)
    assert winner(together) == "above"


def test_a_clear_difference_has_a_winner_and_its_mirror_a_loser() -> None:
    random = np.random.default_rng(2)
    arm, other = random.random((3, 600)) < 0.8, random.random((3, 600)) < 0.5
    assert winner(paired_difference(arm, other)) == "above"
    assert winner(paired_difference(other, arm)) == "below"
    assert winner(Interval(0.01, -0.01, 0.03, 0.95)) == "no winner"
    assert winner(Interval(0.0, 0.0, 0.0, 0.95)) == "no winner"


def test_the_same_seed_gives_the_same_bounds_however_it_is_cut(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    random = np.random.default_rng(3)
    arm, other = random.random((2, 500)) < 0.6, random.random((2, 500)) < 0.5
    whole = paired_difference(arm, other, seed=5)
    assert whole == paired_difference(arm, other, seed=5)
    monkeypatch.setattr("varifactory.statistics.intervals.CELLS", 500 * 700)
    cut = paired_difference(arm, other, seed=5)
    assert (cut.low, cut.high) == pytest.approx((whole.low, whole.high), abs=0.01)


def test_arms_of_other_images_are_not_paired() -> None:
    with pytest.raises(ValueError, match="cannot be paired"):
        paired_difference(np.ones((1, 5), bool), np.ones((1, 6), bool))
    with pytest.raises(ValueError, match="at least one of each"):
        accuracy(np.ones((2, 0), bool))


def test_mcnemar_is_the_exact_binomial_test() -> None:
    arm = np.array([True] * 14 + [False] * 4 + [True] * 50 + [False] * 10)
    other = np.array([False] * 14 + [True] * 4 + [True] * 50 + [False] * 10)
    found = mcnemar(arm, other)
    assert (found.only_first, found.only_second) == (14, 4)
    # Twice the lower tail of a binomial of 18 fair coins: the textbook form of the exact test.
    assert found.p_value == pytest.approx(2 * stats.binom.cdf(4, 18, 0.5))
    assert mcnemar(arm, arm).p_value == 1.0
    with pytest.raises(ValueError, match="one seed"):
        mcnemar(np.ones((2, 3), bool), np.ones((2, 3), bool))
