"""What is known of a group, in memory that grows with its images, not their square."""

import tracemalloc

import numpy as np
import pytest

from tests.injected_faults import spoiled
from varifactory.diagnosis import examining
from varifactory.diagnosis.examining import Examined, asked
from varifactory.diagnosis.population import Population
from varifactory.diagnosis.sides import Sides, distances, sides
from varifactory.metrics import radii
from varifactory.recipe.diagnosis import Diagnosis


def _examined(count: int) -> Examined:
    """A class of so many real images, beside ten synthetic ones."""
    shared = asked(spoiled("clean", 1, n=20, classes=2), Diagnosis(), 0.95, 1)
    dice = np.random.default_rng(count)
    vectors = dice.normal(size=(count, 8)).astype(np.float32)
    real = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    made, at, own = real[:10], np.arange(10), np.full(10, -1)
    return Examined(shared, Sides("digit", 0, "", at, np.arange(count), made, real, own))


def test_of_few_images_the_share_from_which_wrong_ones_are_seen_is_high() -> None:
    """At 20 a side the fault of ``ambiguity``, 40 %, raised no flag of this class."""
    few, many = (
        _second(spoiled("ambiguity", 600, n=20, real=20)),
        _second(spoiled("clean", 600, n=80)),
    )
    assert few.seen_from is not None
    assert many.seen_from is not None
    assert few.seen_from > 0.4 > many.seen_from


def test_a_class_is_judged_by_enough_images_of_both_sides() -> None:
    assert not _second(spoiled("clean", 1, n=20, real=20, classes=4)).unjudged
    few = _second(spoiled("clean", 1, n=20, real=19, classes=4))
    assert few.unjudged == "fewer than 20 synthetic or real images"


def _second(population: Population) -> Examined:
    every = list(sides(population))
    return Examined(asked(population, Diagnosis(), 0.95, len(every)), every[1])


def test_which_real_images_lie_among_others_block_by_block(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    one = _examined(100)
    away = distances(one.side.real, one.side.real)
    np.fill_diagonal(away, np.inf)
    whole = (away < radii(one.side.real, 5)).any(axis=1)
    monkeypatch.setattr(examining, "ROWS", 7)
    np.testing.assert_array_equal(one.real_inside, whole)
    assert whole.mean() > 0


def test_many_real_images_are_not_held_against_all_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    count = 3000
    one = _examined(count)
    monkeypatch.setattr(examining, "ROWS", 64)
    monkeypatch.setattr(examining, "radii", lambda real, k: np.full(len(real), 0.3))
    tracemalloc.start()
    assert len(one.real_inside) == count
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < count * count * 8 / 4
