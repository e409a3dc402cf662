"""A metric with its interval and what real images would have, at equal numbers."""

from collections.abc import Callable, Sequence

import numpy as np

from varifactory.keys import seed_from
from varifactory.metrics.measure import Measure
from varifactory.metrics.vectors import Numbers, Places, Vectors
from varifactory.statistics import Interval

Metric = Callable[[Vectors, Vectors, Places], float]
"""Real vectors, synthetic vectors and ``own`` (place among these real ones, or -1) -> a number."""


def measured(
    name: str,
    metric: Metric,
    synthetic: Vectors,
    real: Vectors,
    *,
    own: Places | None = None,
    alone: bool = False,
    share: bool = False,
    least: int = 20,
    confidence: float = 0.95,
    resamples: int = 200,
    seed: int = 0,
) -> Measure:
    """One metric; see ``measured_together``."""

    def several(ours: Vectors, theirs: Vectors, places: Places) -> Sequence[float]:
        return (metric(ours, theirs, places),)

    return measured_together(
        (name,), several, synthetic, real, own=own, alone=alone, share=share, least=least,
        confidence=confidence, resamples=resamples, seed=seed,
    )[0]  # fmt: skip


def measured_together(
    names: Sequence[str],
    metric: Callable[[Vectors, Vectors, Places], Sequence[float]],
    synthetic: Vectors,
    real: Vectors,
    *,
    own: Places | None = None,
    alone: bool = False,
    share: bool = False,
    least: int = 20,
    confidence: float = 0.95,
    resamples: int = 200,
    seed: int = 0,
) -> tuple[Measure, ...]:
    """Several metrics of one computation, each with its interval.

    Args:
        names: of what ``metric`` answers, in its order.
        metric: of (real, synthetic, own).
        synthetic: (n, width); vectors, or any numbers of an image, such as its score.
        real: (m, width).
        own: place in ``real`` of each synthetic image's source, or -1.
        alone: the metric looks at its synthetic images only; its reference is its value for real
            ones.
        share: the metric is a share of images, 0 to 1.
        least: images on a side below which nothing is said.
    """
    places = np.full(len(synthetic), -1, np.int64) if own is None else own
    count = min(len(synthetic), len(real))
    if count < least:
        why = f"n too small: {count} images, at least {least}"
        return tuple(Measure(name, None, len(synthetic), len(real), None, why) for name in names)
    dice = np.random.default_rng(seed_from("measured", seed))

    def once(size: int) -> Numbers:
        ours = dice.permutation(len(real))[:size]
        theirs = dice.permutation(len(synthetic))[:size]
        return np.array(metric(real[ours], synthetic[theirs], _among(places[theirs], ours)))

    values = once(count)
    half = count // 2
    spread = np.array([once(half) for _ in range(resamples)]).std(axis=0)
    order = dice.permutation(len(real))
    none = np.full(half, -1, np.int64)
    reference = metric(real[order[:half]], real[order[half : 2 * half]], none)
    return tuple(
        Measure(
            name,
            Interval(float(value), float(value - 1.96 * sd), float(value + 1.96 * sd), confidence),
            count, count, float(beside),
        )
        for name, value, sd, beside in zip(names, values, spread, reference, strict=True)
    )  # fmt: skip


def _among(places: Places, chosen: Places) -> Places:
    """Places in the whole table as places among the chosen rows; -1 where not chosen."""
    order = np.argsort(chosen)
    at = np.searchsorted(chosen[order], places)
    at = np.minimum(at, len(chosen) - 1)
    found = chosen[order][at] == places
    return np.where(found, order[at], -1).astype(np.int64)
