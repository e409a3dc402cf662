"""Distances of two sets against the published packages, and of one distribution."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from clip_mmd.calculation import mmd, mmd_efficient
from scipy.linalg import sqrtm
from torchmetrics.image.fid import FrechetInceptionDistance
from torchmetrics.image.kid import KernelInceptionDistance

from tests.simulated_vectors import vectors
from varifactory.metrics import cmmd, distances, fid, kid
from varifactory.metrics.vectors import Vectors

Metric = Callable[[Vectors, Vectors], float]
SIDE = 4
"""Pixels of a picture of 3 channels, whose 48 numbers are its own features."""


class Pixels(torch.nn.Module):
    """A feature extractor that tells the picture itself, in units of 255."""

    num_features = 3 * SIDE * SIDE

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return images.flatten(1).double() / 255


def pictures(count: int, seed: int, low: int = 0) -> torch.Tensor:
    dice = np.random.default_rng(seed)
    return torch.from_numpy(dice.integers(low, 256, (count, 3, SIDE, SIDE), dtype=np.uint8))


def features(images: torch.Tensor) -> Vectors:
    found: Vectors = Pixels()(images).numpy().astype(np.float32)
    return found


def test_fid_of_large_vectors_is_that_of_the_matrix_root() -> None:
    real, synthetic = 100 * vectors(300, 1), 100 * vectors(200, 2, shift=0.5)
    covariances = [np.cov(one.astype(np.float64), rowvar=False) for one in (real, synthetic)]
    root = sqrtm(covariances[0] @ covariances[1]).real
    means = np.square(real.mean(axis=0) - synthetic.mean(axis=0)).sum()
    expected = means + np.trace(covariances[0] + covariances[1] - 2 * root)
    assert fid(real, synthetic) == pytest.approx(expected, rel=1e-3)


def test_fid_is_that_of_torchmetrics_on_pictures() -> None:
    metric = FrechetInceptionDistance(Pixels(), input_img_size=(3, SIDE, SIDE))
    metric.set_dtype(torch.float64)
    metric.update(pictures(400, 1), real=True)
    metric.update(pictures(300, 2, low=60), real=False)
    ours = fid(features(pictures(400, 1)), features(pictures(300, 2, low=60)))
    assert ours == pytest.approx(float(metric.compute()), abs=1e-3)


def test_kid_is_that_of_torchmetrics_on_pictures() -> None:
    with pytest.warns(UserWarning, match="save all extracted features"):
        metric = KernelInceptionDistance(Pixels(), subsets=1, subset_size=200)
    metric.update(pictures(200, 1), real=True)
    metric.update(pictures(200, 2, low=60), real=False)
    ours = kid(features(pictures(200, 1)), features(pictures(200, 2, low=60)))
    assert ours == pytest.approx(float(metric.compute()[0]), abs=1e-3)


def test_kid_of_many_draws_is_near_that_of_all(monkeypatch: pytest.MonkeyPatch) -> None:
    real, synthetic = 20 * vectors(900, 1), 20 * vectors(900, 2, shift=0.5)
    whole = kid(real, synthetic)
    monkeypatch.setattr(distances, "SUBSET", 300)
    assert kid(real, synthetic) == pytest.approx(whole, rel=0.03)
    assert kid(real, synthetic, seed=1) != kid(real, synthetic, seed=2)


@pytest.mark.parametrize("count", [40, 500])
def test_cmmd_is_that_of_clip_mmd(count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    real, synthetic = vectors(count, 1), vectors(count, 2, shift=0.5)
    expected = float(mmd(real.astype(np.float64), synthetic.astype(np.float64)))
    assert cmmd(real, synthetic) == pytest.approx(expected, abs=1e-6)
    single = mmd_efficient(real, synthetic, precision=torch.float64)
    assert cmmd(real, synthetic) == pytest.approx(single, abs=1e-3)
    monkeypatch.setattr(distances, "ALL_PAIRS", 10)
    assert cmmd(real, synthetic) == pytest.approx(expected, abs=5e-5)


def test_the_moments_of_cmmd_hold_to_their_bound_at_the_worst(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One picture against its opposite: the largest third powers there are."""
    one = np.repeat(np.eye(4, dtype=np.float32)[:1], 10, axis=0)
    whole = cmmd(one, -one)
    monkeypatch.setattr(distances, "ALL_PAIRS", 1)
    assert 0 < abs(cmmd(one, -one) - whole) < 7e-4


def test_moments_are_not_trusted_with_vectors_of_other_lengths(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    real, synthetic = 5 * vectors(60, 1), 5 * vectors(60, 2, shift=0.5)
    whole = cmmd(real, synthetic)
    monkeypatch.setattr(distances, "ALL_PAIRS", 10)
    monkeypatch.setattr(distances, "ROWS", 7)
    assert cmmd(real, synthetic) == pytest.approx(whole, rel=1e-9)


@pytest.mark.parametrize("metric", [fid, kid, cmmd])
def test_a_shift_shows_and_the_same_images_do_not(metric: Metric) -> None:
    real, other, far = vectors(100, 1), vectors(100, 2), vectors(100, 2, shift=1.0)
    assert metric(real, real) == pytest.approx(0, abs=1e-3)
    assert metric(real, far) > 5 * abs(metric(real, other))


@pytest.mark.parametrize("metric", [fid, kid])
def test_a_lone_image_is_refused(metric: Metric) -> None:
    with pytest.raises(ValueError, match="at least 2"):
        metric(vectors(1, 1), vectors(9, 2))
