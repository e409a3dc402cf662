import numpy as np
import pytest

from varifactory.statistics import (
    IMAGES_AND_SEEDS,
    IMAGES_ONLY,
    accuracy,
    calibration_error,
    macro_accuracy,
    proportion,
    worst_classes,
)
from varifactory.statistics.simulation import World


def test_accuracy_is_exact_and_not_a_mean_of_batches() -> None:
    hits = np.zeros((1, 3669), dtype=bool)
    hits[0, :3000] = True
    assert accuracy(hits).estimate == 3000 / 3669
    assert accuracy(hits) == proportion(3000, 3669)
    assert accuracy(hits).covers == IMAGES_ONLY


def test_seeds_that_agree_are_no_more_images() -> None:
    """The same answers five times say what they say once."""
    once = np.arange(400) < 330
    many = accuracy(np.tile(once, (5, 1)))
    assert many.half_width == pytest.approx(accuracy(once).half_width, rel=0.02)
    assert many.covers == IMAGES_AND_SEEDS


@pytest.mark.parametrize("right", [True, False])
@pytest.mark.parametrize("shape", [(1, 30), (3, 30), (2, 3, 30)])
def test_an_accuracy_never_leaves_its_bounds(right: bool, shape: tuple[int, ...]) -> None:
    hits = np.full(shape, right)
    assert (accuracy(hits).low, accuracy(hits).high) == pytest.approx(
        (proportion(30 * right, 30).low, proportion(30 * right, 30).high)
    )
    hits[..., 0] = not right
    hits[0] = right
    assert 0 <= accuracy(hits).low < accuracy(hits).high <= 1


@pytest.mark.parametrize("top1", [0.6, 0.97])
@pytest.mark.parametrize("spread", [0.0, 0.01])
@pytest.mark.parametrize("seeds", [3, 5])
def test_the_interval_of_an_accuracy_holds_the_truth(
    top1: float, spread: float, seeds: int
) -> None:
    random = np.random.default_rng(4)
    world = World(600, seeds, top1=top1, between_seeds=spread)
    studies, held = 400, 0
    for _ in range(studies):
        found = accuracy(world.draw(random)[1])
        held += found.low <= top1 <= found.high
    # 93 to 98 %, less and more two standard errors of so many studies.
    assert 0.93 - 0.025 <= held / studies <= 0.98 + 0.014


def test_macro_and_worst_classes() -> None:
    classes = {f"class {at}": (at, 20) for at in range(20)} | {"unseen": (0, 0)}
    assert macro_accuracy(classes) == pytest.approx(np.mean(np.arange(20) / 20))
    share, names = worst_classes(classes)
    assert (share, names) == (pytest.approx(0.025), ("class 0", "class 1"))
    assert worst_classes({"a": (1, 2), "b": (1, 4)}) == (0.25, ("b",))
    assert len(worst_classes({str(at): (at, 99) for at in range(70)})[1]) == 7
    assert len(worst_classes({str(at): (at, 99) for at in range(71)})[1]) == 8
    with pytest.raises(ValueError, match="no class"):
        macro_accuracy({"unseen": (0, 0)})
    with pytest.raises(ValueError, match="share"):
        worst_classes(classes, 0)


def _reference(sure: np.ndarray, right: np.ndarray, bins: int) -> float:
    """Answer by answer, as the definition is told."""
    total = 0.0
    for low, high in zip(np.arange(bins) / bins, np.arange(1, bins + 1) / bins, strict=True):
        inside = (sure > low) & (sure <= high) | ((low == 0) & (sure == 0))
        if inside.any():
            total += inside.mean() * abs(right[inside].mean() - sure[inside].mean())
    return total


@pytest.mark.parametrize("bins", [1, 7, 15])
def test_calibration_error_is_that_of_the_definition(bins: int) -> None:
    random = np.random.default_rng(5)
    sure = random.beta(4, 1, size=3000)
    sure[:4] = 0, 1, 1 / 15, 14 / 15
    right = random.random(3000) < sure**2
    assert calibration_error(sure, right, bins) == pytest.approx(_reference(sure, right, bins))


def test_calibration_error_of_known_answers() -> None:
    assert calibration_error(np.array([0.8] * 10), np.arange(10) < 8) == pytest.approx(0)
    assert calibration_error(np.array([0.9] * 4), np.array([True] + [False] * 3)) == 0.65
    with pytest.raises(ValueError, match="not logits"):
        calibration_error(np.array([3.0]), np.array([True]))
    with pytest.raises(ValueError, match="one for each"):
        calibration_error(np.array([0.5]), np.array([True, False]))
