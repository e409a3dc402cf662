"""What texts tell of a class, by hand and of known faults."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import mannwhitneyu, norm

from tests.injected_faults import spoiled
from varifactory.diagnosis import by_texts
from varifactory.diagnosis.examining import Examined, asked
from varifactory.diagnosis.population import Population
from varifactory.diagnosis.sides import sides
from varifactory.metrics import Measure, clip_scores, posterior
from varifactory.recipe.diagnosis import Diagnosis

SETTINGS = Diagnosis(resamples=100)


def told(population: Population, place: int = 1) -> dict[str, Measure]:
    every = list(sides(population))
    shared = asked(population, SETTINGS, 0.95, len(every))
    one = next(side for side in every if side.number == place)
    return {measure.name: measure for measure in by_texts.measures(Examined(shared, one))}


def test_measures_are_those_of_the_images_scores() -> None:
    """At equal numbers a side, so that nothing is drawn down."""
    population = spoiled("adherence", 3, n=30, real=30, classes=4)
    found, texts = told(population), population.class_vectors
    assert texts is not None
    label = population.class_names[1]
    made, real = (images.vectors[[one == label for one in images.labels]]
                  for images in (population.synthetic, population.real))  # fmt: skip
    ours, theirs = clip_scores(made, texts[1]), clip_scores(real, texts[1])
    assert value(found["clip_low"]) == pytest.approx(lowest(ours), abs=1e-3)
    assert found["clip_low"].reference == pytest.approx(lowest(theirs), abs=1e-3)
    order = mannwhitneyu(ours, theirs).statistic / (len(ours) * len(theirs))
    assert value(found["clip_auc"]) == pytest.approx(order, abs=1e-6)
    above = posterior(made, texts, population.logit_scale)[:, 1] > 1 / 4
    assert value(found["above_chance"]) == pytest.approx(above.mean())


def test_wrong_images_show_in_the_lowest_tenth_and_in_the_order() -> None:
    wrong, clean = (told(spoiled(fault, 4, n=40, classes=6)) for fault in ("adherence", "clean"))
    assert value(wrong["clip_low"]) < low(clean["clip_low"])
    assert high(wrong["above_chance"]) < value(clean["above_chance"])
    assert value(wrong["clip_auc"]) < value(clean["clip_auc"]) - 0.05
    assert 0 < low(clean["clip_auc"]) < 0.5 < high(clean["clip_auc"]) < 1


def test_nothing_is_told_without_texts() -> None:
    assert told(replace(spoiled("clean", 5, classes=3), class_vectors=None)) == {}


def test_the_interval_of_the_lowest_tenth_holds_the_truth() -> None:
    truth, held = norm.ppf(0.1), 0
    for seed in range(200):
        found = by_texts.lowest(np.random.default_rng(seed).normal(size=40), np.arange(40), 0.95)
        held += found.low <= truth <= found.high
    assert 180 <= held < 200


def lowest(scores: np.ndarray) -> float:
    """A tenth of the way up, by hand: of n sorted scores place 0.1 (n + 1/3) + 1/3."""
    place, ordered = 0.1 * (len(scores) + 1 / 3) + 1 / 3 - 1, np.sort(scores)
    at = int(place)
    return float(ordered[at] + (place - at) * (ordered[at + 1] - ordered[at]))


def low(measure: Measure) -> float:
    assert measure.value
    return measure.value.low


def high(measure: Measure) -> float:
    assert measure.value
    return measure.value.high


def value(measure: Measure) -> float:
    assert measure.value
    return measure.value.estimate
