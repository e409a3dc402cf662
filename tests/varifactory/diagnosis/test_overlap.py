from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from tests.pruned_sets import HALF, Known, clean, half_shifted, shifted, unlabelled
from varifactory.diagnosis.nearness import parts, placed, shares
from varifactory.diagnosis.overlap import curve, overlaps, pruning
from varifactory.diagnosis.population import Images
from varifactory.metrics import manifold
from varifactory.recipe.diagnosis import Diagnosis
from varifactory.report.diagnosis.page import advised

SETTINGS = Diagnosis()


@pytest.mark.parametrize(("kind", "far"), [("moved", 0.8), ("turned around", 1), ("blurred", 1.2)])
@pytest.mark.parametrize("labelled", [True, False])
def test_pruning_a_half_shifted_set_leaves_the_shifted_half_out(
    kind: str, far: float, labelled: bool
) -> None:
    gone, before, after = [], [], []
    for seed in range(5):
        population = shifted(seed, kind, far)
        population = population if labelled else unlabelled(population)
        kept = pruning(population).kept(0.5)
        gone.append(1 - HALF[kept].sum() / 200)
        whole, half = curve(population, Diagnosis(keep=(1.0, 0.5)))
        before.append(whole.overlap.value.estimate)
        after.append(half.overlap.value.estimate)
    assert np.mean(gone) >= 0.9
    # By images that the choice did not see; half of a set covers less of the target than all of it.
    assert all(one < more for one, more in zip(before, after, strict=True))
    assert np.mean(after) > np.mean(before) + 0.05


def test_a_clean_set_overlaps_as_real_images_do_at_any_fraction() -> None:
    points = curve(clean(1), SETTINGS)
    assert [point.fraction for point in points] == sorted(SETTINGS.keep, reverse=True)
    assert [point.n for point in points][:3] == [400, 360, 320]
    for point in points:
        found = point.overlap
        assert found.value.low <= found.value.estimate <= found.value.high
        assert found.reference is not None
        if point.fraction >= 0.8:
            assert found.value.estimate > points[0].overlap.value.estimate - 0.02
        # Chosen images cover more than as many drawn ones.
        assert found.value.estimate > found.reference - 0.02
    assert points[0].overlap.value.estimate == pytest.approx(points[0].overlap.reference, abs=0.03)


def test_no_class_of_a_clean_set_is_pruned_away() -> None:
    population = clean(2)
    kept = pruning(population).kept(0.2)
    counts = Counter(population.synthetic.labels[at] for at in kept)
    assert len(counts) == 10
    assert min(counts.values()) >= 3


def test_what_a_repeated_image_adds_is_counted_once() -> None:
    population = clean(3)
    vectors = population.synthetic.vectors.copy()
    first = np.flatnonzero(np.array(population.synthetic.labels) == "three")[0]
    labels = np.array(population.synthetic.labels)
    vectors[:150], labels[:150] = vectors[first], "three"
    made = replace(population.synthetic, vectors=vectors, labels=tuple(labels))
    repeated = replace(population, synthetic=made)
    kept = pruning(repeated).kept(0.5)
    assert (kept < 150).sum() < 20


def test_pruned_sets_are_nested_and_follow_from_content() -> None:
    population = clean(4)
    found = pruning(population)
    assert sorted(found.order) == list(range(400))
    assert list(pruning(population).order) == list(found.order)
    assert set(found.kept(0.3)) < set(found.kept(0.6))
    assert len(found.kept(0.0)) == 1


@pytest.mark.parametrize("own", [False, True])
def test_near_is_what_the_manifold_of_each_class_says(own: bool) -> None:
    population = clean(5, own)
    labels, real = np.array(population.synthetic.labels), np.array(population.real.labels)
    inside, covered = np.zeros(400, bool), 0
    for part in parts(population, 5):
        at, real_at = np.flatnonzero(labels == part.label), np.flatnonzero(real == part.label)
        places = placed(population.own[at], real_at)
        assert [real_at[place] for place in places if place >= 0] == [
            one for one in population.own[at] if one in real_at
        ]
        found = manifold(population.real.vectors[real_at], population.synthetic.vectors[at], 5,
                         places)  # fmt: skip
        inside[at] = found.inside
        covered += found.covered.sum()
        np.testing.assert_array_equal(part.near.any(axis=1), found.inside)
    assert shares(parts(population, 5), np.ones(400, bool)) == (inside.sum(), covered, 600)


def test_a_target_without_labels_is_one_part() -> None:
    (part,) = parts(unlabelled(clean(6)), 5)
    population = clean(6)
    found = manifold(population.real.vectors, population.synthetic.vectors, 5)
    np.testing.assert_array_equal(part.near.any(axis=1), found.inside)


def test_classes_without_synthetic_images_are_not_covered() -> None:
    population = clean(7)
    at = [at for at, label in enumerate(population.synthetic.labels) if label != "two"]
    made = population.synthetic
    fewer = replace(
        population, own=population.own[at], attributes=("",) * len(at),
        synthetic=Images(tuple(made.pixels[one] for one in at),
                         tuple(made.labels[one] for one in at), made.vectors[at]),
    )  # fmt: skip
    twos = population.real.labels.count("two")
    _, covered, target = shares(parts(fewer, 5), np.ones(len(at), bool))
    assert target == 600
    assert covered <= 600 - twos


def test_too_few_images_have_no_overlap() -> None:
    population = clean(11)
    few = overlaps(population, parts(population, 5), [np.arange(12)], SETTINGS)[0]
    assert few.value is None
    assert few.why == "n too small: 12 images, at least 20"
    none = overlaps(population, parts(population, 5), [np.arange(30)], Diagnosis(least=301))[0]
    assert none.value is None


def test_intervals_hold_the_overlap_of_other_draws() -> None:
    """Of sets and targets drawn anew, each with 95 %."""
    truth = np.mean([curve(clean(seed), Diagnosis(keep=(1.0,)))[0].overlap.value.estimate
                     for seed in range(100, 110)])  # fmt: skip
    held = 0
    for seed in range(20):
        value = curve(clean(seed), Diagnosis(keep=(1.0,)))[0].overlap.value
        held += value.low <= truth <= value.high
    assert held >= 18


DESIGNS = ((16, 150), (32, 150), (16, 60))
"""Directions, and images a class on each side."""


def test_the_curve_tells_the_overlap_with_a_target_that_the_choice_never_saw() -> None:
    settings = Diagnosis(keep=(0.75, 0.5, 0.25))
    held, off = [], []
    for width, images in DESIGNS:
        for seed in range(2):
            known = Known(seed, images, width)
            population = known.population()
            for given in (population, half_shifted(population, seed)):
                order = pruning(given)
                kept = [order.kept(share) for share in settings.keep]
                truth = np.mean([_overlaps_of(known.fresh(given, at), kept) for at in range(3)], 0)
                for point, one in zip(curve(given, settings), truth, strict=True):
                    held.append(point.overlap.value.low <= one <= point.overlap.value.high)
                    off.append(point.overlap.value.estimate - one)
    assert np.mean(held) >= 0.9
    most, half, quarter = np.reshape(off, (-1, 3)).mean(axis=0)
    assert max(abs(most), abs(half)) < 0.01
    # Half of a target chooses few images less well than the whole does.
    assert -0.04 < quarter < 0.01


def test_with_all_kept_the_curve_is_the_overlap_of_the_set() -> None:
    for population in (clean(12), clean(13, own=True), unlabelled(shifted(12, "blurred", 1.2))):
        (told,) = curve(population, Diagnosis(keep=(1.0,)))
        (whole,) = overlaps(population, parts(population, 5), [np.arange(400)], SETTINGS)
        assert told.overlap.value.estimate == pytest.approx(whole.value.estimate, abs=2e-3)
        assert told.overlap.value.half_width == pytest.approx(whole.value.half_width, rel=0.5)


def _overlaps_of(population, kept) -> list[float]:
    found = overlaps(population, parts(population, 5), kept, SETTINGS)
    return [one.value.estimate for one in found]


def test_pruning_a_clean_set_is_never_advised_and_a_half_shifted_one_is() -> None:
    settings = Diagnosis(keep=(1.0, 0.9, 0.75, 0.5, 0.25))
    for width, images in DESIGNS:
        for seed in range(5):
            population = Known(100 + seed, images, width).population()
            assert advised(curve(population, settings)) == ""
        assert advised(curve(half_shifted(population, seed, 0.8), settings)) in ("0.75", "0.5")
