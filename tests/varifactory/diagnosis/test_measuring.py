"""Measures of a group: edits of one source are one observation, and too few images are told."""

from dataclasses import replace

import numpy as np
import pytest

from tests.injected_faults import spoiled
from tests.simulated_vectors import vectors
from varifactory.diagnosis.counting import diagnose
from varifactory.diagnosis.examining import Examined, asked
from varifactory.diagnosis.measuring import alone, by_image, mean, of_manifold, share, too_few
from varifactory.diagnosis.population import Population
from varifactory.diagnosis.sides import Sides
from varifactory.metrics import pairwise_distance, vendi
from varifactory.metrics.vectors import Numbers, Vectors
from varifactory.recipe.diagnosis import Diagnosis

SOURCES, EDITS = 10, 6


def examined(
    made: Vectors, real: Vectors, own: np.ndarray, settings: Diagnosis | None = None
) -> Examined:
    shared = asked(spoiled("clean", 1, n=20, classes=2), settings or Diagnosis(), 0.95, 1)
    at, real_at = np.arange(len(made)), np.arange(len(real))
    return Examined(shared, Sides("digit", 0, "", at, real_at, made, real, own, own))


def edits(seed: int) -> Vectors:
    """Six near-copies of each of ten fresh images."""
    copies = vectors(SOURCES, seed).repeat(EDITS, axis=0)
    some = copies + 0.1 * vectors(SOURCES * EDITS, 50_000 + seed)
    return (some / np.linalg.norm(some, axis=1, keepdims=True)).astype(np.float32)


def spreads(some: Vectors) -> tuple[float, float]:
    return vendi(some), pairwise_distance(some)


def test_intervals_hold_the_truth_of_edits_of_a_few_sources() -> None:
    truth = np.mean([spreads(edits(1000 + seed)) for seed in range(600)], axis=0)
    one = examined(edits(0), vectors(60, 1), np.arange(60) // EDITS, Diagnosis(resamples=60))
    held = np.zeros(2)
    for seed in range(60):
        side = replace(one.side, made=edits(seed))
        found = alone(("vendi", "pairwise_distance"), replace(one, side=side), spreads)
        for place, measure in enumerate(found):
            assert measure.value is not None
            held[place] += measure.value.low <= truth[place] <= measure.value.high
    # Of 60 intervals of 95 %, fewer than 51 hold the truth once in 700 times.
    assert (held >= 51).all()


def test_a_mean_of_edits_is_as_sure_as_their_sources_are_many() -> None:
    dice = np.random.default_rng(1)
    scores: Numbers = dice.normal(size=SOURCES).repeat(EDITS) + 0.01 * dice.normal(size=60)
    beside = dice.normal(size=60)
    one = examined(edits(0), vectors(60, 1), np.arange(60) // EDITS)
    found = mean("clip_score", one, scores, beside)
    assert found.value is not None
    assert found.value.estimate == pytest.approx(scores.mean())
    assert found.reference == pytest.approx(beside.mean())
    expected = 2.262 * scores[::EDITS].std(ddof=1) / np.sqrt(SOURCES)
    assert found.value.half_width == pytest.approx(expected, rel=0.2)
    assert found == by_image("clip_score", one, scores, beside, lambda some: float(some.mean()))


@pytest.mark.parametrize("known", [True, False])
def test_all_that_varies_with_the_sources_says_so(known: bool) -> None:
    """Each that is measured of the images themselves, of a group and of the whole, be the sources
    in the reference or not."""
    found = diagnose(_edits(spoiled("clean", 2, n=40, classes=5), known), Diagnosis(resamples=20))
    measures = {**found.groups[0].measures, **{one.name: one for one in found.whole}}
    measures |= {one.name: one for one in found.geometry}
    covers = {name: one.value.covers for name, one in measures.items() if one.value}
    by_sources = {name for name, told in covers.items() if told.startswith("whole sources")}
    assert by_sources >= {
        "precision", "recall", "density", "coverage", "entropy", "vendi", "pairwise_distance",
        "effective_rank", "along_text", "orthogonal", "posterior", "clip_score", "clip_auc", "fid",
        "kid", "cmmd", "domain_auc", "image_cone", "isotropy", "centroid_shift", "gap",
        "separability",
    }  # fmt: skip
    # Strangeness is of kins, and images of one source are that.
    assert {name for name, told in covers.items() if told.startswith("synthetic")} <= {"strange"}


def test_too_few_images_are_told_by_the_number_that_is_needed() -> None:
    settings = Diagnosis(neighbours=30)
    one = examined(vectors(25, 1), vectors(60, 2), np.full(25, -1), settings)
    assert not one.enough
    assert too_few("strange", one).why == "n too small: 25 images, at least 31"
    assert share("r2s", one, np.ones(25, bool)).value is not None
    assert of_manifold(one)[0].why == "n too small: 25 images, and 30 neighbours need at least 31"
    few = examined(vectors(19, 1), vectors(5, 2), np.full(19, -1), settings)
    assert share("r2s", few, np.ones(19, bool)).why == "n too small: 19 images, at least 20"
    assert too_few("strange", few).why == "n too small: 5 images, at least 31"


def _edits(population: Population, known: bool) -> Population:
    """Four images to a source of their class, which is known as a real one or by number alone."""
    number = np.arange(len(population.synthetic))
    own = number // 40 * 60 + number % 40 // 4
    return replace(population, own=own if known else np.full(len(own), -1), sources=number // 4)
