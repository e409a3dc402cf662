"""How far classes lie off their real images, and what of that is the whole set's."""

from dataclasses import replace

import numpy as np
import pytest

from tests.injected_faults import spoiled
from varifactory.diagnosis.depth import Depth, depth_of, usual
from varifactory.diagnosis.examining import Examined, asked
from varifactory.diagnosis.population import Images, Population
from varifactory.diagnosis.sides import sides
from varifactory.recipe.diagnosis import Diagnosis


def _second(population: Population) -> Examined:
    every = list(sides(population))
    return Examined(asked(population, Diagnosis(), 0.95, len(every)), every[1])


def _depth(population: Population) -> Depth:
    found = depth_of(_second(population))
    assert found is not None
    return found


@pytest.mark.parametrize("seed", range(400, 404))
def test_fresh_images_lie_as_real_ones_do(seed: int) -> None:
    found = _depth(spoiled("clean", seed, classes=4))
    assert abs(found.strange - 0.5) < 3 * found.error
    assert 0.75 < found.precision < 1.1
    assert 0.6 < found.density < 1.4
    assert found.beyond(0.5) > 0.001


@pytest.mark.parametrize("seed", range(400, 404))
def test_blurred_images_lie_off_them_and_noise_shows_nothing(seed: int) -> None:
    blurred = _depth(spoiled("blurred", seed, classes=4))
    assert blurred.beyond(0.5) < 0.001 < blurred.beyond(blurred.strange)
    assert blurred.density < 0.6
    assert _depth(spoiled("absent", seed, classes=4)).precision < 0.25


def test_of_few_images_nothing_is_said() -> None:
    assert depth_of(_second(spoiled("clean", 405, n=19, classes=4))) is None


def test_a_class_taken_for_others_is_as_far_off_as_can_be() -> None:
    """All images of the second class are fresh ones of the third."""
    clean = spoiled("clean", 406, classes=3)
    made = clean.synthetic
    vectors = made.vectors.copy()
    vectors[40:80] = vectors[80:]
    found = _depth(replace(clean, synthetic=Images(made.pixels, made.labels, vectors)))
    assert (found.strange, found.error, found.density) == (1, 0, 0)
    assert found.beyond(0.5) == 1


def _of(strange: float) -> Depth:
    return Depth(strange, 0.1, strange + 0.1, strange + 0.2)


def test_usual_is_the_median_of_the_others_of_the_attribute() -> None:
    depths = {0: _of(0.5), 1: _of(0.6), 2: _of(0.9), 3: None, 4: _of(0.1), 5: _of(0.3)}
    attributes = ["color", "color", "color", "color", "no attribute", ""]
    others = usual(depths, attributes, 0)
    assert others is not None
    np.testing.assert_allclose(
        (others.strange, others.error, others.precision, others.density), (0.75, 0, 0.85, 0.95)
    )
    # No other group is of all attributes: all other groups stand in.
    others = usual(depths, attributes, 5)
    assert others is not None
    assert others.strange == pytest.approx(0.55)


def test_of_one_group_nothing_is_usual() -> None:
    assert usual({0: _of(0.5), 1: None}, ["", ""], 0) is None
