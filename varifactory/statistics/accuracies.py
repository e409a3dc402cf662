"""How often an arm is right: over all images, a class, the worst classes, and where it is sure.

Accuracies are right answers over all answers, never a mean of batches.
"""

from collections.abc import Mapping
from math import ceil

import numpy as np
from numpy.typing import NDArray

from varifactory.statistics.hits import Hits, crossed, drawn
from varifactory.statistics.intervals import Interval, proportion, wilson
from varifactory.statistics.variance import mean_squares, spread

ByClass = Mapping[str, tuple[int, int]]
"""Class name -> right answers and answers."""


def accuracy(hits: Hits, confidence: float = 0.95) -> Interval:
    """Top-1 over all seeds and images; an accuracy never leaves 0 to 1, nor does its interval.

    With one seed Wilson's interval (1927) over images. With more, the variance of crossed random
    draws of ``variance``, and Wilson's interval for as many independent answers as would have that
    variance (the effective sample size; Kish, 1965; Korn and Graubard, 1998) with Student's t.
    Where all answers are alike only the images count, as in one seed.

    Raises:
        ValueError: for hits of no or too many axes.
    """
    hits = crossed(hits)
    share, images = float(hits.mean()), hits.shape[2]
    if hits.size == images:
        return proportion(int(hits.sum()), images, confidence)
    variance, freedom = spread(mean_squares(hits.astype(np.float64)), hits.shape)
    covers = drawn(hits.shape)
    if not 0 < share < 1:
        low, high = wilson(share, images, confidence)
    else:
        answers = min(float(hits.size), share * (1 - share) / variance)
        low, high = wilson(share, answers, confidence, freedom)
    return Interval(share, low, high, confidence, covers)


def macro_accuracy(by_class: ByClass) -> float:
    """Mean of the classes' accuracies, each class counting once however many images it has.

    Raises:
        ValueError: without a class that was asked for.
    """
    return float(np.mean([share for share, _ in _shares(by_class)]))


def worst_classes(by_class: ByClass, share: float = 0.1) -> tuple[float, tuple[str, ...]]:
    """Mean accuracy of the worst classes, and their names, the worst first.

    A tenth of them by default, rounded up. The same images choose and measure them, so that the
    mean is lower than new images would show: compare it between arms, not with a goal.

    Raises:
        ValueError: without a class that was asked for, or a share outside 0 to 1.
    """
    if not 0 < share <= 1:
        raise ValueError(f"share {share}: give a part of the classes, above 0 and at most 1")
    ordered = sorted(_shares(by_class))
    # Rounded first, since 0.1 * 70 is a little more than 7 in floating point.
    worst = ordered[: max(1, ceil(round(share * len(ordered), 9)))]
    return float(np.mean([value for value, _ in worst])), tuple(name for _, name in worst)


def _shares(by_class: ByClass) -> list[tuple[float, str]]:
    shares = [(right / answers, name) for name, (right, answers) in by_class.items() if answers]
    if not shares:
        raise ValueError("no class has an answer: give right answers and answers of each class")
    return shares


def calibration_error(confidences: NDArray[np.floating], right: Hits, bins: int = 15) -> float:
    """Expected calibration error: how far a prediction's confidence is from how often it is right.

    The mean gap over bins of equal width, weighted by the answers in them; a confidence on a border
    belongs to the lower bin (Naeini, Cooper and Hauskrecht, 2015; 15 bins as Guo et al., 2017).
    Biased upwards where bins hold few answers: compare arms on the same images only.

    Args:
        confidences: of the predicted class, 0 to 1.
        right: whether each prediction was right, of the same shape.

    Raises:
        ValueError: for shapes that differ, nothing in them, or confidences outside 0 to 1.
    """
    sure, was = np.ravel(confidences).astype(np.float64), np.ravel(right)
    if sure.shape != was.shape or not sure.size:
        raise ValueError(f"{sure.size} confidences of {was.size} answers: give one for each")
    if not ((sure >= 0) & (sure <= 1)).all():
        raise ValueError("confidences lie outside 0 to 1: give probabilities, not logits")
    place = np.clip(np.ceil(sure * bins).astype(np.int64) - 1, 0, bins - 1)
    gaps = np.bincount(place, sure, bins) - np.bincount(place, was.astype(np.float64), bins)
    return float(np.abs(gaps).sum() / sure.size)
