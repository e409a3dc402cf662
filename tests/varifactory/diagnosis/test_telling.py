"""A judge's area under the curve, with an interval from its own scores."""

from dataclasses import replace

import numpy as np

from tests.injected_faults import spoiled
from varifactory.diagnosis.examining import Asked, asked
from varifactory.diagnosis.telling import parted, told_apart
from varifactory.recipe.diagnosis import Diagnosis


def _asked(shift: float = 0.0) -> Asked:
    population = spoiled("clean", 260, classes=4)
    made = population.synthetic
    moved = made.vectors + np.float32(shift) * np.eye(made.vectors.shape[1], dtype=np.float32)[0]
    moved /= np.linalg.norm(moved, axis=1, keepdims=True)
    images = replace(made, vectors=moved)
    return asked(replace(population, synthetic=images), Diagnosis(), 0.95, 4)


def test_fresh_real_images_are_not_told_apart_and_shifted_ones_are() -> None:
    for shift, low, high in ((0.0, 0.35, 0.65), (2.0, 0.9, 1.0)):
        one = _asked(shift).population
        found = told_apart(
            "domain_auc", _asked(shift), one.synthetic.vectors, one.real.vectors, one.own
        )
        assert found.value is not None
        assert found.reference is not None
        assert low < found.value.estimate <= high
        assert found.value.low <= found.value.estimate <= found.value.high <= 1
        assert 0.3 < found.reference < 0.7


def test_too_few_images_or_texts_are_said_so() -> None:
    one = _asked()
    made, real = one.population.synthetic.vectors, one.population.real.vectors
    few = told_apart("domain_auc", one, made[:12], real, np.full(12, -1))
    assert (few.value, few.why) == (None, "n too small: 12 images, at least 20")
    assert parted("separability", one, made[:3]).why == "n too small: 3 texts or images, at least 5"


def test_texts_beside_the_images_are_parted_from_them() -> None:
    texts = np.zeros((8, 40), np.float32)
    texts[:, 39] = 1
    found = parted("separability", _asked(), texts)
    assert found.value is not None
    assert found.value.estimate > 0.95
