"""How far a synthetic set overlaps with a target, and which of its images to leave out for more.

After "Improving sim-to-real eye segmentation by pruning" (arXiv 2403.15947), which prunes synthetic
images so that their overlap with the target grows; the measure and the order are our own. Overlap
is the harmonic mean of coverage (share of the target's images with a synthetic one near) and of the
share of synthetic images near the target: either alone is raised by a set that nobody wants.
"""

import heapq
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from varifactory.diagnosis.figures import Kept
from varifactory.diagnosis.halves import Usual, crossed, kept_of
from varifactory.diagnosis.jackknife import Groups, overlap
from varifactory.diagnosis.likeness import likeness, realism_of
from varifactory.diagnosis.nearness import Part, parts
from varifactory.diagnosis.population import Population
from varifactory.metrics import Measure
from varifactory.metrics.vectors import Numbers, Places
from varifactory.recipe.diagnosis import Diagnosis as Settings

_Waiting = tuple[int, float, int, int, int]
"""Minus what it adds, minus its realism, its row, its part and its place there."""


@dataclass(frozen=True, slots=True)
class Pruning:
    """Every synthetic image in the order in which it is kept: the last is left out first."""

    order: Places
    """Rows of the synthetic images."""
    parts: tuple[Part, ...]

    def kept(self, fraction: float) -> Places:
        """Rows of the images that are kept; at least one."""
        return self.order[: kept_of(len(self.order), fraction)]


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


def _covering(found: Sequence[Part], weights: Numbers) -> Places:
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
    """Overlap of what is kept at every fraction of ``settings.keep``, the largest first.

    Each half of the target chooses and the other measures: a choice that is measured on what it was
    chosen by looks better than it is, by up to 0.08 on a clean set. ``python -m bench.pruning``: of
    95 % intervals of clean and half-shifted sets, 97 % at fractions under 1 (88 to 100 % by design)
    hold the mean overlap of what the whole target chose with targets drawn afresh, and 91 % that of
    a single one. The estimate is off by 0.01 at most down to a half, and too low by 0.01 to 0.03 at
    a quarter, which half of a target chooses less well than the whole does.
    """
    fractions = sorted(set(settings.keep), reverse=True)

    def choose(half: Population) -> list[Places]:
        order = pruning(half, settings.neighbours, settings.seed)
        return [order.kept(fraction) for fraction in fractions]

    count = len(population.synthetic)
    return tuple(
        Kept(fraction, kept_of(count, fraction), measure)
        for fraction, measure in zip(
            fractions, chosen_overlaps(population, choose, settings, confidence), strict=True
        )
    )


def chosen_overlaps(
    population: Population,
    choose: Callable[[Population], Sequence[Places]],
    settings: Settings,
    confidence: float = 0.95,
) -> list[Measure]:
    """Overlap of images that are chosen by the target, with images of it that chose nothing.

    Each half of the target chooses, and the other measures: both shares are means of the two.
    """
    target = population.target or population.real
    enough = min(len(target), len(population.synthetic)) >= settings.least
    halves = crossed(population, settings) if enough else []
    usual = Usual.of(target, settings)
    if not halves:
        return [_few(len(kept), len(target), settings.least) for kept in choose(population)]
    found = []
    for both in zip(*(choose(half.chooser) for half in halves), strict=True):
        counts = [len(kept) for kept in both]
        if min(counts) < settings.least:
            found.append(_few(min(counts), len(target), settings.least))
            continue
        n = round(sum(counts) / len(counts))
        sides = [half.left_out(kept) for half, kept in zip(halves, both, strict=True)]
        value = overlap(sides, n, len(target), confidence, halves[0].judge.covers)
        reference = usual.at(n / len(target), float(halves[0].missed[0]))
        found.append(Measure("overlap", value, n, len(target), reference))
    return found


def overlaps(
    population: Population,
    found: Sequence[Part],
    subsets: Sequence[Places],
    settings: Settings,
    confidence: float = 0.95,
) -> list[Measure]:
    """Overlap of subsets of the synthetic images with the population's target or reference, which
    took no part in their choice.

    The reference is the overlap of real images: of halves of the target, as many to an image as
    synthetic ones are kept.

    Args:
        found: ``nearness.parts`` of the population.
        subsets: rows of the synthetic images, each at least one.
    """
    groups = Groups.of(found, population.made_of, settings.seed)
    usual = Usual.of(population.target or population.real, settings)
    return [_overlap(groups, kept, usual, settings.least, confidence) for kept in subsets]


def _overlap(groups: Groups, kept: Places, usual: Usual, least: int, confidence: float) -> Measure:
    n, target = len(kept), int(groups.sizes.sum())
    if min(n, target) < least:
        return _few(n, target, least)
    is_kept = np.zeros(len(groups.made), bool)
    is_kept[kept] = True
    return Measure("overlap", groups.overlap(is_kept, confidence), n, target, usual.at(n / target))


def _few(n: int, target: int, least: int) -> Measure:
    why = f"n too small: {min(n, target)} images, at least {least}"
    return Measure("overlap", None, n, target, None, why)
