"""Names that an encoder takes in another sense."""

from dataclasses import replace

import numpy as np

from tests.injected_faults import spoiled
from varifactory.diagnosis.senses import collisions


def test_a_sense_that_fits_the_real_images_better_collides() -> None:
    population = spoiled("clean", 250, n=30, classes=4)
    name, texts = population.class_names[0], population.class_vectors
    assert texts is not None
    labels = np.array(population.real.labels)
    middle = population.real.vectors[labels == name].mean(axis=0)
    swapped = replace(
        population,
        class_vectors=np.stack([texts[1], *texts[1:]]),
        senses={name: {"meant": middle / np.linalg.norm(middle)}},
    )
    found = [one for one in collisions(swapped) if one[1] == "meant"]
    assert found[0][0] == name
    assert found[0][2] < 0


def test_a_sense_that_another_class_is_named_for_collides_with_it() -> None:
    population = spoiled("clean", 251, n=30, classes=4)
    names, texts = population.class_names, population.class_vectors
    assert texts is not None
    found = collisions(replace(population, senses={names[0]: {"the other": texts[2]}}))
    assert [one[:2] for one in found] == [(names[0], f"the other, as the class {names[2]}")]


def test_a_sense_far_from_all_collides_with_nothing() -> None:
    population = spoiled("clean", 252, n=30, classes=4)
    names, texts = population.class_names, population.class_vectors
    assert texts is not None
    far = {names[0]: {"itself, nearly": texts[0] * 0.99}}
    assert collisions(replace(population, senses=far)) == ()
    assert collisions(replace(population, class_vectors=None, senses=far)) == ()
