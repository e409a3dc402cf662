"""Realism of images within their class, and the score that pruning orders them by."""

from dataclasses import replace

import numpy as np
import pytest

from tests.pruned_sets import Known, clean, units, unlabelled
from tests.stored_digits import encoded
from varifactory.diagnosis.likeness import likeness, realism_of
from varifactory.diagnosis.overlap import pruning
from varifactory.diagnosis.population import Population
from varifactory.metrics import realism


def test_a_class_with_one_real_image_has_nothing_near_and_no_realism() -> None:
    population = clean(8)
    labels = np.array(population.real.labels)
    labels[labels == "two"] = "three"
    labels[0] = "two"
    lonely = replace(population, real=replace(population.real, labels=tuple(labels)))
    made = np.array(population.synthetic.labels)
    scores = realism_of(lonely)
    assert np.isnan(scores[made == "two"]).all()
    assert not np.isnan(scores[made != "two"]).any()
    assert (likeness(lonely, np.nan_to_num(scores))[made == "two"] == 0).all()
    assert sorted(pruning(lonely).order) == list(range(400))


def test_copies_of_real_images_are_real_and_noise_is_not() -> None:
    population = clean(9)
    places = [population.real.labels.index(label) for label in population.synthetic.labels]
    random = np.random.default_rng(0)
    copied = units(population.real.vectors[places] + 1e-3 * random.normal(size=(400, 32)))
    noise = encoded(random.uniform(0, 16, (400, 8, 8)))
    for given, real in ((copied, True), (noise, False)):
        found = realism_of(replace(population, synthetic=replace(population.synthetic,
                                                                 vectors=given)))  # fmt: skip
        assert ((found >= 1) == real).all()
    assert (realism_of(population) >= 1).mean() > 0.5
    alone = realism(population.real.vectors, population.synthetic.vectors, 3)
    np.testing.assert_allclose(realism_of(population, unlabelled(population).target), alone)


def test_an_edit_is_not_real_by_its_own_source() -> None:
    population = clean(10)
    places = np.array([population.real.labels.index(one) for one in population.synthetic.labels])
    noise = 1e-3 * np.random.default_rng(0).normal(size=(400, 32))
    made = replace(population.synthetic, vectors=units(population.real.vectors[places] + noise))
    edits = replace(population, synthetic=made, own=places)
    strangers = replace(population, synthetic=made)
    assert np.median(realism_of(edits)) < 2 < np.median(realism_of(strangers))


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("towards_target", [True, False])
def test_near_copies_as_fresh_as_the_target_are_not_doubted(
    seed: int, towards_target: bool
) -> None:
    """A judge that learned their like tells them apart by these alone."""
    population, sources = _near_copies(seed)
    if towards_target:
        population = replace(population, target=population.real)
    known, learned = (
        _doubt(replace(population, sources=some)) for some in (sources, np.full(500, -1))
    )
    assert np.median(known) > 0.9
    assert np.median(learned) < 0.8


def _near_copies(seed: int) -> tuple[Population, np.ndarray]:
    """Ten of each of ten fresh images a class, and a number a source."""
    fresh = Known(seed, 100, 32).population()
    first = np.concatenate([np.arange(at, at + 10) for at in range(0, 500, 100)]).repeat(10)
    noise = 0.02 * np.random.default_rng(seed).normal(size=(500, 32))
    made = replace(fresh.synthetic, vectors=units(fresh.synthetic.vectors[first] + noise))
    return replace(fresh, synthetic=made), first


def _doubt(population: Population) -> np.ndarray:
    """What the judge leaves of each score; of images of one source there is no judge."""
    real = np.nan_to_num(realism_of(population, population.target))
    alone = likeness(replace(population, sources=np.zeros(500, np.int64)), real)
    return likeness(population, real) / alone
