"""Schedules: which images a step takes, and what the steps of a cell begin from.

``mixed`` takes real images and edits together, in every step. ``bridged`` takes the edits alone
first and the real images alone then, in as many steps altogether; the weights that crossed the
bridge are kept.
"""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
from numpy.typing import NDArray

from varifactory import keys
from varifactory.errors import TrainingError
from varifactory.models import LoraSettings, Shown
from varifactory.training.cells import CellData, CellSettings, Examples
from varifactory.training.grid import BRIDGED


@dataclass(frozen=True, slots=True)
class Phase:
    """Steps of a cell that share an optimiser, its warm-up and its decay."""

    start: int
    """Steps of the cell before it."""
    settings: LoraSettings
    """Its steps are this phase's own."""
    takes: tuple[str, ...]
    """Whose images: of ``real`` and ``edits``."""
    last: bool
    """Validation chooses among its weights."""

    @property
    def end(self) -> int:
        return self.start + self.settings.steps


def phases(settings: CellSettings) -> tuple[Phase, ...]:
    """One phase, or of a bridged cell two; the second's optimiser, warm-up and decay are its own.

    Raises:
        TrainingError: too few steps for two phases.
    """
    whole = settings.lora
    if settings.schedule != BRIDGED:
        return (Phase(0, whole, ("real", "edits"), last=True),)
    first = whole.steps // 2
    if not first:
        raise TrainingError(
            f"training.steps is {whole.steps}, and the schedule 'bridged' needs a step on either "
            "side of the bridge: raise it to 2 at least"
        )
    # Else the second phase would draw the augmentations of the first once more.
    further = keys.seed_from(whole.seed, BRIDGED)
    return (
        Phase(0, replace(whole, steps=first), ("edits",), last=False),
        Phase(first, replace(whole, steps=whole.steps - first, seed=further), ("real",), last=True),
    )


@dataclass(frozen=True, slots=True)
class Batch:
    """What one step learns from."""

    images: list[Shown]
    labels: list[int]
    """Numbers of their classes."""
    weights: list[float]
    """Of their losses, sum 1."""


def batches(
    seed: int, data: CellData, settings: CellSettings, phase: Phase, start: int
) -> Iterator[Batch]:
    """Batches of a phase from step ``start`` of the cell on, the same whatever was resumed.

    With two sources half of each batch is real, and weights make the loss ``real_weight`` times
    the mean over the real half plus the rest times the mean over the edits.
    """
    number = {name: at for at, name in enumerate(settings.class_names)}
    halves = _halves(data, settings.batch_size, phase)
    shares = {"real": settings.real_weight, "edits": 1 - settings.real_weight}
    for step in range(start - phase.start, phase.settings.steps):
        images: list[Shown] = []
        labels: list[int] = []
        weights: list[float] = []
        for name, examples, count in halves:
            chosen = _drawn(seed, name, len(examples.labels), count, step)
            images += [examples.images[at] for at in chosen]
            labels += [number[examples.labels[at]] for at in chosen]
            weights += [(shares[name] if len(halves) == 2 else 1.0) / count] * count
        yield Batch(images, labels, weights)


def with_next(found: Iterator[Batch]) -> Iterator[tuple[Batch, list[Shown]]]:
    """Every batch with the images of the one after it."""
    for batch, after in itertools.pairwise(itertools.chain(found, (None,))):
        if batch is not None:
            yield batch, after.images if after is not None else []


def _halves(data: CellData, size: int, phase: Phase) -> list[tuple[str, Examples, int]]:
    """Whose images a batch holds, and how many; the edits' half is the smaller one."""
    sources = {"real": data.real, "edits": data.edits}
    there = [(name, sources[name]) for name in phase.takes if sources[name].labels]
    if len(there) < 2:
        return [(name, examples, size) for name, examples in there]
    counts = (size - size // 2, size // 2)
    return [(*each, count) for each, count in zip(there, counts, strict=True) if count]


def _drawn(seed: int, half: str, pool: int, count: int, step: int) -> list[int]:
    """Which images step ``step`` takes: shuffled passes, each image once a pass.

    The order knows the seed and the half alone: the n-th edit of one arm and the n-th of another
    are sides of one pair and are met at the same steps.
    """
    found = []
    for place in range(step * count, (step + 1) * count):
        shuffled = _shuffled(keys.seed_from(seed, "order", half, place // pool), pool)
        found.append(int(shuffled[place % pool]))
    return found


@cache
def _shuffled(seed: int, count: int) -> NDArray[np.int64]:
    return np.random.default_rng(seed).permutation(count)
