import tracemalloc

import numpy as np
import pytest

from varifactory.errors import RecipeError
from varifactory.exchange import drawing
from varifactory.exchange.drawing import bounds, check_draws, redrawn, spread_of
from varifactory.statistics import bootstrap_difference
from varifactory.statistics.simulation import World


def test_a_difference_of_places_is_drawn_like_a_paired_difference() -> None:
    arm, other = World(500, 5, between_seeds=0.02).draw(np.random.default_rng(1))
    draws = redrawn(np.stack([arm[0], other[0]]), confidence=0.95, resamples=4000, seed=0)
    low, high = bounds(draws[:, 0] - draws[:, 1], 0.95)
    expected = bootstrap_difference(arm, other, resamples=4000)
    assert (low, high) == pytest.approx((expected.low, expected.high), abs=0.004)


def test_places_share_their_draws() -> None:
    right = np.random.default_rng(0).random((1, 4, 300)) < 0.7
    draws = redrawn(np.repeat(right, 2, axis=0), confidence=0.95, resamples=50, seed=3)
    assert (draws[:, 0] == draws[:, 1]).all()
    assert draws[:, 0].std() > 0


def test_draws_follow_from_the_seed_and_stay_shares() -> None:
    right = np.random.default_rng(0).random((3, 2, 40)) < 0.98
    first = redrawn(right, confidence=0.95, resamples=300, seed=1)
    assert (first == redrawn(right, confidence=0.95, resamples=300, seed=1)).all()
    assert (first != redrawn(right, confidence=0.95, resamples=300, seed=2)).any()
    assert first.min() >= 0
    assert first.max() <= 1


def test_draws_are_the_same_in_blocks_of_any_size(monkeypatch: pytest.MonkeyPatch) -> None:
    right = np.random.default_rng(0).random((3, 2, 40)) < 0.8
    whole = redrawn(right, confidence=0.95, resamples=33, seed=1)
    for cells in (1, 40 * 10):
        monkeypatch.setattr(drawing, "CELLS", cells)
        assert (redrawn(right, confidence=0.95, resamples=33, seed=1) == whole).all()


def test_many_test_images_are_not_all_drawn_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """400 draws of 4,000 images are 12.8 MB of whole numbers and as much of others."""
    right = np.random.default_rng(0).random((3, 2, 4000)) < 0.8
    monkeypatch.setattr(drawing, "CELLS", 40_000)
    tracemalloc.start()
    redrawn(right, confidence=0.95, resamples=400, seed=1)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 3e6


@pytest.mark.parametrize(("confidence", "least"), [(0.9, 20), (0.95, 40), (0.99, 200),
                                                   (0.999, 2000)])  # fmt: skip
def test_one_draw_lies_outside_either_end(confidence: float, least: int) -> None:
    check_draws(least, confidence)
    with pytest.raises(RecipeError, match=f"resamples is {least - 1}, .* needs {least} draws"):
        check_draws(least - 1, confidence)


def test_bounds_take_infinities_for_what_they_are() -> None:
    draws = np.append(np.arange(196.0), [np.inf] * 4)
    assert bounds(draws, 0.95) == (4.0, 194.0)
    assert bounds(np.append(np.arange(190.0), [np.inf] * 10), 0.95)[1] == np.inf


def test_no_share_is_certain() -> None:
    found = spread_of(np.array([0.0, 0.2, 1.0]), 1000)
    assert found[1] == pytest.approx(np.sqrt(0.16 / 1000), rel=0.01)
    assert (found > 0).all()
