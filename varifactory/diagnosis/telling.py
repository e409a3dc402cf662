"""Whether a judge tells synthetic images from real ones, with an interval from its own scores.

Drawing images anew would train the judge anew in each draw, which takes minutes; its held-out
scores tell how far another draw of images would move the area under the curve.
"""

import numpy as np

from varifactory.diagnosis.examining import Asked
from varifactory.embeddings import Vectors
from varifactory.keys import seed_from
from varifactory.metrics import FOLDS, Domain, Measure, TooFew, domain_auc
from varifactory.metrics.interval import BOTH, SOURCES
from varifactory.metrics.vectors import Numbers, Places, by_source
from varifactory.statistics import Interval
from varifactory.statistics.intervals import wilson

MOST = 1000
"""Images a side: the judge's time grows with their number, its interval shrinks little."""
SPLITS = 3
"""Halvings of the real images that the reference is the mean of."""
WORTH = 3
"""Independent answers that an area is worth at most, to an image of the smaller side: at 0.5,
against ever more images on the other."""


def told_apart(name: str, asked: Asked) -> Measure:
    """Held-out AUC at equal numbers, with half of the real images against the other half beside it.

    The interval knows of other images, by whole sources, not of a judge that learned from others.
    """
    population = asked.population
    made, real = population.synthetic.vectors, population.real.vectors
    size, least = min(len(made), len(real), MOST), max(asked.settings.least, FOLDS)
    if size < least:
        why = f"n too small: {size} images, at least {least}"
        return Measure(name, None, len(made), len(real), None, why)
    seed = asked.settings.seed
    dice = np.random.default_rng(seed_from("told apart", seed))
    ours, theirs = (np.sort(dice.permutation(len(side))[:size]) for side in (real, made))
    place = np.full(len(real), -1, np.int64)
    place[ours] = np.arange(size)
    own, sources = population.own[theirs], population.made_of[theirs]
    places = np.where(own < 0, -1, place[own])
    try:
        found = domain_auc(real[ours], made[theirs], seed, FOLDS, places, sources)
    except TooFew as why:
        return Measure(name, None, len(made), len(real), None, str(why))
    covers = f"{SOURCES}, and real images" if (sources >= 0).any() else BOTH
    interval = _interval(found, sources, asked.confidence, covers)
    return Measure(name, interval, size, size, _usual(real, size, seed))


def parted(name: str, asked: Asked, texts: Vectors) -> Measure:
    """How well a plane parts the synthetic images from the texts, held-out, and the real ones
    beside it; 1 is a gap between the modalities."""
    population, seed = asked.population, asked.settings.seed
    dice = np.random.default_rng(seed_from("parted", seed))
    at, real_at = (
        np.sort(dice.permutation(len(side))[:MOST])
        for side in (population.synthetic, population.real)
    )
    made, real = population.synthetic.vectors[at], population.real.vectors[real_at]
    fewest, sources = min(len(texts), len(made), len(real)), population.made_of[at]
    if fewest < FOLDS:
        why = f"n too small: {fewest} texts or images, at least {FOLDS}"
        return Measure(name, None, len(made), len(real), None, why)
    try:
        found = domain_auc(texts, made, seed, sources=sources)
    except TooFew as why:
        return Measure(name, None, len(made), len(real), None, str(why))
    covers = f"{SOURCES if (sources >= 0).any() else 'synthetic images'}, and texts"
    interval = _interval(found, sources, asked.confidence, covers)
    usual = domain_auc(texts, real, seed).auc
    return Measure(name, interval, len(made), len(real), usual)


def _interval(found: Domain, sources: Places, confidence: float, covers: str) -> Interval:
    """Wilson's, of as many independent answers as would have the variance of the area.

    That variance is DeLong's (DeLong et al., 1988), summed by whole sources as of clustered data
    (Obuchowski, 1997). The symmetric interval of its normal error is a point where the sides are
    wholly parted, and held the truth in 17 to 82 % at an area of 0.999; this one in 94 to 100 % at
    areas of 0.5 to 0.999, of 20 to 300 images a side, one or four of a source. Wholly parted sides
    are worth as many answers as the smaller one has images.
    """
    each, source = np.unique(by_source(sources), return_inverse=True)
    above = _variance(_placements(found.synthetic, found.real), source)
    below = _variance(_placements(found.real, found.synthetic), np.arange(len(found.real)))
    units, area = min(len(each), len(found.real)), found.auc
    worth = area * (1 - area) / (above + below) if above + below and 0 < area < 1 else units
    low, high = wilson(area, min(worth, WORTH * units), confidence, units - 1)
    return Interval(area, low, high, confidence, covers)


def _variance(placements: Numbers, source: Places) -> float:
    """Of the mean, from what varies between sources."""
    sums = np.bincount(source, weights=placements - placements.mean())
    count = len(sums)
    return float(np.square(sums).sum() * count / (count - 1)) / len(placements) ** 2


def _placements(scores: Numbers, others: Numbers) -> Numbers:
    """Share of the others that each score exceeds, ties as half."""
    ordered = np.sort(others)
    left, right = (np.searchsorted(ordered, scores, side) for side in ("left", "right"))
    found: Numbers = (left + right) / (2 * len(others))
    return found


def _usual(real: Vectors, size: int, seed: int) -> float | None:
    half = min(len(real) // 2, size)
    if half < FOLDS:
        return None
    found = []
    for split in range(SPLITS):
        order = np.random.default_rng(seed_from("halves", seed, split)).permutation(len(real))
        sides = real[order[:half]], real[order[half : 2 * half]]
        found.append(domain_auc(*sides, seed).auc)
    return float(np.mean(found))
