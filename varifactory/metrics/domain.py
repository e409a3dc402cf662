"""Whether a judge can tell synthetic images from real ones."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from varifactory.keys import seed_from
from varifactory.metrics.vectors import Numbers, Places, TooFew, Vectors, shared_width

MOST = 10_000
"""Images a side that a fold's judge learns from: enough for the 512 weights of a usual encoder."""


@dataclass(frozen=True, slots=True)
class Domain:
    """How well held-out images are told apart."""

    auc: float
    """Probability that a synthetic image looks more synthetic than a real one; 0.5: chance."""
    real: Numbers
    """A real image each: log-odds of being synthetic by a judge that has not seen it."""
    synthetic: Numbers


def domain_auc(
    real: Vectors, synthetic: Vectors, seed: int = 0, folds: int = 5, own: Places | None = None
) -> Domain:
    """Held-out area under the curve of a logistic regression of synthetic against real.

    Scores of all folds together make one curve. A synthetic image is in the fold of the real one
    it was made from (``own``: place in ``real``, or -1), else the judge knows it by its source.

    Raises:
        TooFew: fewer images than folds on a side, or than 2 folds.
        ValueError: widths that differ.
    """
    shared_width(real, synthetic)
    if not 2 <= folds <= min(len(real), len(synthetic)):
        raise TooFew(
            f"{folds} folds of {len(real)} and {len(synthetic)} images: give 2 or more, and at "
            "least as many images on each side"
        )
    dice = np.random.default_rng(seed_from("domain", seed))
    ours = dice.permutation(len(real)) % folds
    theirs = dice.permutation(len(synthetic)) % folds
    if own is not None:
        theirs = np.where(own >= 0, ours[own], theirs)
    scores = Domain(0.5, np.zeros(len(real)), np.zeros(len(synthetic)))
    for fold in range(folds):
        judge = _judge(real[ours != fold][:MOST], synthetic[theirs != fold][:MOST])
        scores.real[ours == fold] = judge(real[ours == fold])
        scores.synthetic[theirs == fold] = judge(synthetic[theirs == fold])
    return Domain(area(scores.real, scores.synthetic), scores.real, scores.synthetic)


def area(low: Numbers, high: Numbers) -> float:
    """Probability that one of ``high`` exceeds one of ``low``, ties as half (Mann and Whitney)."""
    from scipy.stats import rankdata

    ranks = rankdata(np.concatenate([low, high]))[len(low) :]
    return float((ranks.sum() - len(high) * (len(high) + 1) / 2) / (len(low) * len(high)))


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
