"""Whether images show what was asked for, and what they show where they do not."""

from dataclasses import replace

import numpy as np

from tests.injected_faults import examined, showing, spoiled
from varifactory.diagnosis import adherence
from varifactory.diagnosis.adherence import NAMED, few_wrong, flag
from varifactory.diagnosis.examining import Examined
from varifactory.diagnosis.strays import confusers, strays


def test_recognition_is_the_share_that_gets_its_label_beside_that_of_real_images() -> None:
    one = examined(spoiled("adherence", 290, classes=6))[1]
    recognised = adherence.measures(one)[0]
    assert recognised.value is not None
    assert recognised.name == "r2s"
    assert recognised.value.estimate == (one.given == 1).mean()
    assert 0.5 < recognised.value.estimate < 0.8
    assert recognised.reference == (one.real_given == 1).mean()
    assert recognised.reference > 0.9


def test_scattered_strays_are_named_by_the_classes_most_are_taken_for() -> None:
    one = examined(spoiled("adherence", 291, classes=8))[1]
    found = flag(one, strays(one, None), ())
    assert found is not None
    assert (found.label, found.kind) == (one.label, "scattered")
    first, *others = confusers(one)
    assert len(others) >= NAMED
    said = [name for name in one.asked.population.class_names if f"{name} (" in found.sentence]
    assert sorted(said) == sorted(name for name, _ in confusers(one)[:NAMED])
    assert f"{first[0]} ({100 * first[1]:.1f}\xa0%)" in found.sentence
    right = {made.pixels for made in found.images if f"taken for {one.label}" in made.said}
    assert not right, "the strip shows the strays alone"


def test_strays_of_one_thing_and_few_strays_are_not_scattered() -> None:
    for fault in ("ambiguity", "clean"):
        one = examined(spoiled(fault, 292, classes=6))[1]
        assert flag(one, strays(one, None), ()) is None


def test_only_a_handful_of_pictures_that_are_mostly_wrong_are_few_wrong_ones() -> None:
    """Four pictures of two other classes; with five one can test a share; with half right ones
    most are not wrong."""
    population = spoiled("clean", 293, classes=5)
    wrong = [80, 81, 120, 121]
    four = examined(showing(population, wrong * 10))[1]
    found = few_wrong(four, ())
    assert found is not None
    assert found.kind == "few-wrong"
    assert "4 distinct pictures" in found.sentence
    assert len(np.unique(four.pictures)) == 4
    five = examined(showing(population, [*wrong, 160] * 8))[1]
    assert few_wrong(five, ()) is None
    right = examined(showing(population, [40, 41, 80, 120] * 10))[1]
    assert few_wrong(right, ()) is None


def test_what_is_taken_for_no_class_is_said_so() -> None:
    """Two pictures of noise that a judge would take for their class."""
    one = examined(showing(spoiled("absent", 294, classes=3), [40, 41] * 20))[1]
    judged = replace(one.asked.judged, synthetic=np.full(120, 1))
    found = few_wrong(Examined(replace(one.asked, judged=judged), one.side), ())
    assert found is not None
    assert (
        "0.0\xa0% are taken for no class at all, 100.0\xa0% more lie farther out" in found.sentence
    )
