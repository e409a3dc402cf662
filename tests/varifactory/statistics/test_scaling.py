import numpy as np
import pytest
from scipy import stats

from varifactory.statistics import IMAGES_AND_SEEDS, power_law, scaling_law, scaling_verdict

SIZES = (100, 200, 400, 800, 1600)


def test_an_exact_power_law_is_found_exactly() -> None:
    found = power_law(SIZES, [2 * size**-0.3 for size in SIZES])
    assert found.exponent.estimate == pytest.approx(0.3)
    assert (found.exponent.low, found.exponent.high) == pytest.approx((0.3, 0.3), abs=1e-6)
    assert found.factor == pytest.approx(2)
    assert found.error_at(3200) == pytest.approx(2 * 3200**-0.3)


def test_the_line_is_that_of_scipy() -> None:
    errors = [0.41, 0.33, 0.29, 0.21, 0.19]
    theirs = stats.linregress(np.log(SIZES), np.log(errors))
    ours = power_law(SIZES, errors).exponent
    assert ours.estimate == pytest.approx(-theirs.slope)
    assert ours.half_width == pytest.approx(stats.t.ppf(0.975, 3) * theirs.stderr)


@pytest.mark.parametrize("sizes", [SIZES[:3], SIZES])
def test_the_exponent_s_interval_holds_three_tenths(sizes: tuple[int, ...]) -> None:
    random = np.random.default_rng(6)
    held, studies = 0, 600
    for _ in range(studies):
        noise = np.exp(random.normal(0, 0.05, size=len(sizes)))
        found = power_law(sizes, 2 * np.array(sizes) ** -0.3 * noise).exponent
        held += found.low <= 0.3 <= found.high
    assert 0.93 <= held / studies <= 0.98


@pytest.mark.parametrize("seeds", [3, 5])
def test_the_exponent_of_shared_seeds_and_images_holds_three_tenths(seeds: int) -> None:
    """Difficulty is the same at every size, and a seed is good or bad at all of them."""
    random = np.random.default_rng(7)
    truth = 2 * np.array(SIZES) ** -0.3
    held, studies = 0, 300
    for _ in range(studies):
        ease = random.normal(size=600) + 0.4 * random.normal(size=(5, seeds, 600))
        ease += 0.05 * random.normal(size=(1, seeds, 1)) + 0.03 * random.normal(size=(5, seeds, 1))
        unit = np.sqrt(1 + 0.16 + 0.05**2 + 0.03**2)
        hits = ease / unit > stats.norm.ppf(truth)[:, None, None]
        found = scaling_law(SIZES, list(hits)).exponent
        held += found.low <= 0.3 <= found.high
    assert found.covers == IMAGES_AND_SEEDS
    assert 0.93 - 0.025 <= held / studies <= 0.98 + 0.02


def test_what_is_no_power_law_is_refused() -> None:
    with pytest.raises(ValueError, match="needs 3 different"):
        power_law([1, 2, 2], [0.5, 0.4, 0.3])
    with pytest.raises(ValueError, match="above zero"):
        power_law([1, 2, 3], [0.5, 0.4, 0.0])
    with pytest.raises(ValueError, match="above zero"):
        scaling_law([1, 2, 3], [np.ones((2, 9), bool)] * 3)
    with pytest.raises(ValueError, match="same seeds"):
        scaling_law([1, 2, 3], [np.ones((2, 9), bool), np.ones((2, 8), bool), np.ones((2, 9))])
    with pytest.raises(ValueError, match="one error of each"):
        power_law([1, 2, 3], [0.5, 0.4])


def _class(shares: tuple[float, ...]) -> list[np.ndarray]:
    random = np.random.default_rng(8)
    ease = random.random(60) + 0.1 * random.random((3, 60))
    return [ease < 1.1 * share for share in shares]


def test_classes_are_easy_scaling_or_poor() -> None:
    assert scaling_verdict((1, 2, 5), _class((0.95, 0.96, 0.97))) == "easy"
    assert scaling_verdict((1, 2, 5), _class((0.3, 0.5, 0.7))) == "scaling"
    assert scaling_verdict((1, 2, 5), _class((0.3, 0.3, 0.3))) == "poor"
    assert scaling_verdict((1, 2, 5), _class((0.7, 0.5, 0.3))) == "poor"
    # The order of the sizes does not matter, only which is the smallest.
    assert scaling_verdict((5, 2, 1), _class((0.97, 0.5, 0.3))) == "scaling"


def test_a_class_that_gains_nothing_is_rarely_called_scaling() -> None:
    random = np.random.default_rng(9)
    found = 0
    for _ in range(300):
        ease = random.normal(size=40) + 0.4 * random.normal(size=(3, 3, 40))
        found += scaling_verdict((1, 2, 5), list(ease > 0)) == "scaling"
    assert found / 300 <= 0.045


def test_few_images_that_agree_are_not_certain() -> None:
    """One image that is right with the most edits alone, in every seed; then twelve such."""
    for images, verdict in ((1, "poor"), (2, "poor"), (12, "scaling")):
        hits = [np.full((3, images), right) for right in (False, False, True)]
        assert scaling_verdict((1, 2, 5), hits) == verdict
    same = np.random.default_rng(10).random((3, 600)) < 0.7
    exponent = scaling_law((1, 2, 5), [same] * 3).exponent
    assert exponent.low < 0 < exponent.high
