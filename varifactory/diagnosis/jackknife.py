"""The overlap of some synthetic images with a target, and how far another draw would move it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from varifactory.diagnosis.nearness import Bits, Part, Places, Scores
from varifactory.keys import seed_from
from varifactory.metrics.interval import BOTH, SOURCES
from varifactory.statistics import Interval
from varifactory.statistics.intervals import by_t

GROUPS = 10
"""Groups of a jackknife, on each side."""


@dataclass(frozen=True, slots=True)
class Groups:
    """Both sides in groups of chance, with all that is needed to leave one out."""

    parts: Sequence[Part]
    made: Places
    """Group of each synthetic image."""
    masks: Sequence[Bits]
    """A part each, (groups, bytes): the target's images of each group as bits."""
    sizes: Places
    """Images of the target a group."""
    near: NDArray[np.bool_]
    """(synthetic images, groups): near an image of that group of the target."""
    covers: str
    """What another draw of would move the overlap."""

    @classmethod
    def of(cls, parts: Sequence[Part], sources: Places, seed: int) -> "Groups":
        """Draw the groups; equal seeds draw the same.

        Args:
            sources: of each synthetic image the one it was made from, or -1: edits of one source
                hang together, and are left out together.
            seed: of the draw.
        """
        dice = np.random.default_rng(seed_from("jackknife", seed))
        count = len(sources)
        alone = sources.max(initial=-1) + 1 + np.arange(count)
        _, unit = np.unique(np.where(sources >= 0, sources, alone), return_inverse=True)
        made = (dice.permutation(unit.max(initial=-1) + 1) % GROUPS)[unit]
        target = dice.permutation(sum(part.target for part in parts)) % GROUPS
        ends = np.cumsum([part.target for part in parts])[:-1]
        masks = [
            np.packbits(np.arange(GROUPS)[:, None] == own, axis=1) for own in np.split(target, ends)
        ]
        near = np.zeros((count, GROUPS), bool)
        for part, mask in zip(parts, masks, strict=True):
            for group in range(GROUPS):
                near[part.at, group] = (part.near & mask[group]).any(axis=1)
        covers = f"{SOURCES}, and real images" if (sources >= 0).any() else BOTH
        return cls(parts, made, masks, np.bincount(target, minlength=GROUPS), near, covers)

    def overlap(self, is_kept: NDArray[np.bool_], confidence: float) -> Interval:
        """Overlap of the images that are kept, with its interval.

        A grouped jackknife of both sides: tenths of the kept images are left out one after another,
        and tenths of the target with their balls; the two variances are added, and Student's t has
        their degrees of freedom together. Simulated (60 to 400 images a side, 16 to 64 dimensions,
        150 draws each) 95 to 100 % of 95 % intervals hold the mean of other draws; intervals of the
        two shares that took images for independent held it in 77 to 91 %.
        """
        by_group = [self._unions(part, is_kept) for part in self.parts]
        everywhere = [np.bitwise_or.reduce(each, axis=0) for each in by_group]
        near, counts = self.near[is_kept], np.bincount(self.made[is_kept], minlength=GROUPS)
        is_near: NDArray[np.bool_] = np.asarray(near.any(axis=1))
        near_of = np.bincount(self.made[is_kept], is_near, minlength=GROUPS)
        covered_of = np.array([
            sum(_count(union & mask[group])
                for union, mask in zip(everywhere, self.masks, strict=True))
            for group in range(GROUPS)
        ])  # fmt: skip
        n, target, covered = len(is_near), int(self.sizes.sum()), covered_of.sum()
        value = harmonic(is_near.sum() / n, covered / target)
        without_made = [
            harmonic(
                (is_near.sum() - near_of[group]) / max(1, n - counts[group]),
                sum(_count(np.bitwise_or.reduce(np.delete(each, group, axis=0), axis=0))
                    for each in by_group) / target,
            )
            for group in range(GROUPS)
        ]  # fmt: skip
        without_target = [
            harmonic(
                np.delete(near, group, axis=1).any(axis=1).sum() / n,
                (covered - covered_of[group]) / max(1, target - self.sizes[group]),
            )
            for group in range(GROUPS)
        ]
        error = float(np.sqrt(_variance(without_made) + _variance(without_target)))
        # Where all images are near and all are covered, one image more could still be neither.
        error = max(error, 0.5 / min(n, target))
        low, high = by_t(value, error, 2 * (GROUPS - 1), confidence)
        return Interval(value, max(0.0, low), min(1.0, high), confidence, self.covers)

    def _unions(self, part: Part, is_kept: NDArray[np.bool_]) -> Bits:
        """(groups, bytes): whose balls hold a kept image of that group."""
        own = np.where(is_kept[part.at], self.made[part.at], -1)
        return np.stack([
            np.bitwise_or.reduce(part.near[own == group], axis=0) for group in range(GROUPS)
        ])  # fmt: skip


def harmonic(one: float, other: float) -> float:
    """The harmonic mean of two shares; 0 where both are."""
    return float(2 * one * other / (one + other)) if one + other else 0.0


def _count(bits: Bits) -> int:
    return int(np.bitwise_count(bits).sum(dtype=np.int64))


def _variance(left_out: Sequence[float]) -> float:
    values: Scores = np.array(left_out)
    return float((len(values) - 1) / len(values) * np.square(values - values.mean()).sum())
