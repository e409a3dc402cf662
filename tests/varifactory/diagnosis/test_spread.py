"""Diversity is told beside that of as many real images, and never of images that reach them."""

from dataclasses import replace

import numpy as np
import pytest

from tests.injected_faults import examined, nearer, showing, spoiled
from varifactory.diagnosis.counting import flags
from varifactory.diagnosis.spread import reach, spread
from varifactory.recipe.diagnosis import Diagnosis


def test_images_that_are_all_a_little_alike_are_flagged() -> None:
    """Half as far from their mean as real images are, as of too high a guidance."""
    population = nearer(spoiled("clean", 270, classes=5), 1, 0.5)
    (flag,) = flags(population, Diagnosis())
    assert (flag.label, flag.issue) == (population.class_names[1], "diversity")
    assert "of the images lie among real ones" in flag.sentence


def test_low_diversity_that_leaves_no_real_image_unreached_is_no_lack_of_it() -> None:
    """Half of a class at its mean, and half fresh images that reach all."""
    population = nearer(spoiled("clean", 271, classes=5, n=60), 0.5, 1)
    one = examined(population)[1]
    assert spread(one).surely_fewer
    assert min(reach(one).recall, reach(one).coverage) > 0.8
    assert not reach(one).short
    assert "diversity" not in {flag.issue for flag in flags(population, Diagnosis())}


@pytest.mark.parametrize("few", [0, 4])
def test_a_few_others_beside_two_pictures_do_not_hide_them(few: int) -> None:
    """Their balls hold most real images, so that recall tells little; coverage does."""
    population = spoiled("diversity", 272, classes=5)
    mixed = showing(population, list(range(80, 80 + few)))
    fresh = spoiled("clean", 272, classes=5).synthetic.vectors[40 : 40 + few]
    vectors = mixed.synthetic.vectors.copy()
    vectors[40 : 40 + few] = fresh
    mixed = replace(mixed, synthetic=replace(mixed.synthetic, vectors=vectors))
    (flag,) = flags(mixed, Diagnosis())
    assert (flag.label, flag.kind) == (population.class_names[1], "few-modes")


def test_the_sentence_tells_what_the_flag_rests_on() -> None:
    one = spoiled("diversity", 273, classes=5)
    (flag,) = flags(one, Diagnosis())
    reached = reach(examined(one)[1])
    assert reached.recall < 0.2
    for share in (reached.recall, reached.coverage):
        assert f"{100 * share:.1f}\xa0%" in flag.sentence
    assert "of the real ones" in flag.sentence


def test_edits_of_one_source_are_flagged_by_what_all_of_them_reach() -> None:
    """No interval can be of a single source, nor halves of real images of as many neighbours."""
    population = spoiled("diversity", 274, classes=4)
    own = population.own.copy()
    own[40:80] = population.real.labels.index(population.class_names[1])
    (flag,) = flags(replace(population, own=own), Diagnosis())
    assert (flag.label, flag.issue) == (population.class_names[1], "diversity")
    found = flags(population, Diagnosis(neighbours=35))
    assert (population.class_names[1], "diversity") in {(one.label, one.issue) for one in found}


def test_clean_classes_reach_as_many_as_real_images_do() -> None:
    every = [reach(one) for one in examined(spoiled("clean", 275, classes=5))]
    assert not any(one.short for one in every)
    assert np.mean([one.coverage for one in every]) > 0.9
