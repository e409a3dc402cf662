"""The interval of a share of things that hang together, against simulations of known truth."""

import numpy as np
import pytest

from varifactory.statistics import proportion
from varifactory.statistics.clusters import clustered_proportion


def drawn(dice: np.random.Generator, clusters: int, size: int, alike: float) -> tuple:
    """Things of which a share 0.8 is right; ``alike`` is how often one follows its cluster."""
    own = dice.random(clusters) < 0.8
    follows = dice.random((clusters, size)) < alike
    hits = np.where(follows, own[:, None], dice.random((clusters, size)) < 0.8)
    return hits.ravel(), np.repeat(np.arange(clusters), size)


@pytest.mark.parametrize("alike", [0.0, 0.5, 1.0])
@pytest.mark.parametrize(("clusters", "size"), [(30, 6), (100, 3)])
def test_it_covers_what_it_promises(alike: float, clusters: int, size: int) -> None:
    dice = np.random.default_rng(5)
    found = [clustered_proportion(*drawn(dice, clusters, size, alike)) for _ in range(600)]
    covered = np.mean([one.low <= 0.8 <= one.high for one in found])
    assert 0.925 <= covered <= 0.985


def test_things_that_are_alone_have_wilson_s_interval_nearly() -> None:
    hits = np.arange(400) < 300
    alone, wilson = clustered_proportion(hits, np.arange(400)), proportion(300, 400)
    assert alone.estimate == wilson.estimate
    assert alone.low == pytest.approx(wilson.low, abs=1e-3)
    assert alone.high == pytest.approx(wilson.high, abs=1e-3)


def test_copies_add_nothing() -> None:
    hits, clusters = np.arange(50) < 35, np.arange(50)
    once = clustered_proportion(hits, clusters)
    often = clustered_proportion(np.repeat(hits, 8), np.repeat(clusters, 8))
    assert (often.low, often.high) == (pytest.approx(once.low), pytest.approx(once.high))


def test_all_right_is_no_certainty() -> None:
    found = clustered_proportion(np.ones(60, bool), np.repeat(np.arange(20), 3))
    assert found.high == 1
    assert 0.7 < found.low < 0.9


def test_one_cluster_is_one_trial() -> None:
    assert clustered_proportion(np.ones(9, bool), np.zeros(9, int)).low < 0.3


def test_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        clustered_proportion(np.zeros(0, bool), np.zeros(0, int))
