"""Whether a class is there at all, and whether it looks as real images of it do."""

from dataclasses import replace

import numpy as np
import pytest

from tests.injected_faults import examined, spoiled
from varifactory.diagnosis.concept import absent, blurred, elsewhere, measures
from varifactory.diagnosis.depth import Depth, depth_of
from varifactory.diagnosis.examining import Examined
from varifactory.diagnosis.strays import strays
from varifactory.metrics import Measure


def _strange(one: Examined) -> Measure:
    return next(found for found in measures(one, depth_of(one), None) if found.name == "strange")


@pytest.mark.parametrize("kept", [0, 1])
def test_strangeness_of_images_that_are_not_recognised_is_not_told(kept: int) -> None:
    """All show another class, or all but one: no interval has no width."""
    population = spoiled("clean", 295, classes=4)
    vectors = population.synthetic.vectors.copy()
    vectors[40 + kept : 80] = vectors[80 + kept : 120]
    made = replace(population.synthetic, vectors=vectors)
    one = examined(replace(population, synthetic=made))[1]
    assert (one.given == 1).sum() == kept
    found = _strange(one)
    assert (found.value, found.n) == (None, kept)
    assert found.why == f"n too small: {kept} images that are taken for their class, at least 2"


def test_strangeness_is_of_the_recognised_images() -> None:
    one = examined(spoiled("ambiguity", 296, classes=4))[1]
    found = _strange(one)
    assert found.n == (one.given == 1).sum()
    assert found.n < 30
    assert found.value is not None
    assert found.value.low < found.value.estimate < found.value.high


def test_noise_is_absent_and_the_sentence_counts_what_is_as_real() -> None:
    one = examined(spoiled("absent", 297, classes=5))[1]
    found = absent(one, strays(one, None), depth_of(one), None, ())
    assert found is not None
    assert (found.label, found.kind) == (one.label, "absent")
    inside = int(one.real_as(1, np.arange(40)).sum())
    assert f"{inside} of 40 images are as real as real ones" in found.sentence


@pytest.mark.parametrize("fault", ["clean", "ambiguity", "blurred", "diversity", "copies"])
def test_a_class_that_is_there_is_not_absent(fault: str) -> None:
    one = examined(spoiled(fault, 298, classes=5))[1]
    assert absent(one, strays(one, None), depth_of(one), None, ()) is None


def test_another_class_in_its_place_is_there_as_that_class() -> None:
    """Forty images of one other class: not absent, but elsewhere."""
    population = spoiled("clean", 299, classes=5)
    vectors = population.synthetic.vectors.copy()
    vectors[40:80] = vectors[80:120]
    made = replace(population.synthetic, vectors=vectors)
    one = examined(replace(population, synthetic=made))[1]
    astray = strays(one, None)
    assert elsewhere(one, astray)
    assert absent(one, astray, depth_of(one), None, ()) is None
    noise = examined(spoiled("absent", 299, classes=5))[1]
    assert not elsewhere(noise, strays(noise, None))


@pytest.mark.parametrize("taken_for", [1, 2])
def test_where_the_whole_set_lies_off_only_what_is_taken_for_others_is_absent(
    taken_for: int,
) -> None:
    noise = examined(spoiled("absent", 300, classes=5))[1]
    judged = replace(noise.asked.judged, synthetic=np.full(200, taken_for))
    one = Examined(replace(noise.asked, judged=judged), noise.side)
    off = Depth(0.9, 0.0, 0.1, 0.1)
    found = absent(one, strays(one, off), depth_of(one), off, ())
    assert (found is None) == (taken_for == 1)
    alone = absent(one, strays(one, None), depth_of(one), None, ())
    assert alone is not None


def test_noisy_images_are_blurred_and_fresh_ones_are_not() -> None:
    one = examined(spoiled("blurred", 301, classes=5))[1]
    own = depth_of(one)
    assert own is not None
    found = blurred(one, own, None, ())
    assert found is not None
    assert f"in {100 * own.strange:.1f}\xa0% of the pairs" in found.sentence
    fresh = examined(spoiled("clean", 301, classes=5))[1]
    assert blurred(fresh, depth_of(fresh), None, ()) is None


def test_a_look_that_all_classes_share_is_no_blur_of_one() -> None:
    one = examined(spoiled("blurred", 302, classes=5))[1]
    own = depth_of(one)
    assert own is not None
    alike = replace(own, error=0.0)
    assert blurred(one, own, alike, ()) is None
