"""Images that show something else, and whether that is one thing."""

from dataclasses import replace

import numpy as np
import pytest

from tests.injected_faults import cut, examined, of_an_unknown_digit, showing, spoiled
from varifactory.diagnosis.counting import flags
from varifactory.diagnosis.depth import Depth
from varifactory.diagnosis.strays import confusers, strays
from varifactory.recipe.diagnosis import Diagnosis

LEAST = Diagnosis(least=5, neighbours=2)


def test_most_strays_of_one_class_are_that_class() -> None:
    population = spoiled("ambiguity", 280, classes=5)
    one = examined(population)[1]
    found = strays(one, None)
    assert found.significant
    assert found.one_mode
    assert 0.35 < found.share < 0.5
    shown = one.given[found.at & (one.given >= 0)]
    assert found.main == np.bincount(shown[shown != 1]).argmax()
    assert confusers(one)[0] == (population.class_names[found.main], (shown == found.main).mean()
                                 * len(shown) / 40)  # fmt: skip


def test_images_of_every_other_class_are_strays_and_no_one_thing() -> None:
    found = strays(examined(spoiled("adherence", 281, classes=6))[1], None)
    assert found.significant
    assert not found.one_mode


def test_fresh_real_images_have_no_significant_strays() -> None:
    for one in examined(spoiled("clean", 282, classes=5)):
        found = strays(one, None)
        assert not found.significant
        assert not found.apart.any()


def test_one_picture_made_often_is_one_stray() -> None:
    """Twelve times one picture of the third class, and two of each of the others."""
    population = spoiled("clean", 283, classes=5)
    rows = [80] * 12 + [0, 1, 120, 121, 160, 161]
    found = strays(examined(showing(population, rows))[1], None)
    assert found.share > 0.4
    assert found.together <= 0.5
    assert not found.one_mode


def test_a_cluster_that_lies_off_the_real_images_is_apart_and_the_rest_is_not() -> None:
    """Sixteen images turned around: as near to each other as before, and far from all real ones.

    Where the other classes lie off the real ones too, that is a look of the whole set.
    """
    population = spoiled("clean", 284, classes=5)
    vectors = population.synthetic.vectors.copy()
    vectors[40:56] *= -1
    turned = replace(population.synthetic, vectors=vectors)
    one = examined(replace(population, synthetic=turned))[1]
    found = strays(one, None)
    assert found.apart[:16].all()
    assert found.apart[16:].mean() < 0.1
    assert not strays(one, Depth(0.9, 0.0, 0.1, 0.1)).apart.any()


@pytest.mark.parametrize("settings", [Diagnosis(), LEAST])
def test_a_single_stray_of_a_small_class_is_no_cluster(settings: Diagnosis) -> None:
    """Of five images one shows another class: too few to flag, or a stray that is like none."""
    clean = spoiled("clean", 1, n=40, real=120, classes=5)
    population = cut(showing(clean, [80]), 5)
    one = examined(population, settings)[1]
    found = strays(one, None)
    assert found.at.sum() == 1
    assert not found.one_mode
    assert found.significant is (settings is LEAST)
    said = {(flag.label, flag.kind) for flag in flags(population, settings)}
    assert said == ({(one.label, "scattered")} if settings is LEAST else set())


@pytest.mark.parametrize("seed", [-1, 2**32, 2**70])
def test_any_seed_finds_them(seed: int) -> None:
    population = of_an_unknown_digit(221)
    (flag,) = flags(population, Diagnosis(seed=seed))
    assert (flag.label, flag.kind) == (population.class_names[1], "other-mode")
