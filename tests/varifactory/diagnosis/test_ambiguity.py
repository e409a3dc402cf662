"""Which other sense or class the strays of a class are put down to."""

from dataclasses import replace

import numpy as np

from tests.injected_faults import of_an_unknown_digit, spoiled
from varifactory.diagnosis.counting import flags
from varifactory.diagnosis.population import Population
from varifactory.recipe.diagnosis import Diagnosis


def test_the_class_that_strays_belong_to_is_named() -> None:
    population = spoiled("ambiguity", 220, classes=5)
    (flag,) = flags(population, Diagnosis())
    assert flag.kind == "other-class"
    named = [name for name in population.class_names if name in flag.sentence]
    assert len(named) == 2  # the class, and the one that 40 % of its images show
    other = next(name for name in named if name != flag.label)
    assert all(other in seen.said for seen in flag.images[:3])


def test_another_sense_of_the_name_is_named_where_it_lies_nearer_than_any_class() -> None:
    population = of_an_unknown_digit(221)
    name = population.class_names[1]
    strange = population.synthetic.vectors[_rows(population, name)[:16]].mean(axis=0)
    senses = {name: {"a crane of steel": strange / np.linalg.norm(strange)}}
    (flag,) = flags(replace(population, senses=senses), Diagnosis())
    assert (flag.label, flag.issue, flag.kind) == (name, "ambiguity", "other-sense")
    assert "a crane of steel" in flag.sentence
    assert "a crane of steel" in flag.advice


def test_what_no_class_stands_for_is_one_thing_where_it_lies_together() -> None:
    population = of_an_unknown_digit(221)
    (flag,) = flags(population, Diagnosis())
    assert (flag.label, flag.issue, flag.kind) == (
        population.class_names[1],
        "ambiguity",
        "other-mode",
    )


def test_strays_of_any_class_are_no_sense() -> None:
    population = spoiled("adherence", 222, classes=6)
    (flag,) = flags(population, Diagnosis())
    assert (flag.issue, flag.kind) == ("adherence", "scattered")
    assert "(" in flag.sentence.split("taken for")[1]  # several classes, each with its share


def _rows(population: Population, name: str) -> list[int]:
    return [at for at, label in enumerate(population.synthetic.labels) if label == name]
