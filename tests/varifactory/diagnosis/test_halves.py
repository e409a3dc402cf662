from dataclasses import replace

import numpy as np

from tests.pruned_sets import clean, unlabelled
from varifactory.diagnosis.halves import Usual, crossed, halved
from varifactory.recipe.diagnosis import Diagnosis

SETTINGS = Diagnosis()


def test_each_half_has_half_of_every_class_and_no_image_is_in_both() -> None:
    population = clean(1)
    labels = np.array(population.real.labels)
    one, other = halved(population.real.labels, np.random.default_rng(1).permutation(600))
    assert sorted([*one, *other]) == list(range(600))
    for label in population.class_names:
        assert abs((labels[one] == label).sum() - (labels[other] == label).sum()) <= 1


def test_what_chooses_is_not_what_measures() -> None:
    for population in (clean(2), unlabelled(clean(2))):
        halves = crossed(population, SETTINGS)
        real = [half.chooser.target or half.chooser.real for half in halves]
        assert not set(real[0].pixels) & set(real[1].pixels)
        assert len(real[0]) + len(real[1]) == 600
        # The judge of a half is of the images of the other.
        assert [half.judge.sizes.sum() for half in halves] == [len(real[1]), len(real[0])]
        # Synthetic images are in the same groups of either jackknife.
        np.testing.assert_array_equal(halves[0].judge.made, halves[1].judge.made)


def test_an_edit_keeps_its_source_in_the_half_that_has_it() -> None:
    population = clean(3, own=True)
    for half in crossed(population, SETTINGS):
        reals = half.chooser.real.pixels
        # The half that lacks the source still knows what was made from one.
        np.testing.assert_array_equal(half.chooser.made_of, population.own)
        for at, source in enumerate(half.chooser.own):
            before = population.own[at]
            pixels = population.real.pixels[before] if before >= 0 else ""
            assert (reals[source] if source >= 0 else "") == (pixels if pixels in reals else "")


def test_a_class_with_three_real_images_can_be_halved() -> None:
    population = clean(4)
    labels = np.array(population.real.labels)
    twos = np.flatnonzero(labels == "two")
    labels[twos[3:]] = "three"
    rare = replace(population, real=replace(population.real, labels=tuple(labels.tolist())))
    for half in crossed(rare, SETTINGS):
        found = half.left_out(np.arange(400))
        assert np.isfinite(found).all()
        assert ((found >= 0) & (found <= 1)).all()


def test_real_images_that_are_missed_more_often_overlap_less() -> None:
    usual = Usual.of(clean(5).real, SETTINGS)
    assert usual.at(0.5, 1.5) < usual.at(0.5)
    assert Usual.of(clean(5).real, Diagnosis(least=301)).at(0.5) is None
