"""Which synthetic images lie near which images of a target, class by class where it has labels.

An image of the target has a ball that reaches to its k-th nearest neighbour of its kind; near is
who lies in it. The balls are the target's alone: they stay as they are whatever is left out.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from varifactory.diagnosis.population import Images, Population
from varifactory.metrics import radii
from varifactory.metrics.vectors import Flags, Numbers, Places, Vectors
from varifactory.shards.prefetch import in_order

Bits = NDArray[np.uint8]
Found = TypeVar("Found")

CELLS = 8_000_000
"""Cosines that a thread holds at a time (32 MB)."""


@dataclass(frozen=True, slots=True)
class Part:
    """One class, or all images where the target has no labels."""

    label: str
    """Empty where the target has no labels."""
    at: Places
    """Rows of the synthetic images."""
    near: Bits
    """(synthetic images, target images / 8) bits: whose ball it lies in."""
    target: int
    """Images of the target."""


def by_class(population: Population, target: Images | None = None) -> Iterator[
    tuple[str, Places, Places]
]:  # fmt: skip
    """Label, rows of the synthetic images, rows of the target's; one part, named by empty text,
    where an image of the target has no label."""
    of = np.array((target or population.real).labels)
    made = np.array(population.synthetic.labels)
    if (of == "").any():
        yield "", np.arange(len(made)), np.arange(len(of))
        return
    for label in sorted({*made.tolist(), *of.tolist()}):
        yield label, np.flatnonzero(made == label), np.flatnonzero(of == label)


def parts(population: Population, k: int, reaches: Numbers | None = None) -> list[Part]:
    """Who lies near whom of the population's target, or of its reference.

    Args:
        k: neighbours of a ball; fewer where a class has no more.
        reaches: of the ball of each image of the target, where ``k`` is not to say it.
    """
    target = population.target or population.real
    reach = reaches_of(population, k) if reaches is None else reaches
    found = []
    for label, at, target_at in by_class(population, population.target):
        own = None if population.target else placed(population.own[at], target_at)
        near = _near(
            target.vectors[target_at], population.synthetic.vectors[at], reach[target_at], own
        )
        found.append(Part(label, at, near, len(target_at)))
    return found


def reaches_of(population: Population, k: int) -> Numbers:
    """(target images,) distance of each to its k-th nearest of its kind; -1 of one that is alone:
    of a class with one image in the target nobody can say what is near."""
    target = population.target or population.real
    found = np.full(len(target), -1.0)
    for _, _, at in by_class(population, population.target):
        if len(at) > 1:
            found[at] = radii(target.vectors[at], min(k, len(at) - 1))
    return found


def shares(found: Sequence[Part], is_kept: Flags) -> tuple[int, int, int]:
    """Kept images near the target, the target's images near one of them, the target's images."""
    near = covered = 0
    for part in found:
        rows = part.near[is_kept[part.at]]
        near += int(rows.any(axis=1).sum())
        covered += int(np.bitwise_count(np.bitwise_or.reduce(rows, axis=0)).sum())
    return near, covered, sum(part.target for part in found)


def placed(own: Places, among: Places) -> Places:
    """Places among all as places among these rows, ascending; -1 of one that is none of them."""
    if not len(among):
        return np.full(len(own), -1, np.int64)
    at = np.minimum(np.searchsorted(among, own), len(among) - 1)
    return np.where(among[at] == own, at, -1).astype(np.int64)


def _near(target: Vectors, made: Vectors, reach: Numbers, own: Places | None) -> Bits:
    """(n, m / 8) bits."""
    width = (len(target) + 7) // 8
    if not len(target):
        return np.zeros((len(made), width), np.uint8)
    # Vectors of length 1: the squared distance is two minus twice the cosine.
    rim = np.where(reach > 0, 1 - reach**2 / 2, np.inf).astype(np.float32)

    rows = by_block(made, target, own, lambda alike: np.packbits(alike > rim, axis=1))
    return np.concatenate(rows) if rows else np.zeros((0, width), np.uint8)


def to_kth(target: Vectors, made: Vectors, k: int, own: Places | None) -> Numbers:
    """(n,) distances of vectors of length 1 to their k-th nearest of the target; 2 at most."""
    rows = by_block(made, target, own, lambda alike: np.partition(alike, -k, axis=1)[:, -k])
    cosines = np.concatenate(rows).astype(np.float64)
    found: Numbers = np.sqrt(np.maximum(2 - 2 * cosines, 0))
    return found


def by_block(
    made: Vectors, target: Vectors, own: Places | None, work: Callable[[Vectors], Found]
) -> list[Found]:
    """What ``work`` makes of the cosines of some rows to all of the target, in order; -1 to the
    one that a row was made from (``own``: its place, or -1)."""

    def of(rows: slice) -> Found:
        alike = made[rows] @ target.T
        if own is not None:
            has = np.flatnonzero(own[rows] >= 0)
            alike[has, own[rows][has]] = -1
        return work(alike)

    step = max(1, CELLS // len(target))
    blocks = [slice(start, start + step) for start in range(0, len(made), step)]
    return list(in_order(of, blocks, threads=os.cpu_count() or 1))
