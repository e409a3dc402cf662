import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.power import TTestPower

from varifactory.statistics import paired_effect
from varifactory.statistics.power import chance, least, smallest
from varifactory.statistics.simulation import World


@pytest.mark.parametrize("freedom", [2, 4, 30])
@pytest.mark.parametrize("away", [0.5, 2.8, 6.0])
def test_power_is_that_of_a_t_test(freedom: int, away: float) -> None:
    """statsmodels takes effects in standard deviations of freedom + 1 observations."""
    theirs = TTestPower().power(away / np.sqrt(freedom + 1), freedom + 1, 0.05)
    assert chance(away * 0.002, 0.002, freedom, 0.95) == pytest.approx(theirs, abs=3e-5)


def test_the_smallest_effect_has_the_power_asked_for() -> None:
    for freedom in (1, 1.3, 2, 7, 5000, 1e7):
        assert chance(smallest(0.01, freedom, 0.8, 0.95), 0.01, freedom, 0.95) == pytest.approx(0.8)
        for away in (0.0, 3.0, 8.0, 27.3, 200.0, 1e5):  # scipy.stats.nct.cdf is nan for some
            assert 0.05 - 1e-4 <= chance(away, 1.0, freedom, 0.95) <= 1 + 1e-9
    # 1.96 + 0.84 standard errors where the error is known.
    assert smallest(0.01, 1e6, 0.8, 0.95) == pytest.approx(0.01 * 2.8016, rel=1e-3)
    assert chance(1e6, 1.0, 1, 0.95) == pytest.approx(1)
    assert chance(0.01, 0.0, 5, 0.95) == 1
    assert chance(0.0, 0.0, 5, 0.95) == 0


@pytest.mark.parametrize("border", [3, 4, 7, 100, 999, 1000])
def test_the_least_count_is_found(border: int) -> None:
    assert least(lambda count: count >= border, 3, 1000) == border


def test_no_count_does() -> None:
    assert least(lambda count: count > 1000, 3, 1000) is None


@pytest.mark.parametrize("spread", [0.0, 0.02])
def test_an_effect_as_large_as_promised_is_found_as_often(spread: float) -> None:
    """The mean of what studies say they detect with 80 % is planted into others."""
    random = np.random.default_rng(21)
    world = World(600, 5, gain=0.0, between_seeds=spread)
    said = [paired_effect(*world.draw(random)).detectable() for _ in range(60)]
    planted = World(600, 5, gain=float(np.mean(said)), between_seeds=spread)
    found = [paired_effect(*planted.draw(random)).p_value < 0.05 for _ in range(300)]
    assert 0.72 <= np.mean(found) <= 0.92


def test_as_many_seeds_as_said_find_the_effect() -> None:
    random = np.random.default_rng(22)
    pilot = [paired_effect(*World(3000, 5, between_seeds=0.02).draw(random)) for _ in range(40)]
    needed = [one.seeds_for(0.015) for one in pilot]
    assert all(count is not None and count >= 5 for count in needed)
    seeds = int(np.median(needed))
    planted = World(3000, seeds, gain=0.015, between_seeds=0.02)
    found = [paired_effect(*planted.draw(random)).p_value < 0.05 for _ in range(150)]
    assert 0.7 <= np.mean(found) <= 0.93


def test_as_many_images_as_said_find_the_effect() -> None:
    random = np.random.default_rng(23)
    pilot = paired_effect(*World(2000, 3, between_seeds=0.0).draw(random))
    images = pilot.images_for(0.008)
    assert images is not None
    assert images > 2000
    planted = World(images, 3, gain=0.008, between_seeds=0.0)
    found = [paired_effect(*planted.draw(random)).p_value < 0.05 for _ in range(100)]
    assert 0.65 <= np.mean(found) <= 0.97


def test_what_no_number_of_seeds_or_images_resolves() -> None:
    random = np.random.default_rng(24)
    few_images = paired_effect(*World(400, 5, between_seeds=0.0, arm_by_image=1.0).draw(random))
    assert few_images.seeds_for(0.003) is None
    assert few_images.images_for(0.003, seeds=50) is not None
    loud_seeds = paired_effect(*World(4000, 3, between_seeds=0.05).draw(random))
    assert loud_seeds.images_for(0.003) is None
    assert loud_seeds.images_for(0.02, seeds=200) is not None
    made = World(4000, 8, 3, between_seeds=0.0, between_generations=0.02)
    loud_edits = paired_effect(*made.draw(np.random.default_rng(25)))
    assert loud_edits.seeds_for(0.02) is None
    needed = loud_edits.generations_for(0.02)
    assert needed is not None
    assert 3 < needed < 100
    assert loud_seeds.generations_for(0.5) is None
    one_seed = paired_effect(*World(400, 1).draw(random))
    assert one_seed.seeds_for(0.5) is None


def test_the_design_that_is_there_is_enough_for_what_it_detects() -> None:
    found = paired_effect(*World(800, 4, 2).draw(np.random.default_rng(25)))
    assert found.seeds_for(found.detectable() * 1.001) == 4
    assert found.images_for(found.detectable() * 1.001) == 800
    assert found.images_for(found.detectable() * 0.99) != 800
    assert found.detectable(0.9) > found.detectable(0.8) > found.detectable(0.8, 0.9)
    assert found.detectable() > stats.norm.ppf(0.975) * found.error
