"""Flags with their words, and the images that show them."""

from dataclasses import replace

import numpy as np
import pytest

from tests.drawn_diagnoses import measure
from tests.injected_faults import examined, spoiled
from varifactory.diagnosis.examining import Examined
from varifactory.diagnosis.raising import STRIP, examples, pictured, raised


@pytest.fixture(scope="module")
def one() -> Examined:
    return examined(spoiled("adherence", 303, classes=5))[1]


def test_a_flag_is_of_its_group_with_its_words_and_what_shows_it(one: Examined) -> None:
    shown, seen = (measure("memorised", 0.5),), examples(one, np.ones(40, bool))
    found = raised(one, "memorised", {"share": "half", "n": 40}, shown, seen)
    assert (found.label, found.attribute) == (one.label, "")
    assert (found.issue, found.kind) == ("copies", "memorised")
    assert found.sentence == (
        f"Half of 40 images of {one.label} are nearly the same as a real image of the reference."
    )
    assert (found.evidence, found.images) == (shown, seen)


def test_advice_names_the_other_class(one: Examined) -> None:
    told = {"share": "half", "n": 40, "other": "owl"}
    assert "not owl is meant" in raised(one, "other-sense", told, (), (), "owl").advice


def test_the_strip_shows_those_farthest_from_real_images_first(one: Examined) -> None:
    at = np.arange(40) % 2 == 0
    found = examples(one, at)
    away = one.depth[0]
    places = [int(seen.pixels.split()[1]) - 40 for seen in found]
    assert places == sorted(np.flatnonzero(at), key=lambda place: -away[place])[:STRIP]
    assert not examples(one, np.zeros(40, bool))


def test_each_image_says_what_it_is_taken_for_and_how_surely(one: Examined) -> None:
    names, judged = one.asked.population.class_names, one.asked.judged
    for seen in examples(one, np.ones(40, bool)):
        row = int(seen.pixels.split()[1])
        assert seen.said == f"taken for {names[judged.synthetic[row]]}, {judged.sure[row]:.2f}"


def test_an_image_that_no_judge_could_judge_is_shown_as_such(one: Examined) -> None:
    population = one.asked.population
    blobs = tuple(f"{at}.png" for at in range(200))
    unknown = replace(
        one.asked,
        population=replace(population, synthetic=replace(population.synthetic, blobs=blobs)),
        judged=replace(one.asked.judged, synthetic=np.full(200, -1)),
    )
    found = examples(Examined(unknown, one.side), np.ones(40, bool))
    assert {seen.said for seen in found} == {"not judged"}
    assert all(seen.blob == f"{seen.pixels.split()[1]}.png" for seen in found)


def test_pictures_are_counted_in_words() -> None:
    assert (pictured(1), pictured(2)) == ("1 distinct picture", "2 distinct pictures")
