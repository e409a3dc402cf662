"""Gap, cones, isotropy and shift of Gaussians whose values follow from their parameters."""

import numpy as np
import pytest

from tests.simulated_vectors import vectors
from varifactory.metrics import centroid_shift, cone, isotropy, modality_gap


def mirrored(middle: list[float], spread: list[float]) -> np.ndarray:
    """Points whose mean and covariance are exactly these: one pair on each axis."""
    steps = np.diag(np.sqrt(len(spread)) * np.array(spread))
    return np.array(middle) + np.concatenate([steps, -steps])


def test_the_gap_is_that_of_the_means() -> None:
    images = mirrored([1, 2, 0, 0], [0.1, 0.1, 0.1, 0.1]).astype(np.float32)
    texts = mirrored([-2, -2, 0, 0], [0.2, 0.2, 0.2, 0.2]).astype(np.float32)
    np.testing.assert_allclose(modality_gap(images, texts), [3, 4, 0, 0], atol=1e-6)
    with pytest.raises(ValueError, match="of one width"):
        modality_gap(images, texts[:, :3])


def test_cones_are_mean_cosines_of_pairs() -> None:
    for some in (vectors(40, 1), vectors(15, 2, shift=1.0)):
        cosines = (some @ some.T)[np.triu_indices(len(some), 1)]
        assert cone(some) == pytest.approx(cosines.mean(), abs=1e-6)


@pytest.mark.parametrize("repeat", [1, 3])
def test_isotropy_is_the_participation_ratio_of_the_covariance(repeat: int) -> None:
    spread = [3.0, 2.0, 1.0, 0.0]
    values = np.square(spread)
    expected = values.sum() ** 2 / np.square(values).sum() / 4
    some = np.repeat(mirrored([5, 5, 5, 5], spread), repeat, axis=0).astype(np.float32)
    assert isotropy(some) == pytest.approx(expected, abs=1e-6)
    assert isotropy(mirrored([1, 0, 0], [1, 1, 1]).astype(np.float32)) == pytest.approx(1)
    assert isotropy(np.ones((9, 3), np.float32)) == 0


def test_the_same_set_twice_has_no_shift() -> None:
    some = vectors(50, 1)
    assert centroid_shift(some, some) == 0
    assert centroid_shift(some, -some) == pytest.approx(2)
    right = np.array([[1, 0], [1, 0.5]], np.float32)
    assert centroid_shift(right, right[:, ::-1]) == pytest.approx(1 - 2 * 1 * 0.25 / (1 + 0.0625))
    assert centroid_shift(some, vectors(50, 2)) < centroid_shift(some, vectors(50, 2, shift=0.5))


def test_a_mean_without_direction_is_refused() -> None:
    around = np.concatenate([np.eye(3), -np.eye(3)]).astype(np.float32)
    with pytest.raises(ValueError, match="no direction"):
        centroid_shift(around, vectors(5, 1, width=3))
    with pytest.raises(ValueError, match="at least 2"):
        cone(vectors(1, 2))
