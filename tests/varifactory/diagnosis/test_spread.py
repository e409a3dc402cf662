"""Diversity is told beside that of as many real images."""

from dataclasses import replace

import numpy as np

from tests.injected_faults import spoiled
from varifactory.diagnosis.counting import flags
from varifactory.recipe.diagnosis import Diagnosis


def test_images_that_are_all_a_little_alike_are_flagged() -> None:
    """Half as far from their mean as real images are, as of too high a guidance."""
    population = spoiled("clean", 270, classes=5)
    made, name = population.synthetic, population.class_names[1]
    at = np.flatnonzero(np.array(made.labels) == name)
    vectors = made.vectors.copy()
    middle = vectors[at].mean(axis=0)
    near = middle + 0.5 * (vectors[at] - middle)
    vectors[at] = near / np.linalg.norm(near, axis=1, keepdims=True)
    found = flags(replace(population, synthetic=replace(made, vectors=vectors)), Diagnosis())
    assert [(flag.label, flag.issue) for flag in found] == [(name, "diversity")]
    assert "lie among real ones" in found[0].sentence
