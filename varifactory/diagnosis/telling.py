"""Whether a judge tells synthetic images from real ones, with an interval from its own scores.

Drawing images anew would train the judge anew in each draw, which takes minutes; its held-out
scores tell how far another draw of images would move the area under the curve.
"""

from math import sqrt
from statistics import NormalDist

import numpy as np

from varifactory.diagnosis.examining import Asked
from varifactory.diagnosis.sides import Numbers, Places
from varifactory.embeddings import Vectors
from varifactory.keys import seed_from
from varifactory.metrics import Domain, Measure, domain_auc
from varifactory.statistics import Interval

FOLDS = 5
MOST = 1000
"""Images a side: the judge's time grows with their number, its interval shrinks little."""
SPLITS = 3
"""Halvings of the real images that the reference is the mean of."""


def told_apart(name: str, asked: Asked, made: Vectors, real: Vectors, own: Places) -> Measure:
    """Held-out AUC at equal numbers; DeLong's interval (DeLong et al., 1988), and half of the real
    images against the other half beside it.

    The interval knows of other images, not of a judge that learned from others; images of one
    source are taken as independent, so that it is somewhat narrow for edits.
    """
    size, least = min(len(made), len(real), MOST), max(asked.settings.least, FOLDS)
    if size < least:
        why = f"n too small: {size} images, at least {least}"
        return Measure(name, None, len(made), len(real), None, why)
    seed = asked.settings.seed
    dice = np.random.default_rng(seed_from("told apart", seed))
    ours, theirs = (np.sort(dice.permutation(len(side))[:size]) for side in (real, made))
    place = np.full(len(real), -1, np.int64)
    place[ours] = np.arange(size)
    known = own[theirs]
    found = domain_auc(real[ours], made[theirs], seed, FOLDS, np.where(known < 0, -1, place[known]))
    return Measure(name, _interval(found, asked.confidence), size, size, _usual(real, size, seed))


def parted(name: str, asked: Asked, texts: Vectors) -> Measure:
    """How well a plane parts the synthetic images from the texts, held-out, and the real ones
    beside it; 1 is a gap between the modalities."""
    made, real = (one.vectors[:MOST] for one in (asked.population.synthetic, asked.population.real))
    fewest = min(len(texts), len(made), len(real))
    if fewest < FOLDS:
        why = f"n too small: {fewest} texts or images, at least {FOLDS}"
        return Measure(name, None, len(made), len(real), None, why)
    seed = asked.settings.seed
    found, usual = (domain_auc(texts, images, seed, FOLDS) for images in (made, real))
    return Measure(name, _interval(found, asked.confidence), len(made), len(real), usual.auc)


def _interval(found: Domain, confidence: float) -> Interval:
    above = _placements(found.synthetic, found.real)
    below = _placements(found.real, found.synthetic)
    error = sqrt(above.var(ddof=1) / len(above) + below.var(ddof=1) / len(below))
    half = NormalDist().inv_cdf((1 + confidence) / 2) * error
    low, high = max(0.0, found.auc - half), min(1.0, found.auc + half)
    return Interval(found.auc, low, high, confidence, "synthetic and real images")


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
    none, found = np.full(half, -1, np.int64), []
    for split in range(SPLITS):
        order = np.random.default_rng(seed_from("halves", seed, split)).permutation(len(real))
        sides = real[order[:half]], real[order[half : 2 * half]]
        found.append(domain_auc(*sides, seed, FOLDS, none).auc)
    return float(np.mean(found))
