"""What is known of a group, in memory that grows with its images, not their square."""

import time
import tracemalloc
from statistics import median

import numpy as np
import prdc
import pytest

from tests.injected_faults import spoiled
from varifactory.diagnosis.examining import Asked, Examined, asked
from varifactory.diagnosis.judging import Judged
from varifactory.diagnosis.population import Images, Population
from varifactory.diagnosis.sides import Sides, distances, sides
from varifactory.metrics import Measure, pairwise_distance
from varifactory.metrics.vectors import Flags, Vectors
from varifactory.recipe.diagnosis import Diagnosis


def _examined(count: int) -> Examined:
    """A class of so many real images, beside ten synthetic ones."""
    shared = asked(spoiled("clean", 1, n=20, classes=2), Diagnosis(), 0.95, 1)
    dice = np.random.default_rng(count)
    vectors = dice.normal(size=(count, 8)).astype(np.float32)
    real = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    made, at, own = real[:10], np.arange(10), np.full(10, -1)
    return Examined(shared, Sides("digit", 0, "", at, np.arange(count), made, real, own, own))


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


@pytest.mark.parametrize("seed", range(3))
def test_real_images_lie_inside_by_the_published_rule(seed: int) -> None:
    """Strictly: the neighbour that a radius reaches to lies on the rim, not inside."""
    population = spoiled("clean", seed, n=20)
    every = list(sides(population))
    shared = asked(population, Diagnosis(), 0.95, len(every))
    expected = [_inside(side.real, shared.settings.neighbours) for side in every]
    for side, inside in zip(every, expected, strict=True):
        np.testing.assert_array_equal(Examined(shared, side).real_inside, inside)
    assert 0.9 < np.mean(expected) < 1


def _inside(real: Vectors, k: int) -> Flags:
    away = prdc.prdc.compute_pairwise_distance(real)
    radii = prdc.prdc.compute_nearest_neighbour_distances(real, k)
    np.fill_diagonal(away, np.inf)
    return (away < radii[:, None]).any(axis=0)


def test_many_real_images_are_not_held_against_all_at_once() -> None:
    count = 4000
    one = _examined(count)
    tracemalloc.start()
    assert len(one.real_inside) == len(one.depth[1]) == len(one.real_pictures) == count
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < count * count * 8 / 2


def test_images_are_nearly_one_picture_by_how_near_different_real_ones_lie() -> None:
    one = _examined(200)
    away = distances(one.side.real, one.side.real)
    np.fill_diagonal(away, np.inf)
    assert one.reach == pytest.approx(0.33 * np.median(away.min(axis=1)))
    assert _examined(1).reach == 0


def test_real_images_of_a_thousand_classes_are_looked_up_at_once() -> None:
    shared = _of_classes(1000, 100)
    began = time.perf_counter()
    usual = shared.usual_distance
    assert [shared.real(number).shape for number in range(1000)] == [(100, 4)] * 1000
    assert time.perf_counter() - began < 2.5
    labels = np.array(shared.population.real.labels)
    some = [shared.population.real.vectors[labels == f"class {at}"] for at in range(1000)]
    assert usual == median(map(pairwise_distance, some))
    np.testing.assert_array_equal(shared.real(7), some[7])


def _of_classes(classes: int, each: int) -> Asked:
    """Real images of many classes in turn, and one synthetic image of each."""
    dice, count = np.random.default_rng(1), classes * each
    names = tuple(f"class {at}" for at in range(classes))

    def images(count: int) -> Images:
        vectors = dice.normal(size=(count, 4)).astype(np.float32)
        pixels = tuple(map(str, range(count)))
        return Images(pixels, tuple(names[at % classes] for at in range(count)), vectors)

    nobody = np.full(count, -1)
    population = Population(
        "many", "numbers", names, images(count), images(classes), ("",) * classes, nobody[:classes]
    )
    judged = Judged(nobody[:classes], np.zeros(classes), nobody, nobody, nobody)
    none = Measure("memorised", None, classes, count)
    return Asked(population, judged, Diagnosis(), 0.95, 0.05, (), none)
