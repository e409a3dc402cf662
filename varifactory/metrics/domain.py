"""Whether a judge can tell synthetic images from real ones."""

import os
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from varifactory.keys import seed_from
from varifactory.metrics.vectors import Numbers, Places, TooFew, Vectors, by_source, shared_width
from varifactory.shards.prefetch import in_order

FOLDS = 5
MOST = 5_000
"""Images a side that a fold's judge learns from: twenty a weight of a usual encoder of 512."""


@dataclass(frozen=True, slots=True)
class Domain:
    """How well held-out images are told apart."""

    auc: float
    """Probability that a synthetic image looks more synthetic than a real one; 0.5: chance."""
    real: Numbers
    """A real image each: log-odds of being synthetic by a judge that has not seen it."""
    synthetic: Numbers


def domain_auc(
    real: Vectors,
    synthetic: Vectors,
    seed: int = 0,
    folds: int = FOLDS,
    own: Places | None = None,
    sources: Places | None = None,
) -> Domain:
    """Held-out area under the curve of a logistic regression of synthetic against real.

    Scores of all folds together make one curve. A synthetic image is in the fold of the real one
    it was made from and of all that was made from it, else the judge knows it by these.

    Args:
        own: place in ``real`` of the image each synthetic one was made from, or -1.
        sources: a number each, the same for images made from one, be it in ``real`` or not; -1 of
            none. Left out: ``own``.

    Raises:
        TooFew: fewer images than folds on a side, or synthetic ones of a single fold's sources.
        ValueError: widths that differ.
    """
    shared_width(real, synthetic)
    dice = np.random.default_rng(seed_from("domain", seed))
    own = np.full(len(synthetic), -1) if own is None else own
    ours, theirs = _folds(len(real), own, own if sources is None else sources, folds, dice)
    # Shuffled, since tables come in order of their classes and only some rows teach.
    order, others = dice.permutation(len(real)), dice.permutation(len(synthetic))

    def judge(fold: int) -> tuple[Numbers, Numbers]:
        known = order[ours[order] != fold][:MOST]
        made = others[theirs[others] != fold][:MOST]
        scored = _judge(real[known], synthetic[made])
        return scored(real[ours == fold]), scored(synthetic[theirs == fold])

    found = Domain(0.5, np.zeros(len(real)), np.zeros(len(synthetic)))
    for fold, (one, other) in enumerate(in_order(judge, range(folds), threads=os.cpu_count() or 1)):
        found.real[ours == fold], found.synthetic[theirs == fold] = one, other
    return replace(found, auc=area(found.real, found.synthetic))


def area(low: Numbers, high: Numbers) -> float:
    """Probability that one of ``high`` exceeds one of ``low``, ties as half (Mann and Whitney)."""
    from scipy.stats import rankdata

    ranks = rankdata(np.concatenate([low, high]))[len(low) :]
    return float((ranks.sum() - len(high) * (len(high) + 1) / 2) / (len(low) * len(high)))


def _folds(
    ours: int, own: Places, sources: Places, folds: int, dice: np.random.Generator
) -> tuple[Places, Places]:
    """The fold of each real and of each synthetic image."""
    theirs = len(own)
    if not 2 <= folds <= min(ours, theirs):
        raise TooFew(
            f"{folds} folds of {ours} and {theirs} images: give 2 or more, and at least as many "
            "images on each side"
        )
    each, source = np.unique(by_source(sources), return_inverse=True)
    real, dealt = dice.permutation(ours) % folds, dice.permutation(len(each)) % folds
    synthetic = np.where(own >= 0, real[own], dealt[source])
    if len(np.unique(synthetic)) < 2:
        raise TooFew(
            f"all {theirs} synthetic images are of sources in one of {folds} folds: give images of "
            "more sources"
        )
    return real, synthetic


def _judge(real: Vectors, synthetic: Vectors) -> Callable[[Vectors], Numbers]:
    from sklearn.linear_model import LogisticRegression

    both = np.concatenate([real, synthetic]).astype(np.float64)
    middle = both.mean(axis=0)
    size = float(np.sqrt(np.square(both - middle).mean())) or 1.0
    labels = np.repeat([0, 1], [len(real), len(synthetic)])
    model = LogisticRegression(max_iter=10_000, class_weight="balanced")
    model.fit((both - middle) / size, labels)

    def scored(some: Vectors) -> Numbers:
        found = model.decision_function((some - middle) / size) if len(some) else np.zeros(0)
        return np.asarray(found, np.float64)

    return scored
