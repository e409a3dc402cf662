"""Halves of a target: what was chosen by one is measured on the other, and each as if synthetic."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from varifactory.diagnosis.jackknife import Groups, harmonic
from varifactory.diagnosis.nearness import Part, parts, placed, reaches_of, shares
from varifactory.diagnosis.population import Images, Population
from varifactory.keys import seed_from
from varifactory.metrics.vectors import Numbers, Places
from varifactory.recipe.diagnosis import Diagnosis as Settings

SPLITS = 4
"""Halvings of the target that a reference is the mean of."""
MOST = 10_000
"""Images of the target that are halved for a reference: enough for a mean."""


@dataclass(frozen=True, slots=True)
class Half:
    """Half of a target that images are chosen by, and the other that the choice is measured on."""

    chooser: Population
    """The population with the first half alone as its target."""
    judge: Groups
    """Of the other half."""
    missed: Numbers
    """What shares of images that lie near none are multiplied with, (1 + 2 GROUPS)."""

    def left_out(self, kept: Places) -> Numbers:
        """``Groups.left_out`` by the other half, as of a target as large as the whole."""
        found = self.judge.left_out(_mask(kept, len(self.judge.made)))
        found[0] = np.clip(1 - (1 - found[0]) * self.missed, 0, 1)
        return found


def crossed(population: Population, settings: Settings) -> list[Half]:
    """Both halves of the target, or of the reference, each once as that which chooses.

    A ball of the measuring half reaches as far as in the whole target where it is asked whether it
    is covered, and to its k-th neighbour of the half where it is asked whether an image lies in
    any. Fewer and wider balls hold 1 to 3 % more of the images, in 16 to 32 directions: the share
    that lies in none, of kept images and of real ones, is raised by the factor that is seen of all.
    """
    target, k = population.target or population.real, settings.neighbours
    dice = np.random.default_rng(seed_from("crossed", settings.seed))
    halves = halved(target.labels, dice.permutation(len(target)))
    whole = reaches_of(population, k)
    choosers = [_only(population, half) for half in halves]
    judges = []
    for half, one in zip(halves, choosers, strict=True):
        reaches = reaches_of(one, k)
        near = parts(one, k, np.where(reaches < 0, whole[half], reaches))
        covered = parts(one, k, whole[half])
        judges.append(Groups.of(covered, population.made_of, settings.seed, near))
    every = np.ones(len(population.synthetic), bool)
    all_of = Groups.of(parts(population, k), population.made_of, settings.seed).left_out(every)[0]
    seen = np.mean([judge.left_out(every)[0] for judge in judges], axis=0)
    missed = np.divide(1 - all_of, 1 - seen, out=np.ones_like(seen), where=seen < 1)
    return [Half(*both, missed) for both in zip(choosers, reversed(judges), strict=True)]


def _mask(rows: Places, count: int) -> NDArray[np.bool_]:
    found = np.zeros(count, bool)
    found[rows] = True
    return found


def halved(labels: Sequence[str], order: Places) -> tuple[Places, Places]:
    """Rows of both halves of some rows, ascending, each with half of every label."""
    by_label = order[np.argsort(np.array(labels)[order], kind="stable")]
    return np.sort(by_label[::2]), np.sort(by_label[1::2])


def _only(population: Population, half: Places) -> Population:
    """The population with some images alone of its target or reference, of which rows ascend."""
    if population.target:
        return replace(population, target=_images(population.target, half))
    own = placed(population.own, half)
    real = _images(population.real, half)
    return replace(population, real=real, own=own, sources=population.made_of)


def _images(target: Images, half: Places) -> Images:
    return Images(
        tuple(target.pixels[at] for at in half),
        tuple(target.labels[at] for at in half),
        target.vectors[half],
    )


@dataclass(frozen=True, slots=True)
class Usual:
    """Halves of a target, each as if it were synthetic images of the other."""

    splits: tuple[tuple[Part, ...], ...]

    @classmethod
    def of(cls, target: Images, settings: Settings) -> "Usual":
        """Halve it; a target of fewer than twice ``least`` has no reference."""
        dice = np.random.default_rng(seed_from("halves", settings.seed))
        found = []
        for _ in range(SPLITS if len(target) >= 2 * settings.least else 0):
            one, other = halved(target.labels, dice.permutation(len(target))[:MOST])
            found.append(tuple(parts(_as_population(target, one, other), settings.neighbours)))
        return cls(tuple(found))

    def at(self, ratio: float, missed: float = 1.0) -> float | None:
        """Mean overlap with so many images to one of the other half; all where there are fewer.

        Args:
            missed: as in ``Half``: what the share that lies near none is multiplied with.
        """
        each = [self._at(split, ratio, missed) for split in self.splits]
        return float(np.mean(each)) if each else None

    @staticmethod
    def _at(split: Sequence[Part], ratio: float, missed: float) -> float:
        count = sum(len(part.at) for part in split)
        target = sum(part.target for part in split)
        is_kept = np.zeros(count, bool)
        drawn = np.random.default_rng(seed_from("half", count)).permutation(count)
        is_kept[drawn[: kept_of(target, ratio)]] = True
        near, covered, _ = shares(split, is_kept)
        inside = 1 - min(1.0, (1 - near / int(is_kept.sum())) * missed)
        return harmonic(inside, covered / target)


def kept_of(count: int, fraction: float) -> int:
    """So many of ``count`` images: the nearest whole number, and at least one."""
    return max(1, round(count * fraction))


def _as_population(target: Images, one: Places, other: Places) -> Population:
    real, made = _images(target, one), _images(target, other)
    names = tuple(sorted(set(real.labels)))
    nowhere = np.full(len(made), -1, np.int64)
    return Population("", "", names, real, made, ("",) * len(made), nowhere)
