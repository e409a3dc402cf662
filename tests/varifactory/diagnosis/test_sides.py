"""Classes by attribute, and images that count as one observation."""

from dataclasses import replace

import numpy as np

from tests.injected_faults import spoiled
from varifactory.diagnosis.sides import distances, kin, pictures, sides, to_nearest
from varifactory.diagnosis.thresholds import limit


def test_a_class_comes_by_attribute_and_then_as_a_whole() -> None:
    population = spoiled("clean", 240, n=30, classes=3)
    mixed = replace(population, attributes=("color", "texture") * 45)
    found = [(one.label, one.attribute, len(one.at)) for one in sides(mixed)]
    first = population.class_names[0]
    assert found[:3] == [(first, "color", 15), (first, "texture", 15), (first, "", 30)]
    assert len(found) == 9
    assert [one.attribute for one in sides(population)] == ["", "", ""]


def test_sources_are_places_among_the_real_images_of_the_class() -> None:
    population = spoiled("clean", 241, n=30, classes=3)
    own = np.full(90, -1)
    own[30] = 60  # the first synthetic image of the second class, of its first real one
    own[31] = 0  # of an image of another class, which is no neighbour anyway
    second = list(sides(replace(population, own=own)))[1]
    assert second.own[:3].tolist() == [0, -1, -1]


def test_repeats_and_edits_of_one_source_are_one_observation() -> None:
    repeated = next(iter(list(sides(spoiled("diversity", 242, classes=3)))[1:2]))
    assert len(np.unique(kin(repeated, limit("alike")))) == 2
    fresh = list(sides(spoiled("clean", 242, classes=3)))[1]
    assert len(np.unique(kin(fresh, limit("alike")))) >= len(fresh.at) - 1
    edits = replace(fresh, own=np.arange(len(fresh.at)) // 4)
    assert len(np.unique(kin(edits, limit("alike")))) <= len(fresh.at) // 4


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
    of_none = pictures(repeated.made, repeated.real, limit("alike"), repeated.own)
    assert len(np.unique(of_none)) == 2
    of_one = pictures(repeated.made, repeated.real, limit("alike"), np.zeros(40, np.int64))
    assert len(np.unique(of_one)) == 40
