"""Pictures that come again and again, in the set or in the reference it is held against."""

from dataclasses import replace

import numpy as np
import pytest

from tests.injected_faults import FAULTS, spoiled
from varifactory.diagnosis.counting import flags
from varifactory.diagnosis.examining import Examined, asked
from varifactory.diagnosis.figures import Flag
from varifactory.diagnosis.population import Images, Population
from varifactory.diagnosis.repeated import measures
from varifactory.diagnosis.sides import sides
from varifactory.diagnosis.whole import notes
from varifactory.recipe.diagnosis import Diagnosis


def _flags(population: Population) -> list[Flag]:
    return list(flags(population, Diagnosis()))


def _told(population: Population) -> list[tuple[str, str]]:
    return [(flag.label, flag.kind) for flag in _flags(population)]


def _twice(population: Population) -> Population:
    real = population.real
    vectors = np.concatenate([real.vectors, real.vectors])
    return replace(population, real=Images(real.pixels * 2, real.labels * 2, vectors))


def _partly_repeated(seed: int) -> Population:
    """15 of the 40 images of the second class are one of them."""
    clean = spoiled("clean", seed, classes=4)
    vectors = clean.synthetic.vectors.copy()
    vectors[40:55] = vectors[40]
    return replace(clean, synthetic=replace(clean.synthetic, vectors=vectors))


def test_copies_of_real_images_are_told_as_such() -> None:
    population = spoiled("copies", 301, classes=4)
    assert _told(population) == [(population.class_names[1], "memorised")]
    every = list(sides(population))
    shared = asked(population, Diagnosis(), 0.95, len(every))
    shares = [[found.value.estimate for found in measures(Examined(shared, side)) if found.value]
              for side in every]  # fmt: skip
    assert shares[1][0] == 1
    assert max(shares[0] + shares[2] + shares[3]) < 0.1


def test_a_picture_that_comes_often_is_told_as_a_repetition() -> None:
    population = _partly_repeated(302)
    (found,) = _flags(population)
    assert (found.label, found.kind) == (population.class_names[1], "few-pictures")
    assert "26 distinct pictures, one of them 15 times (" in found.sentence


def test_what_another_flag_tells_is_not_told_again() -> None:
    population = spoiled("diversity", 303, classes=4)
    assert _told(population) == [(population.class_names[1], "few-modes")]


@pytest.mark.parametrize("fault", ["clean", *FAULTS])
def test_a_reference_that_holds_all_twice_raises_the_same_flags(fault: str) -> None:
    population = spoiled(fault, 1, classes=4)
    assert _told(_twice(population)) == _told(population)
    assert bool(_told(population)) == (fault != "clean")


def test_a_repetition_is_told_whatever_the_reference_repeats() -> None:
    population = _partly_repeated(302)
    assert _told(_twice(population)) == _told(population)


def test_repeats_of_the_reference_are_noted() -> None:
    population = spoiled("clean", 304, classes=4)
    assert not [one for one in _notes(population) if "equal another" in one]
    (note,) = (one for one in _notes(_twice(population)) if "equal another" in one)
    assert note.startswith("240 of 480 real images equal another of their class.")


def _notes(population: Population) -> tuple[str, ...]:
    every = list(sides(population))
    shared = asked(population, Diagnosis(), 0.95, len(every))
    return notes([Examined(shared, side) for side in every], {})
