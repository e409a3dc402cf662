"""What a stratified sample of labels says of all edits, and how surely.

**The method.** Strata are weighted by their sizes, so that a share is unbiased however unevenly
they were drawn. Its interval is Wilson's (1927) at the effective sample size of the design (Kish,
1965; Korn and Graubard, 1998): as many independent draws as would be as sure. Its variance takes
account of how much of each stratum was drawn, and each stratum's rate is shrunk a little towards
the others', lest a stratum whose few labels all agree count as known exactly. What joins the
accepted and the refused (the share of all edits, recall, kappa) takes its bounds from those of the
two parts (square and add: Newcombe, 1998; Zou and Donner, 2008). Tests
simulate how often the intervals hold the truth.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import sqrt
from statistics import NormalDist

from varifactory.statistics import Interval
from varifactory.statistics.kappa import inter_rater

COVERS = "the draw of the sample, not errors of those who labelled it"
SHRINK = 1.0
"""How many labels a stratum's kind counts for beside its own, where the variance is estimated."""


@dataclass(frozen=True, slots=True)
class Stratum:
    """Edits that were drawn alike, and what people said of those that were drawn."""

    size: int
    labelled: int
    good: float
    """Labels that are good; of an edit that raters disagree on, the share of them."""


def share(strata: Sequence[Stratum], confidence: float = 0.95) -> Interval:
    """The share that is good of all edits of these strata, labelled or not.

    Give it strata that are alike, those accepted or those refused, and ``whole`` the two shares.

    Raises:
        ValueError: no strata, or one without a label: nothing can be said of it.
    """
    if not strata or any(stratum.labelled < 1 for stratum in strata):
        raise ValueError("every stratum needs at least one label")
    everything = sum(stratum.size for stratum in strata)
    weights = [stratum.size / everything for stratum in strata]
    rates = [stratum.good / stratum.labelled for stratum in strata]
    found = sum(weight * rate for weight, rate in zip(weights, rates, strict=True))
    shrunk = [_shrunk(stratum, strata) for stratum in strata]
    variance = sum(
        weight**2 * _variance(stratum, rate)
        for weight, stratum, rate in zip(weights, strata, shrunk, strict=True)
    )
    if not variance:
        return Interval(found, found, found, confidence, COVERS)
    middle = sum(weight * rate for weight, rate in zip(weights, shrunk, strict=True))
    low, high = _wilson(found, middle * (1 - middle) / variance, confidence)
    return Interval(found, low, high, confidence, COVERS)


def _shrunk(stratum: Stratum, strata: Sequence[Stratum]) -> float:
    """Its rate, drawn a little towards that of all of them; never 0 or 1."""
    good, labelled = sum(each.good for each in strata), sum(each.labelled for each in strata)
    return (stratum.good + SHRINK * (good + 0.5) / (labelled + 1)) / (stratum.labelled + SHRINK)


def _variance(stratum: Stratum, rate: float) -> float:
    """Of a stratum's rate, drawn without replacement; 0 where all of it was labelled."""
    drawn = stratum.labelled
    left = 1 - drawn / stratum.size
    # A rate that is itself estimated spreads too little on average, by exactly this where the
    # stratum is like the others; with two labels it is a fifth.
    lost = 1 - drawn / (drawn + SHRINK) ** 2
    return left * rate * (1 - rate) / lost / drawn


def _wilson(found: float, draws: float, confidence: float) -> tuple[float, float]:
    """Wilson's bounds of a share of ``draws`` independent draws, which need not be whole."""
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    middle = (found + z * z / (2 * draws)) / (1 + z * z / draws)
    half = z / (1 + z * z / draws) * sqrt(found * (1 - found) / draws + (z / (2 * draws)) ** 2)
    return min(found, max(0.0, middle - half)), max(found, min(1.0, middle + half))


def whole(accepted: Interval, refused: Interval, taken: float) -> Interval:
    """The share that is good of all edits; the arguments are those of ``recall``."""

    def found(good: float, spared: float) -> float:
        return taken * good + (1 - taken) * (1 - spared)

    # The part that grows with it is the share of refused edits that are bad.
    return _joined(found, accepted, _turned(refused))


def _turned(part: Interval) -> Interval:
    return Interval(1 - part.estimate, 1 - part.high, 1 - part.low, part.confidence, part.covers)


def recall(accepted: Interval, refused: Interval, taken: float) -> Interval | None:
    """Of the good edits the share that was accepted; None where no edit is good.

    Args:
        accepted: share that is good of those accepted.
        refused: share that is good of those refused.
        taken: share of all edits that was accepted, 0 to 1.
    """

    def found(good: float, missed: float) -> float:
        return taken * good / (taken * good + (1 - taken) * missed)

    if not taken * accepted.estimate + (1 - taken) * refused.estimate:
        return None
    return _joined(found, accepted, refused)


def filter_kappa(accepted: Interval, refused: Interval, taken: float) -> Interval | None:
    """Cohen's kappa of accepted or refused with good or not, over all edits; None if undefined."""

    def found(good: float, missed: float) -> float:
        table = [[taken * good, taken * (1 - good)],
                 [(1 - taken) * missed, (1 - taken) * (1 - missed)]]  # fmt: skip
        return _cohen(table)

    every = taken * accepted.estimate + (1 - taken) * refused.estimate
    if taken in (0, 1) and every in (0, 1):
        return None
    return _joined(found, accepted, refused)


def _cohen(table: list[list[float]]) -> float:
    import numpy as np

    return float(inter_rater().cohens_kappa(np.array(table), return_results=False))


def _joined(found: Callable[[float, float], float], good: Interval, bad: Interval) -> Interval:
    """Bounds of what grows with the share of good ones among the accepted, and falls with that
    among the refused: each part's distance to its own bound, squared and added."""
    middle = found(good.estimate, bad.estimate)
    low = middle - sqrt(
        (middle - found(good.low, bad.estimate)) ** 2
        + (middle - found(good.estimate, bad.high)) ** 2
    )
    high = middle + sqrt(
        (found(good.high, bad.estimate) - middle) ** 2
        + (found(good.estimate, bad.low) - middle) ** 2
    )
    return Interval(middle, max(low, -1.0), min(high, 1.0), good.confidence, COVERS)
