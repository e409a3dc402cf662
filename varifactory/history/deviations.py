"""How far two pictures of one key are apart, and how far they may be."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

IDENTICAL, WITHIN, DIFFERENT = "identical", "within tolerance", "different"

TOLERATED_MEAN = 1.0
"""Levels of 255 by which an accelerator may move pixels on the average: rounding of half
precision (``bench/gpu`` measures it and holds speed settings to the same)."""
TOLERATED_LARGEST = 32.0
"""Levels of 255 by which it may move one pixel."""


@dataclass(frozen=True, slots=True)
class Deviation:
    """How far two pictures are apart, in levels of 255."""

    mean: float
    largest: float

    @property
    def word(self) -> str:
        """``identical``, ``within tolerance`` or ``different``."""
        if self.largest == 0:
            return IDENTICAL
        small = self.mean <= TOLERATED_MEAN and self.largest <= TOLERATED_LARGEST
        return WITHIN if small else DIFFERENT

    def told(self) -> str:
        """In words."""
        if self.largest == 0:
            return IDENTICAL
        return f"{self.word}: mean {self.mean:.2f}, largest {self.largest:.0f} levels of 255"


OTHER_SHAPE = Deviation(255.0, 255.0)


def deviation(
    first: NDArray[np.uint8], second: NDArray[np.uint8], source: NDArray[np.uint8] | None = None
) -> Deviation:
    """How far two edits (h, w, 3) of one source are apart; of other shapes as far as can be.

    The mean is over what either changed of the source: all else was pasted back, and would make
    every difference small.
    """
    if first.shape != second.shape:
        return OTHER_SHAPE
    if np.array_equal(first, second):
        return Deviation(0.0, 0.0)
    apart = np.abs(first.astype(np.int16) - second.astype(np.int16))
    changed = apart.max(axis=-1) > 0
    if source is not None and source.shape == first.shape:
        changed = ((first != source) | (second != source)).any(axis=-1)
    return Deviation(float(apart[changed].mean()), float(apart.max()))


PROCESSORS = ("x86_64", "amd64", "arm64", "aarch64", "cpu", "ppc64le", "s390x", "riscv64")


def on_processor(row: Mapping[str, Any]) -> bool:
    """Whether a row was made on a processor, where equal keys promise equal pixels."""
    return str(row.get("device") or "cpu").lower() in PROCESSORS


def all_on_processors(rows: Iterable[Mapping[str, Any]]) -> bool:
    """Whether all of them were."""
    return all(map(on_processor, rows))
