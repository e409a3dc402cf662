"""How far a synthetic set overlaps with a target, and which of its images to leave out for more.

After "Improving sim-to-real eye segmentation by pruning" (arXiv 2403.15947), which prunes synthetic
images so that their overlap with the target grows; the measure and the order are our own. Overlap
is the harmonic mean of coverage (share of the target's images with a synthetic one near) and of the
share of synthetic images near the target: either alone is raised by a set that nobody wants.
"""

import heapq
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from varifactory.diagnosis.figures import Kept
from varifactory.diagnosis.jackknife import Groups, harmonic
from varifactory.diagnosis.likeness import likeness, realism_of
from varifactory.diagnosis.nearness import Part, Places, Scores, parts
from varifactory.diagnosis.population import Images, Population
from varifactory.keys import seed_from
from varifactory.metrics import Measure
from varifactory.recipe.diagnosis import Diagnosis as Settings

SPLITS = 4
"""Halvings of the target that a reference is the mean of."""
ROUNDS = 20
"""How often the target is covered anew; a collapsed set would need a round an image."""
_Waiting = tuple[int, float, int, int, int]
"""Minus what it adds, minus its realism, its row, its part and its place there."""
MOST = 10_000
"""Images of the target that are halved: enough for a mean."""


@dataclass(frozen=True, slots=True)
class Pruning:
    """Every synthetic image in the order in which it is kept: the last is left out first."""

    order: Places
    """Rows of the synthetic images."""
    parts: tuple[Part, ...]

    def kept(self, fraction: float) -> Places:
        """Rows of the images that are kept; at least one."""
        return self.order[: kept_of(len(self.order), fraction)]


def kept_of(count: int, fraction: float) -> int:
    """So many of ``count`` images: the nearest whole number, and at least one."""
    return max(1, round(count * fraction))


def pruning(population: Population, k: int = 5, seed: int = 1) -> Pruning:
    """The order in which images are kept, towards the population's target or its reference.

    First, of the images with a realism of at least 1, one after another that which lies near most
    images of the target that have none near yet, weighed by its rank of likeness; once none adds
    any, the others near the target, then those that are not, each by likeness. Likeness alone would
    keep the middle of the target and lose its rim: of clean digits a tenth that is kept so has an
    overlap of 47 %, else of 72 %. Covering alone keeps what strays into a ball: with half of the
    digits moved by 0.6, vectors being of length 1, and half of all kept, it leaves out 76 % of
    those, this order 93 %.

    Args:
        k: neighbours of a ball.
        seed: of the folds of ``likeness``.
    """
    found = tuple(parts(population, k))
    real = np.nan_to_num(realism_of(population, population.target))
    scores = likeness(population, real, seed)
    rows, near = np.arange(len(scores)), np.zeros(len(scores), bool)
    for part in found:
        near[part.at] = part.near.any(axis=1)
    weights = np.empty(len(scores))
    weights[np.lexsort((-rows, scores))] = (rows + 1) / len(scores)
    first = _covering(found, np.where(real >= 1, weights, 0))
    others = np.setdiff1d(rows, first)
    rest = others[np.lexsort((-weights[others], ~near[others]))]
    return Pruning(np.concatenate([first, rest]).astype(np.int64), found)


def _covering(found: Sequence[Part], weights: Scores) -> Places:
    """Rows that add most, by weight, to those before them, until none adds any (lazily greedy).

    Rows without weight take no part.
    """
    uncovered = [np.full(part.near.shape[1], 255, np.uint8) for part in found]
    gains = [np.bitwise_count(part.near).sum(axis=1, dtype=np.int64) for part in found]
    waiting = [
        (-gain * weights[row], int(row), number, place)
        for number, part in enumerate(found)
        for place, (row, gain) in enumerate(zip(part.at, gains[number], strict=True))
        if gain and weights[row]
    ]
    heapq.heapify(waiting)
    chosen: list[int] = []
    while waiting:
        before, row, number, place = heapq.heappop(waiting)
        adds = found[number].near[place] & uncovered[number]
        value = -int(np.bitwise_count(adds).sum(dtype=np.int64)) * weights[row]
        if value and value == before:
            chosen.append(row)
            uncovered[number] &= ~adds
        elif value:  # what it adds has shrunk since: it waits again for its turn
            heapq.heappush(waiting, (value, row, number, place))
    return np.array(chosen, np.int64)


def curve(population: Population, settings: Settings, confidence: float = 0.95) -> tuple[Kept, ...]:
    """Overlap of what is kept at every fraction of ``settings.keep``, the largest first."""
    order = pruning(population, settings.neighbours, settings.seed)
    fractions = sorted(set(settings.keep), reverse=True)
    kept = [order.kept(fraction) for fraction in fractions]
    found = overlaps(population, order.parts, kept, settings, confidence)
    return tuple(
        Kept(fraction, len(rows), measure)
        for fraction, rows, measure in zip(fractions, kept, found, strict=True)
    )


def overlaps(
    population: Population,
    found: Sequence[Part],
    subsets: Sequence[Places],
    settings: Settings,
    confidence: float = 0.95,
) -> list[Measure]:
    """Overlap of subsets of the synthetic images with the population's target or reference.

    The reference is the overlap of real images: of halves of the target, as many to an image as
    synthetic ones are kept.

    Args:
        found: ``nearness.parts`` of the population.
        subsets: rows of the synthetic images, each at least one.
    """
    groups = Groups.of(found, population.own, settings.seed)
    usual = _Halves.of(population.target or population.real, settings)
    return [_overlap(groups, kept, usual, settings.least, confidence) for kept in subsets]


def _overlap(
    groups: Groups, kept: Places, usual: "_Halves", least: int, confidence: float
) -> Measure:
    n, target = len(kept), int(groups.sizes.sum())
    if min(n, target) < least:
        why = f"n too small: {min(n, target)} images, at least {least}"
        return Measure("overlap", None, n, target, None, why)
    is_kept = np.zeros(len(groups.made), bool)
    is_kept[kept] = True
    value = groups.overlap(is_kept, confidence)
    return Measure("overlap", value, n, target, usual.at(n / target))


def shares(found: Sequence[Part], is_kept: NDArray[np.bool_]) -> tuple[int, int, int]:
    """Kept images near the target, the target's images near one of them, the target's images."""
    near = covered = 0
    for part in found:
        rows = part.near[is_kept[part.at]]
        near += int(rows.any(axis=1).sum())
        covered += int(np.bitwise_count(np.bitwise_or.reduce(rows, axis=0)).sum())
    return near, covered, sum(part.target for part in found)


@dataclass(frozen=True, slots=True)
class _Halves:
    """Halves of a target, each as if it were synthetic images of the other."""

    splits: tuple[tuple[Part, ...], ...]

    @classmethod
    def of(cls, target: Images, settings: Settings) -> "_Halves":
        dice = np.random.default_rng(seed_from("halves", settings.seed))
        found = []
        for _ in range(SPLITS if len(target) >= 2 * settings.least else 0):
            order = dice.permutation(len(target))[:MOST]
            by_label = order[np.argsort(np.array(target.labels)[order], kind="stable")]
            one, other = np.sort(by_label[::2]), np.sort(by_label[1::2])
            found.append(tuple(parts(_as_population(target, one, other), settings.neighbours)))
        return cls(tuple(found))

    def at(self, ratio: float) -> float | None:
        """Mean overlap with so many images to one of the other half; all where there are fewer."""
        each = [self._at(split, ratio) for split in self.splits]
        return float(np.mean(each)) if each else None

    @staticmethod
    def _at(split: Sequence[Part], ratio: float) -> float:
        count = sum(len(part.at) for part in split)
        target = sum(part.target for part in split)
        is_kept = np.zeros(count, bool)
        drawn = np.random.default_rng(seed_from("half", count)).permutation(count)
        is_kept[drawn[: kept_of(target, ratio)]] = True
        near, covered, _ = shares(split, is_kept)
        return harmonic(near / int(is_kept.sum()), covered / target)


def _as_population(target: Images, one: Places, other: Places) -> Population:
    real, made = (
        Images(
            tuple(target.pixels[at] for at in half),
            tuple(target.labels[at] for at in half),
            target.vectors[half],
        )
        for half in (one, other)
    )
    names = tuple(sorted(set(real.labels)))
    nowhere = np.full(len(made), -1, np.int64)
    return Population("", "", names, real, made, ("",) * len(made), nowhere)
