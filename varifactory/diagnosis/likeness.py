"""How like each synthetic image is to those of a target: realism, density, a judge's doubt."""

import numpy as np

from varifactory.diagnosis.nearness import by_class, placed, to_kth
from varifactory.diagnosis.population import Images, Population
from varifactory.metrics import (
    FOLDS,
    REALISM_NEIGHBOURS,
    Domain,
    TooFew,
    domain_auc,
    radii,
    realism,
)
from varifactory.metrics.vectors import Numbers

DENSITY_NEIGHBOURS = 10
"""k of densities: 5 and 20 part a shifted half from the other as well."""
NOTHING = 1e-3
"""Least distance: what float32 leaves between equal vectors of length 1."""


def realism_of(population: Population, target: Images | None = None) -> Numbers:
    """(synthetic images,) realism of each within its class; at least 1 lies inside.

    NaN where the class has fewer than two real images, which have no distance.

    Args:
        target: in place of the reference.
    """
    of, scores = target or population.real, np.full(len(population.synthetic), np.nan)
    for _, at, target_at in by_class(population, target):
        if len(target_at) > 1 and len(at):
            own = None if target else placed(population.own[at], target_at)
            k = min(REALISM_NEIGHBOURS, len(target_at) - 1)
            made = population.synthetic.vectors[at]
            scores[at] = realism(of.vectors[target_at], made, k, own)
    return scores


def likeness(population: Population, real: Numbers, seed: int = 1) -> Numbers:
    """(synthetic images,) a score that orders them by how like they are to the population's target.

    The product of realism (0 of a class without), of the density of the target there over that of
    the synthetic set, and of the probability of being the target's by a judge that has not seen the
    image, raised to 2 AUC - 1: a judge that only guesses says nothing. Each sees what the others do
    not. Of 400 digits of which every second is shifted, half of the set kept by the score, the
    share of the shifted that is left out is, by realism, density, judge and product: turned around
    93, 94, 50 and 97 %; moved by 0.4 70, 75, 94 and 93 %; with noise of 1.2 93, 78, 51 and 93 %.

    Args:
        real: realism of each towards the same target; 0 where there is none.
        seed: of the judge's folds.
    """
    scores: Numbers = real * _density(population)
    judged = _judged(population, seed)
    if judged is None:
        return scores
    doubt = np.exp(-np.logaddexp(0, judged.synthetic))
    found: Numbers = scores * doubt ** max(0.0, 2 * judged.auc - 1)
    return found


def _judged(population: Population, seed: int) -> Domain | None:
    """None of too few images or sources for a judge."""
    target, made = population.target, population.synthetic.vectors
    of, own = (target or population.real).vectors, None if target else population.own
    if min(len(of), len(made)) < 2 * FOLDS:
        return None
    try:
        return domain_auc(of, made, seed, own=own, sources=population.made_of)
    except TooFew:
        return None


def _density(population: Population) -> Numbers:
    """Distance to the k-th nearest synthetic image over that to the target's, within its class; 1
    where there is none."""
    of, found = population.target or population.real, np.ones(len(population.synthetic))
    for _, at, target_at in by_class(population, population.target):
        k = min(DENSITY_NEIGHBOURS, len(target_at), len(at) - 1)
        if k > 0:
            made = population.synthetic.vectors[at]
            own = None if population.target else placed(population.own[at], target_at)
            away = to_kth(of.vectors[target_at], made, k, own)
            found[at] = radii(made, k) / np.maximum(away, NOTHING)
    return found
