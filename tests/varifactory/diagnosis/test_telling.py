"""A judge's area under the curve, with an interval from its own scores."""

from dataclasses import replace

import numpy as np
import pytest

from tests.injected_faults import spoiled
from tests.simulated_vectors import vectors
from varifactory.diagnosis.examining import Asked, asked
from varifactory.diagnosis.population import Images
from varifactory.diagnosis.telling import parted, told_apart
from varifactory.metrics.vectors import Places, Vectors
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
        found = told_apart("domain_auc", _asked(shift))
        assert found.value is not None
        assert found.reference is not None
        assert low < found.value.estimate <= high
        assert found.value.low < found.value.estimate <= found.value.high <= 1
        assert 0.3 < found.reference < 0.7


def test_a_judge_knows_no_image_by_another_of_its_source() -> None:
    """Five near-copies a source, each as fresh as the real images, of which most are not drawn."""
    one, real = _asked(), vectors(400, 1, width=64)
    sources = np.repeat(np.arange(0, 400, 20), 5)
    made = vectors(20, 2, width=64).repeat(5, axis=0) + 0.02 * vectors(100, 3, width=64)
    nowhere = np.full(100, -1)
    known = told_apart("domain_auc", _of(one, made, real, nowhere)).value
    assert known is not None
    assert known.low > 0.6
    assert known.covers == "synthetic and real images"
    for own, outside in ((sources, None), (nowhere, sources)):
        fair = told_apart("domain_auc", _of(one, made, real, own, outside)).value
        assert fair is not None
        assert fair.low < 0.5 < fair.high
        assert fair.estimate < known.estimate - 0.15
        assert fair.half_width > 1.5 * known.half_width
        assert fair.covers == "whole sources of synthetic images, and real images"


def test_sides_wholly_parted_are_as_sure_as_their_images_are_many() -> None:
    """Of 30 right answers Wilson's interval of 95 % begins at 0.878, with Student's t."""
    one, far = _asked(), vectors(300, 1, shift=9.0)
    few, many = (
        told_apart("domain_auc", _of(one, far[:count], vectors(count, 2), np.full(count, -1))).value
        for count in (30, 300)
    )
    assert few is not None
    assert many is not None
    assert few.estimate == many.estimate == 1
    assert few.low == pytest.approx(0.878, abs=0.001)
    assert few.low < many.low < 1


def test_too_few_images_or_texts_are_said_so() -> None:
    one = _asked()
    made, real = one.population.synthetic.vectors, one.population.real.vectors
    few = told_apart("domain_auc", _of(one, made[:12], real, np.full(12, -1)))
    assert (few.value, few.why) == (None, "n too small: 12 images, at least 20")
    edits = told_apart("domain_auc", _of(one, made, real, np.zeros(len(made), np.int64)))
    assert edits.why.startswith(f"all {len(made)} synthetic images are of sources in one of 5")
    assert parted("separability", one, made[:3]).why == "n too small: 3 texts or images, at least 5"


def test_texts_beside_the_images_are_parted_from_them() -> None:
    texts = np.zeros((8, 40), np.float32)
    texts[:, 39] = 1
    found = parted("separability", _asked(), texts)
    assert found.value is not None
    assert found.value.estimate > 0.95
    assert found.value.low < 1
    assert found.value.covers == "synthetic images, and texts"


def test_images_of_all_classes_are_held_against_the_texts() -> None:
    """Of more images than a judge takes, those of the first classes lie far from the texts."""
    texts = vectors(40, 1)
    rows = np.concatenate([vectors(1200, 2, shift=3.0), vectors(1200, 3)])
    mixed = np.random.default_rng(1).permutation(rows)
    in_order, shuffled = (_parted(images, texts) for images in (rows, mixed))
    assert shuffled < 0.85
    assert in_order == pytest.approx(shuffled, abs=0.03)


def _parted(images: Vectors, texts: Vectors) -> float:
    one = _asked()
    real = vectors(len(one.population.real), 4)
    found = parted("separability", _of(one, images, real, np.full(len(images), -1)), texts)
    assert found.value is not None
    assert found.n == 1000
    return found.value.estimate


def _of(
    one: Asked, made: Vectors, real: Vectors, own: Places, sources: Places | None = None
) -> Asked:
    """The same asked of these images."""
    images = [Images(tuple(map(str, range(len(some)))), ("",) * len(some), some)
              for some in (made, real)]  # fmt: skip
    population = replace(
        one.population, synthetic=images[0], real=images[1], own=own, sources=sources
    )
    return replace(one, population=population)
