from itertools import product

import numpy as np
import pytest
from scipy import stats

from varifactory.statistics import (
    IMAGES_AND_GENERATIONS,
    IMAGES_AND_SEEDS,
    IMAGES_ONLY,
    IMAGES_SEEDS_AND_GENERATIONS,
    Effect,
    paired_difference,
    paired_effect,
    winner,
)
from varifactory.statistics.simulation import World

STUDIES = 400
LEAST, MOST = 0.93 - 0.025, 0.98 + 0.014
"""93 to 98 %, less and more two standard errors of so many studies."""


def _coverage(world: World, studies: int = STUDIES) -> float:
    random = np.random.default_rng(11)
    held = 0
    for _ in range(studies):
        found = paired_effect(*world.draw(random)).interval()
        held += found.low <= world.gain <= found.high
    return held / studies


@pytest.mark.parametrize(("seeds", "spread"), [(1, 0.0), *product((3, 5, 10), (0.0, 0.005, 0.03))])
def test_the_interval_holds_the_truth_as_often_as_it_says(seeds: int, spread: float) -> None:
    """Without spread between seeds, with a little, and with one that drowns the images'."""
    assert LEAST <= _coverage(World(600, seeds, between_seeds=spread)) <= MOST


@pytest.mark.parametrize("spread", [0.0, 0.01])
def test_the_interval_over_generation_seeds_holds_the_truth(spread: float) -> None:
    assert LEAST <= _coverage(World(600, 3, 3, between_generations=spread)) <= MOST


@pytest.mark.parametrize("chance", [0.02, 0.1])
@pytest.mark.parametrize("seeds", [1, 5])
def test_arms_that_hardly_differ_are_not_known_to_be_equal(chance: float, seeds: int) -> None:
    """None to 5 discordant images a seed: a normal interval would often have no width at all."""
    world = World(600, seeds, gain=0.0, between_seeds=0.0, chance=chance,
                  arm_by_image=0.0, seed_by_image=0.0)  # fmt: skip
    assert _coverage(world) >= LEAST


@pytest.mark.parametrize("shape", [(1, 600), (5, 600), (2, 5, 600)])
def test_identical_arms_have_an_interval_with_a_width(shape: tuple[int, ...]) -> None:
    hits = np.random.default_rng(1).random(shape[-1]) < 0.8
    hits = np.broadcast_to(hits, shape)
    found = paired_effect(hits, hits)
    # One discordant image on each side (Bonett and Price, 2012), however many cells repeat them.
    assert found.error == pytest.approx(np.sqrt(2) / 600)
    assert found.interval().half_width == pytest.approx(1.964 * np.sqrt(2) / 600, rel=1e-3)
    assert found.p_value == 1
    assert found.verdict(0.005) == "equivalent"
    assert found.verdict(0.004) == "inconclusive"


def test_one_seed_is_the_paired_normal_interval() -> None:
    random = np.random.default_rng(1)
    arm, other = random.random((1, 4000)) < 0.8, random.random((1, 4000)) < 0.75
    found = paired_difference(arm, other)
    values = arm[0].astype(float) - other[0]
    assert found.estimate == pytest.approx(values.mean())
    assert found.half_width == pytest.approx(1.96 * values.std() / np.sqrt(4000), rel=0.01)
    assert found.covers == IMAGES_ONLY


def test_seeds_alone_are_the_paired_t_test() -> None:
    """Images are the same in all seeds, so only training noise is left to see."""
    other = np.tile(np.arange(10_000) < 5000, (3, 1))
    arm = np.stack([np.arange(10_000) < 5000 + gain for gain in (0, 300, 600)])
    theirs = stats.ttest_1samp([0.0, 0.03, 0.06], 0).confidence_interval()
    found = paired_difference(arm, other)
    assert (found.low, found.high) == pytest.approx((theirs.low, theirs.high), abs=0.005)
    assert winner(found) == "no winner"
    assert winner(paired_difference(np.repeat(arm[1:2], 3, 0), other)) == "above"


def test_it_says_what_was_drawn() -> None:
    hits = np.random.default_rng(2).random((2, 3, 50)) < 0.5
    assert paired_effect(hits[0, 0], ~hits[0, 0]).covers == IMAGES_ONLY
    assert paired_effect(hits[0], ~hits[0]).covers == IMAGES_AND_SEEDS
    assert paired_effect(hits[:, :1], ~hits[:, :1]).covers == IMAGES_AND_GENERATIONS
    whole = paired_effect(hits, ~hits)
    assert whole.covers == IMAGES_SEEDS_AND_GENERATIONS
    assert (whole.generation_seeds, whole.seeds, whole.images) == (2, 3, 50)


def test_components_are_told_apart() -> None:
    seeds = paired_effect(*World(4000, 8, between_seeds=0.05).draw(np.random.default_rng(3)))
    assert seeds.between_seeds == pytest.approx(0.05**2, rel=0.8)
    assert seeds.between_generations == seeds.between_cells == 0
    assert 0 < seeds.between_images < seeds.residual
    made = World(4000, 3, 8, between_seeds=0.0, between_generations=0.05)
    generations = paired_effect(*made.draw(np.random.default_rng(4)))
    assert generations.between_generations == pytest.approx(0.05**2, rel=0.8)
    assert generations.between_seeds < 0.01**2


@pytest.mark.parametrize("seeds", [1, 3])
def test_p_value_and_interval_agree(seeds: int) -> None:
    random = np.random.default_rng(5)
    for _ in range(60):
        found = paired_effect(*World(300, seeds, gain=0.03).draw(random))
        for confidence in (0.8, 0.95):
            outside = not found.interval(confidence).spans_zero
            assert outside == (found.p_value < 1 - confidence)


def _effect(estimate: float, error: float = 0.001) -> Effect:
    return Effect(estimate, error, 1e9, IMAGES_ONLY, 1, 1, 5000)


@pytest.mark.parametrize(("estimate", "adjusted", "verdict"), [
    (0.0, None, "equivalent"),
    (0.002, None, "equivalent"),    # 0.04 to 3.96 thousandths: there, and too small to matter
    (0.004, None, "different"),     # 2.04 to 5.96
    (-0.02, None, "different"),
    (0.004, 0.06, "inconclusive"),  # its family says that it may be chance
    (0.004, 0.04, "different"),
    (0.001, 0.001, "equivalent"),
])  # fmt: skip
def test_verdicts(estimate: float, adjusted: float | None, verdict: str) -> None:
    assert _effect(estimate).verdict(0.005, p_adjusted=adjusted) == verdict


def test_an_unsure_difference_is_inconclusive() -> None:
    assert _effect(0.004, 0.01).verdict(0.005) == "inconclusive"
    # No adjusted value makes a difference of an interval that spans zero.
    assert _effect(0.004, 0.01).verdict(0.005, p_adjusted=0.0001) == "inconclusive"
    with pytest.raises(ValueError, match="margin 0"):
        _effect(0.0).verdict(0)


def test_arms_of_other_images_are_not_paired() -> None:
    with pytest.raises(ValueError, match="cannot be paired"):
        paired_effect(np.ones((1, 5), bool), np.ones((1, 6), bool))
    with pytest.raises(ValueError, match="at least one of each"):
        paired_effect(np.ones((2, 0), bool), np.ones((2, 0), bool))
