"""Spread of one set against the published package, and at its known ends."""

import numpy as np
import pytest
from sklearn.metrics.pairwise import cosine_distances
from vendi_score import vendi as published

from tests.simulated_vectors import vectors
from varifactory.metrics import effective_rank, pairwise_distance, variance_along, vendi


@pytest.mark.parametrize("count", [2, 20, 32, 200])
def test_the_vendi_score_is_the_published_one(count: int) -> None:
    some = vectors(count, 1)
    wide = some.astype(np.float64)
    with pytest.warns(DeprecationWarning, match="csr_matrix"):  # of the package's own import
        by_kernel = published.score_K(wide @ wide.T)
    assert vendi(some) == pytest.approx(by_kernel, abs=1e-3)
    assert vendi(some) == pytest.approx(published.score_dual(wide), abs=1e-3)


def test_the_mean_distance_is_that_of_all_pairs() -> None:
    some = vectors(30, 1)
    pairs = cosine_distances(some)[np.triu_indices(30, 1)]
    assert pairwise_distance(some) == pytest.approx(pairs.mean(), abs=1e-6)
    assert pairwise_distance(np.repeat(some[:1], 5, axis=0)) == pytest.approx(0, abs=1e-6)


def test_effective_rank_counts_directions() -> None:
    corners = np.concatenate([np.eye(4), -np.eye(4)]).astype(np.float32)
    assert effective_rank(corners) == pytest.approx(4, abs=1e-6)
    assert effective_rank(corners[:, :1]) == pytest.approx(1, abs=1e-6)
    assert effective_rank(np.ones((5, 3), np.float32)) == 0
    both = effective_rank(vectors(20, 1)), effective_rank(vectors(20, 1)[:, ::-1])
    assert both[0] == pytest.approx(both[1])


def test_variance_along_a_text_and_square_to_it_add_up() -> None:
    some = np.random.default_rng(1).normal(size=(20_000, 3)) * [3, 2, 1]
    along, square = variance_along(some.astype(np.float32), np.array([5, 0, 0], np.float32))
    assert along == pytest.approx(9, rel=0.05)
    assert square == pytest.approx(5, rel=0.05)
    assert along + square == pytest.approx(some.var(axis=0).sum(), rel=1e-5)


def test_what_has_no_spread_or_direction_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 2"):
        pairwise_distance(vectors(1, 1))
    with pytest.raises(ValueError, match="length 0"):
        variance_along(vectors(5, 1), np.zeros(32, np.float32))
    with pytest.raises(ValueError, match="at least one row"):
        vendi(np.zeros((0, 4), np.float32))
