"""Classes by attribute, and images that count as one observation."""

import tracemalloc
from dataclasses import replace

import numpy as np
import pytest

from tests.injected_faults import spoiled
from varifactory.diagnosis import sides as module
from varifactory.diagnosis.counting import flags
from varifactory.diagnosis.population import Images
from varifactory.diagnosis.sides import (
    NO_ATTRIBUTE,
    Sides,
    distances,
    firsts,
    kin,
    pictures,
    sides,
    to_nearest,
)
from varifactory.diagnosis.thresholds import limit
from varifactory.metrics.vectors import Places, Vectors
from varifactory.recipe.diagnosis import Diagnosis

REACH = 0.1


def _reach(side: Sides) -> float:
    """Within which images of the class are nearly one picture."""
    return limit("alike") * float(np.median(to_nearest(side.real, side.real, 1, same=True)))


def _units(dice: np.random.Generator, count: int, width: int = 8) -> Vectors:
    vectors = dice.normal(size=(count, width))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def test_a_class_comes_by_attribute_and_then_as_a_whole() -> None:
    population = spoiled("clean", 240, n=30, classes=3)
    mixed = replace(population, attributes=("color", "texture") * 45)
    found = [(one.label, one.attribute, len(one.at)) for one in sides(mixed)]
    first = population.class_names[0]
    assert found[:3] == [(first, "color", 15), (first, "texture", 15), (first, "", 30)]
    assert len(found) == 9
    assert [one.attribute for one in sides(population)] == ["", "", ""]


def test_images_without_an_attribute_are_a_group_beside_those_with_one() -> None:
    population = spoiled("clean", 240, n=30, classes=3)
    foreign = ("", "color") * 15 + ("",) * 30 + ("texture",) * 30
    every = list(sides(replace(population, attributes=foreign)))
    assert [(one.number, one.attribute, len(one.at)) for one in every] == [
        (0, "color", 15), (0, NO_ATTRIBUTE, 15), (0, "", 30),
        (1, NO_ATTRIBUTE, 30),
        (2, "texture", 30),
    ]  # fmt: skip
    assert every[0].at.tolist() == list(range(1, 30, 2))
    assert every[1].at.tolist() == list(range(0, 30, 2))


def test_what_is_wrong_with_images_without_an_attribute_is_told_of_them_once() -> None:
    """Half of a class is noise: that half is not there, whatever it is called."""
    clean = spoiled("clean", 1, n=40, classes=4)
    vectors = clean.synthetic.vectors.copy()
    vectors[:40:2] = _units(np.random.default_rng(0), 20, vectors.shape[1])
    synthetic = replace(clean.synthetic, vectors=vectors)
    found = []
    for unnamed in ("", "foreign"):
        mixed = replace(clean, synthetic=synthetic, attributes=(unnamed, "color") * 80)
        found.append([(one.label, one.attribute, one.kind) for one in flags(mixed, Diagnosis())])
    assert (clean.class_names[0], NO_ATTRIBUTE, "absent") in found[0]
    assert len(set(found[0])) == len(found[0])
    assert [
        (label, of.replace("foreign", NO_ATTRIBUTE), kind) for label, of, kind in found[1]
    ] == found[0]


def test_sources_are_places_among_the_real_images_of_the_class() -> None:
    population = spoiled("clean", 241, n=30, classes=3)
    own = np.full(90, -1)
    own[30] = 60  # the first synthetic image of the second class, of its first real one
    own[31] = 0  # of an image of another class, which is no neighbour anyway
    second = list(sides(replace(population, own=own)))[1]
    assert second.own[:3].tolist() == [0, -1, -1]


def test_equal_real_images_of_a_class_are_one() -> None:
    """A source's twin is no neighbour of its edit either."""
    clean = spoiled("clean", 241, n=30, classes=3)
    real = clean.real
    twice = Images(real.pixels * 2, real.labels * 2, np.concatenate([real.vectors, real.vectors]))
    own = np.full(90, -1)
    own[30:32] = 60, 60 + len(real)  # the first real image of the second class, and its twin
    first, second, _ = sides(replace(clean, real=twice, own=own))
    assert first.real_at.tolist() == list(range(60))
    assert second.real_at.tolist() == list(range(60, 120))
    assert second.own[:3].tolist() == [0, 0, -1]


def test_of_a_class_whose_real_images_are_all_equal_all_stay() -> None:
    clean = spoiled("clean", 241, n=30, classes=3)
    vectors = clean.real.vectors.copy()
    vectors[60:120] = vectors[60]
    second = list(sides(replace(clean, real=replace(clean.real, vectors=vectors))))[1]
    assert len(second.real_at) == 60


def test_the_first_of_equal_rows_stands_for_them() -> None:
    some = _units(np.random.default_rng(3), 4)[[2, 0, 2, 1, 0, 3]]
    assert firsts(some).tolist() == [0, 1, 0, 3, 1, 5]
    assert firsts(some[:0]).tolist() == []


def test_repeats_and_edits_of_one_source_are_one_observation() -> None:
    repeated = list(sides(spoiled("diversity", 242, classes=3)))[1]
    assert len(np.unique(kin(repeated, _reach(repeated)))) == 2
    fresh = list(sides(spoiled("clean", 242, classes=3)))[1]
    assert len(np.unique(kin(fresh, _reach(fresh)))) >= len(fresh.at) - 1
    edits = replace(fresh, sources=np.arange(len(fresh.at)) // 4)
    assert len(np.unique(kin(edits, _reach(edits)))) <= len(fresh.at) // 4


def test_nearest_leaves_out_an_image_itself_and_its_source() -> None:
    dice = np.random.default_rng(1)
    some = dice.normal(size=(9, 4))
    some = (some / np.linalg.norm(some, axis=1, keepdims=True)).astype(np.float32)
    away = distances(some, some)
    np.fill_diagonal(away, np.inf)
    np.testing.assert_allclose(to_nearest(some, some, 2, same=True), np.sort(away, axis=1)[:, :2])
    own = np.arange(9)
    np.testing.assert_allclose(to_nearest(some, some, 2, own), np.sort(away, axis=1)[:, :2])
    assert np.isinf(to_nearest(some, some[:1], 3)[:, 1:]).all()


def test_edits_of_one_source_are_no_repetition_of_a_picture() -> None:
    repeated = list(sides(spoiled("diversity", 242, classes=3)))[1]
    assert len(np.unique(pictures(repeated.made, _reach(repeated), repeated.own))) == 2
    assert len(np.unique(pictures(repeated.made, _reach(repeated), np.zeros(40, np.int64)))) == 40


@pytest.mark.parametrize("cells", [1, 700, 1_000_000])
def test_parts_are_those_of_all_pairs_however_many_are_looked_at_at_once(
    monkeypatch: pytest.MonkeyPatch, cells: int
) -> None:
    monkeypatch.setattr(module, "CELLS", cells)
    dice = np.random.default_rng(4)
    some, own = _units(dice, 90, 3), dice.integers(-1, 30, 90)
    away = distances(some, some)
    of_one = (own[:, None] == own) & (own >= 0)
    side = replace(next(sides(spoiled("clean", 242, classes=3))), at=np.arange(90), made=some,
                   sources=own)  # fmt: skip
    np.testing.assert_array_equal(kin(side, REACH), _parts((away <= REACH) | of_one))
    np.testing.assert_array_equal(pictures(some, REACH), _parts(away <= REACH))
    np.testing.assert_array_equal(pictures(some, REACH, own), _parts((away <= REACH) & ~of_one))
    assert 1 < len(np.unique(kin(side, REACH))) < 30


def _parts(linked: np.ndarray) -> Places:
    """Numbers in order of the first of each part, found by walking over the links."""
    found = np.full(len(linked), -1)
    for start in range(len(linked)):
        if found[start] < 0:
            number, todo = found.max() + 1, [start]
            while todo:
                found[todo] = number
                todo = np.flatnonzero(linked[todo].any(axis=0) & (found < 0)).tolist()
    return found


def test_one_picture_made_thousands_of_times_takes_little_memory() -> None:
    """Every two of them are near: pairs grow with the square, and 3,000 would take 140 MB."""
    count = 3_000
    some = np.repeat(_units(np.random.default_rng(5), 1), count, axis=0)
    tracemalloc.start()
    assert not pictures(some, REACH).any()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 100e6
