"""Who lies near whom, and how far the k-th nearest is."""

from dataclasses import replace

import numpy as np
import pytest

from varifactory.diagnosis import nearness
from varifactory.diagnosis.nearness import by_class, parts, placed, reaches_of, shares, to_kth
from varifactory.diagnosis.population import Images, Population
from varifactory.diagnosis.sides import distances
from varifactory.metrics.vectors import Places, Vectors


def _units(dice: np.random.Generator, count: int) -> Vectors:
    vectors = dice.normal(size=(count, 3))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def _images(dice: np.random.Generator, labels: str) -> Images:
    pixels = tuple(map(str, range(len(labels))))
    return Images(pixels, tuple(labels), _units(dice, len(labels)))


def _population(made: str, real: str) -> Population:
    """A letter is the label of an image."""
    dice = np.random.default_rng(7)
    return Population(
        "letters", "numbers", tuple(sorted({*made, *real})), _images(dice, real),
        _images(dice, made), ("",) * len(made), np.full(len(made), -1),
    )  # fmt: skip


def test_a_class_comes_with_its_rows_of_both_sides() -> None:
    found = [
        (label, at.tolist(), of.tolist()) for label, at, of in by_class(_population("abb", "cba"))
    ]
    assert found == [("a", [0], [2]), ("b", [1, 2], [1]), ("c", [], [0])]


def test_a_target_without_labels_is_one_part() -> None:
    population = _population("ab", "aabb")
    target = replace(population.real, labels=("", "a", "b", ""))
    ((label, at, of),) = by_class(population, target)
    assert (label, at.tolist(), of.tolist()) == ("", [0, 1], [0, 1, 2, 3])


def test_a_ball_reaches_to_the_kth_nearest_of_its_class() -> None:
    population = _population("ab", "a" * 8 + "b" * 3 + "c")
    found = reaches_of(population, 4)
    vectors = population.real.vectors.astype(np.float64)
    for rows, k in ((slice(0, 8), 4), (slice(8, 11), 2)):  # of three images none has a fourth
        away = np.sort(distances(vectors[rows], vectors[rows]), axis=1)
        np.testing.assert_allclose(found[rows], away[:, k], rtol=1e-5)
    assert found[11] == -1  # alone in its class


def _near(population: Population, k: int, own: Places) -> np.ndarray:
    """(synthetic images, real images) by plain distances."""
    real, made = population.real, population.synthetic
    near = distances(made.vectors, real.vectors) < reaches_of(population, k)
    near &= np.array(made.labels)[:, None] == np.array(real.labels)
    near[np.flatnonzero(own >= 0), own[own >= 0]] = False
    return near


@pytest.mark.parametrize("cells", [1, 8_000_000])
def test_near_is_who_lies_in_a_ball_of_its_class_but_for_its_source(
    monkeypatch: pytest.MonkeyPatch, cells: int
) -> None:
    monkeypatch.setattr(nearness, "CELLS", cells)
    population = _population("ab" * 20, "a" * 12 + "b" * 13 + "c")
    own = np.random.default_rng(8).integers(-1, 25, 40)
    population = replace(population, own=own)
    near, found = _near(population, 2, own), parts(population, 2)
    assert [(one.label, one.target) for one in found] == [("a", 12), ("b", 13), ("c", 1)]
    for one in found:
        of = np.flatnonzero(np.array(population.real.labels) == one.label)
        bits = np.unpackbits(one.near, axis=1)[:, : one.target]
        np.testing.assert_array_equal(bits, near[np.ix_(one.at, of)])
    kept = np.arange(40) % 3 > 0
    assert shares(found, kept) == (near[kept].any(axis=1).sum(), near[kept].any(axis=0).sum(), 26)
    assert 0 < near.sum() < _near(population, 2, np.full(40, -1)).sum()


def test_balls_of_a_user_s_own_reach_are_taken_as_they_are() -> None:
    population = _population("aa", "aaa")
    (none,), (every,) = (parts(population, 1, np.full(3, reach)) for reach in (0.0, 2.1))
    assert shares([none], np.ones(2, bool)) == (0, 0, 3)
    assert shares([every], np.ones(2, bool)) == (2, 3, 3)


def test_places_among_all_become_places_among_some() -> None:
    some = np.array([2, 5, 9])
    assert placed(np.array([9, 2, 3, -1, 10]), some).tolist() == [2, 0, -1, -1, -1]
    assert placed(np.array([4, -1]), some[:0]).tolist() == [-1, -1]


@pytest.mark.parametrize("cells", [1, 8_000_000])
def test_the_kth_nearest_is_that_of_plain_distances(
    monkeypatch: pytest.MonkeyPatch, cells: int
) -> None:
    monkeypatch.setattr(nearness, "CELLS", cells)
    dice = np.random.default_rng(9)
    target, made, own = _units(dice, 30), _units(dice, 20), dice.integers(-1, 30, 20)
    away = distances(made, target)
    for k in (1, 4):
        expected = np.sort(away, axis=1)[:, k - 1]
        np.testing.assert_allclose(to_kth(target, made, k, None), expected, atol=1e-5)
    away[np.flatnonzero(own >= 0), own[own >= 0]] = np.inf
    expected = np.sort(away, axis=1)[:, 3]
    np.testing.assert_allclose(to_kth(target, made, 4, own), expected, atol=1e-5)
