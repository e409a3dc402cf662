"""Manifolds and realism against the published package and against all distances at once."""

import numpy as np
import prdc
import pytest
from scipy.spatial.distance import cdist

from tests.simulated_vectors import vectors
from varifactory.metrics import manifold, radii, realism, tiles


@pytest.mark.parametrize("k", [1, 3, 5, 19])
@pytest.mark.parametrize(("ours", "theirs", "shift"), [(80, 60, 0.3), (40, 90, 0.0), (30, 30, 3.0)])
def test_precision_recall_density_and_coverage_are_the_published_ones(
    k: int, ours: int, theirs: int, shift: float
) -> None:
    real, synthetic = vectors(ours, 1), vectors(theirs, 2, shift=shift)
    found = manifold(real, synthetic, k)
    expected = prdc.compute_prdc(real, synthetic, k)
    assert found.inside.mean() == pytest.approx(expected["precision"], abs=1e-3)
    assert found.density.mean() == pytest.approx(expected["density"], abs=1e-3)
    assert found.recalled.mean() == pytest.approx(expected["recall"], abs=1e-3)
    assert found.covered.mean() == pytest.approx(expected["coverage"], abs=1e-3)


def test_many_tiles_say_what_one_does(monkeypatch: pytest.MonkeyPatch) -> None:
    real, synthetic = vectors(150, 1), vectors(90, 2, shift=0.2)
    own = np.random.default_rng(3).integers(-1, 150, 90)
    whole, reach = manifold(real, synthetic, 5, own), radii(real)
    score = realism(real, synthetic, own=own)
    monkeypatch.setattr(tiles, "TILE", 16)
    parts = manifold(real, synthetic, 5, own)
    for name in ("inside", "density", "recalled", "covered"):
        np.testing.assert_array_equal(getattr(parts, name), getattr(whole, name))
    np.testing.assert_allclose(realism(real, synthetic, own=own), score, rtol=1e-4)
    np.testing.assert_allclose(radii(real), reach, rtol=1e-4)


@pytest.mark.parametrize("tile", [3, 7, 1024])
def test_a_radius_is_the_distance_to_the_kth_other_row(
    tile: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tiles, "TILE", tile)
    some = vectors(50, 4)
    for k in (1, 5, 49):  # also more than a tile has
        expected = np.sort(cdist(some, some), axis=1)[:, k]
        np.testing.assert_allclose(radii(some, k), expected, rtol=1e-4)


def test_rows_in_descending_order_lose_no_neighbour(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each tile is then nearer than all before it, the most that can be merged."""
    monkeypatch.setattr(tiles, "TILE", 8)
    line = (np.arange(64, 0, -1, dtype=np.float32) ** 2)[:, None]
    expected = np.sort(cdist(line, line), axis=1)[:, 5]
    np.testing.assert_allclose(radii(line), expected, rtol=1e-3)


def test_an_image_is_not_held_against_its_own_source() -> None:
    real = np.eye(12, dtype=np.float32)
    edits = real + 0.01 * vectors(12, 5, width=12)
    assert manifold(real, edits, 3).inside.all()
    apart = manifold(real, edits, 3, np.arange(12))
    with_others = manifold(real, edits, 3, np.full(12, -1))
    assert with_others.covered.all()
    assert apart.density.mean() < with_others.density.mean()
    # Each edit now lies in other balls alone, which in this set end just where it lies.
    square = cdist(edits, real)
    np.fill_diagonal(square, np.inf)
    expected = square < radii(real, 3)
    np.testing.assert_array_equal(apart.inside, expected.any(axis=1))
    np.testing.assert_array_equal(apart.covered, expected.any(axis=0))


def test_a_ball_of_copies_holds_nothing() -> None:
    """As published: strictly inside. All of a set collapsed to one picture recalls nothing."""
    real = vectors(40, 1)
    collapsed = np.repeat(real[:1], 30, axis=0)
    assert radii(collapsed).max() == 0
    found = manifold(real, collapsed)
    assert not found.recalled.any()
    assert found.inside.all()
    assert found.covered.mean() < 0.5


def test_copies_are_real_and_noise_is_not() -> None:
    real = vectors(60, 1)
    copies = realism(real, real.copy())
    assert np.isfinite(copies).all()
    assert copies.min() > 100
    noise = np.random.default_rng(2).normal(size=(60, 32)).astype(np.float32)
    noise /= np.linalg.norm(noise, axis=1, keepdims=True)
    assert realism(real, noise).max() < 1
    assert realism(real, real.copy(), own=np.arange(60)).max() < 10


def test_realism_is_the_largest_ratio_of_radius_to_distance() -> None:
    real, synthetic = vectors(50, 1), vectors(20, 2, shift=0.2)
    reach = radii(real, 3)
    capped = np.sqrt(np.minimum(reach**2, np.quantile(reach**2, 0.9)))
    expected = (capped / cdist(synthetic, real)).max(axis=1)
    np.testing.assert_allclose(realism(real, synthetic), expected, rtol=1e-3)


def test_too_few_images_are_refused() -> None:
    with pytest.raises(ValueError, match="n too small: 5 images, and 5 neighbours need at least 6"):
        radii(vectors(5, 1), 5)
    with pytest.raises(ValueError, match=r"one width"):
        manifold(vectors(9, 1), vectors(9, 1, width=8))
