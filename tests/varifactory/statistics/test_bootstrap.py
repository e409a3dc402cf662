import numpy as np
import pytest

from varifactory.statistics import IMAGES_AND_SEEDS, IMAGES_ONLY, bootstrap_difference, winner
from varifactory.statistics.simulation import World


def test_one_seed_agrees_with_the_normal_interval_of_paired_differences() -> None:
    random = np.random.default_rng(1)
    arm, other = random.random((1, 4000)) < 0.8, random.random((1, 4000)) < 0.75
    found = bootstrap_difference(arm, other, resamples=4000)
    values = arm[0].astype(float) - other[0]
    half = 1.96 * values.std() / np.sqrt(values.size)
    assert found.estimate == pytest.approx(values.mean())
    assert found.half_width == pytest.approx(half, rel=0.05)
    assert found.covers == IMAGES_ONLY


def test_drawing_kinds_of_images_is_drawing_images() -> None:
    """Against image after image drawn anew, which is what the bootstrap is."""
    random = np.random.default_rng(2)
    arm, other = (one[0] for one in World(300, 1, top1=0.7).draw(random))
    found = bootstrap_difference(arm, other, resamples=20_000)
    values = (arm[0].astype(float) - other[0])[random.integers(0, 300, size=(20_000, 300))]
    low, high = np.quantile(values.mean(axis=1), [0.025, 0.975])
    assert (found.low, found.high) == pytest.approx((low, high), abs=0.003)


@pytest.mark.parametrize(("generations", "seeds"), [(1, 3), (1, 10), (3, 3)])
def test_the_bootstrap_holds_the_truth(generations: int, seeds: int) -> None:
    """It errs to the wide side: more than 98 % is not refused."""
    random = np.random.default_rng(3)
    world = World(400, seeds, generations, between_seeds=0.02, between_generations=0.01)
    studies, held = 150, 0
    for study in range(studies):
        found = bootstrap_difference(*world.draw(random), resamples=500, seed=study)
        held += found.low <= world.gain <= found.high
    assert held / studies >= 0.93 - 0.04


def test_seeds_that_disagree_widen_the_interval() -> None:
    """Images are the same in all seeds, so only training noise is left to see."""
    other = np.tile(np.arange(1000) < 500, (3, 1))
    arm = np.stack([np.arange(1000) < 500 + gain for gain in (0, 30, 60)])
    found = bootstrap_difference(arm, other, resamples=2000)
    assert found.covers == IMAGES_AND_SEEDS
    assert winner(found) == "no winner"
    assert winner(bootstrap_difference(np.repeat(arm[1:2], 3, 0), other)) == "above"


def test_the_same_seed_gives_the_same_bounds_however_it_is_cut(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    random = np.random.default_rng(3)
    arm, other = random.random((2, 500)) < 0.6, random.random((2, 500)) < 0.5
    whole = bootstrap_difference(arm, other, seed=5)
    assert whole == bootstrap_difference(arm, other, seed=5)
    monkeypatch.setattr("varifactory.statistics.bootstrap.CELLS", 9 * 700)
    cut = bootstrap_difference(arm, other, seed=5)
    assert (cut.low, cut.high) == pytest.approx((whole.low, whole.high), abs=0.01)
