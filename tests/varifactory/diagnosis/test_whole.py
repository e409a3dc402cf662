"""Measures of a whole set and of its geometry, against what the metrics say of the two sides."""

from dataclasses import replace

import numpy as np
import pytest

from tests.injected_faults import spoiled
from varifactory.diagnosis.counting import diagnose
from varifactory.diagnosis.examining import Asked, asked
from varifactory.diagnosis.population import Population
from varifactory.diagnosis.whole import geometry_measures, whole_measures
from varifactory.metrics import (
    Measure,
    centroid_shift,
    cmmd,
    cone,
    fid,
    isotropy,
    kid,
    manifold,
    modality_gap,
)
from varifactory.recipe.diagnosis import Diagnosis

SETTINGS = Diagnosis(least=30, resamples=20)
"""Of 50 images a side no side is drawn down: halves of the real ones would be too few."""


def population() -> Population:
    """Synthetic images that are fewer things than the real ones, elsewhere."""
    clean = spoiled("clean", 400, n=10, real=10, classes=5)
    made = clean.synthetic.vectors + np.float32(0.3) * np.eye(40, dtype=np.float32)[0]
    made[:20] = made[0]
    made /= np.linalg.norm(made, axis=1, keepdims=True)
    return replace(clean, synthetic=replace(clean.synthetic, vectors=made))


def of(given: Population) -> Asked:
    return asked(given, SETTINGS, 0.95, 5)


def named(measures: tuple[Measure, ...]) -> dict[str, tuple[float, float | None]]:
    return {one.name: (one.value.estimate, one.reference) for one in measures if one.value}


def test_each_measure_of_the_geometry_is_that_of_its_side() -> None:
    given = population()
    made, real, texts = given.synthetic.vectors, given.real.vectors, given.class_vectors
    assert texts is not None
    found = named(geometry_measures(of(given)))
    expected = {
        "image_cone": (cone(made), cone(real)),
        "isotropy": (isotropy(made), isotropy(real)),
        "gap": tuple(float(np.linalg.norm(modality_gap(some, texts))) for some in (made, real)),
        "text_cone": (cone(texts), None),
        "centroid_shift": (1 - centroid_shift(real, made), None),
    }
    for name, (value, reference) in expected.items():
        assert found[name] == (pytest.approx(value), reference and pytest.approx(reference))
    assert {*expected, "separability"} == set(found)


def test_each_measure_of_the_whole_is_that_of_both_sides() -> None:
    given = population()
    made, real = given.synthetic.vectors, given.real.vectors
    found = named(whole_measures(of(given)))
    both = manifold(real, made)
    expected = {
        "fid": fid(real, made), "kid": kid(real, made, SETTINGS.seed), "cmmd": cmmd(real, made),
        "precision": both.inside.mean(), "recall": both.recalled.mean(),
        "density": both.density.mean(), "coverage": both.covered.mean(),
    }  # fmt: skip
    for name, value in expected.items():
        assert found[name][0] == pytest.approx(value), name
    assert expected["precision"] != pytest.approx(expected["recall"], abs=0.1)
    assert {*expected, "domain_auc"} == set(found)


def test_a_set_held_against_itself_has_no_shift_and_the_geometry_of_the_reference() -> None:
    clean = spoiled("clean", 401, n=40, real=40, classes=4)
    same = replace(clean, synthetic=replace(clean.synthetic, vectors=clean.real.vectors))
    # Not drawn down, since half of the real images would be fewer than these.
    geometry = named(diagnose(same, Diagnosis(least=100, resamples=20)).geometry)
    assert geometry["centroid_shift"][0] == pytest.approx(1)
    for name in ("gap", "image_cone", "isotropy"):
        value, reference = geometry[name]
        assert value == pytest.approx(reference)


def test_without_texts_only_what_images_tell_is_measured() -> None:
    found = geometry_measures(of(replace(population(), class_vectors=None)))
    assert [one.name for one in found] == ["image_cone", "isotropy", "centroid_shift"]


def test_groups_that_are_too_small_are_noted_with_the_number_they_lack() -> None:
    given = spoiled("clean", 402, n=25, real=60, classes=3)
    found = diagnose(given, Diagnosis(neighbours=30, resamples=20))
    (note,) = [one for one in found.notes if "groups have fewer" in one]
    assert note.startswith("3 of 3 groups have fewer than 31 synthetic or real images, so that")
    assert "(25 and 60)" in note
