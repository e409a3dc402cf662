"""What pruning leaves out of a half-shifted set, and how true its curve is of a fresh target.

``python -m bench.pruning 50`` takes as many seeds.
"""

import sys
from collections.abc import Sequence

import numpy as np

from bench.figures import show
from tests.pruned_sets import HALF, SHIFTS, Known, half_shifted, shifted, unlabelled
from varifactory.diagnosis.nearness import parts
from varifactory.diagnosis.overlap import curve, overlaps, pruning
from varifactory.diagnosis.population import Population
from varifactory.metrics.vectors import Numbers, Places
from varifactory.recipe.diagnosis import Diagnosis
from varifactory.report.diagnosis.page import advised

SEEDS, FIRST = 10, 500
FRESH = 6
"""Targets drawn afresh for a truth."""
KEEP = (1.0, 0.9, 0.75, 0.5, 0.25)
DESIGNS = ((16, 60), (16, 150), (32, 150), (64, 100))
"""Directions, and images a class on each side; of five classes."""
FAR = (0.0, 0.4, 0.6)
"""How far every second image is moved; 0 is a clean set."""


def main(seeds: int = SEEDS) -> None:
    """The table of shifts, then the curve's intervals, then what is advised."""
    for kind, far in SHIFTS:
        for of in ("labelled", "unlabelled"):
            shift(kind, far, of, seeds)
    for far in FAR:
        for width, images in DESIGNS:
            fresh(far, width, images, seeds)


def shift(kind: str, far: float, of: str, seeds: int) -> None:
    """Share of the shifted half that is left out with half of all kept, and how overlap moves."""
    gone, before, after = [], [], []
    for seed in range(FIRST, FIRST + seeds):
        population = shifted(seed, kind, far)
        population = population if of == "labelled" else unlabelled(population)
        gone.append(1 - float(HALF[pruning(population).kept(0.5)].sum() / HALF.sum()))
        whole, half = (estimates(population, (1.0, 0.5))).tolist()
        before.append(whole)
        after.append(half)
    show(f"shifted images left out at keep 0.5, {kind} by {far:g}, {of} target", mean(gone),
         "share", seeds, goal=0.9, least=round(min(gone), 4), overlap_before=round(mean(before), 3),
         overlap_after=round(mean(after), 3))  # fmt: skip


def estimates(population: Population, keep: tuple[float, ...]) -> Numbers:
    """Overlap at each fraction."""
    found = [one.overlap.value for one in curve(population, Diagnosis(keep=keep))]
    return np.array([one.estimate for one in found if one])


def fresh(far: float, width: int, images: int, seeds: int) -> None:
    """How often intervals hold the overlap of what the whole target chose with fresh targets."""
    mean_held, one_held, off, pruned = [], [], [], 0
    for seed in range(FIRST, FIRST + seeds):
        known = Known(seed, images, width)
        population = known.population()
        population = half_shifted(population, seed, far) if far else population
        points = curve(population, Diagnosis(keep=KEEP))
        order = pruning(population)
        truths = np.array([
            truth(known.fresh(population, at), [order.kept(share) for share in KEEP])
            for at in range(FRESH)
        ])  # fmt: skip
        told = [one.overlap.value for one in points if one.overlap.value]
        low, high = (np.array([getattr(one, end) for one in told]) for end in ("low", "high"))
        center = truths.mean(axis=0)
        mean_held.append((low <= center) & (center <= high))
        one_held.append(((low <= truths) & (truths <= high)).mean(axis=0))
        off.append(np.array([one.estimate for one in told]) - center)
        pruned += bool(advised(points))
    design = f"{width} directions, {images} images a class, half moved by {far:g}"
    show(f"intervals of pruned sets that hold a fresh target's overlap, {design}",
         float(np.mean(mean_held, axis=0)[1:].mean()), "share", seeds * (len(KEEP) - 1), goal=0.95,
         by_keep=by_keep(mean_held), single_target=by_keep(one_held), off=by_keep(off))  # fmt: skip
    show(f"sets that pruning is advised for, {design}", pruned / seeds, "share", seeds,
         **({} if far else {"goal": 0.0}))  # fmt: skip


def truth(population: Population, kept: Sequence[Places]) -> list[float]:
    """Overlap of each with a target that took no part in their choice."""
    found = [one.value for one in overlaps(population, parts(population, 5), kept, Diagnosis())]
    return [one.estimate for one in found if one]


def by_keep(rows: Sequence[Numbers]) -> dict[str, float]:
    """Mean at each fraction."""
    means = np.mean(rows, axis=0).round(3).tolist()
    return {f"{share:g}": value for share, value in zip(KEEP, means, strict=True)}


def mean(values: Sequence[float]) -> float:
    """Of some numbers."""
    return float(np.mean(values))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
