"""The grid of an exchange rate and the right answers of its cells: all that is needed to fit it."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from varifactory.recipe.exchange import CONTROLS, GENERATORS

Way = Literal["real", "added", "substituted"]
REAL = "real"
"""The pool of real images."""
ORDER = (REAL, *GENERATORS, *CONTROLS)


@dataclass(frozen=True, slots=True, order=True)
class Cell:
    """One training: a base of real images, and what was added to it or put in its place."""

    base: int
    """Real images a class of the base, before any are replaced."""
    way: Way
    """``real``: real images are added, or none; ``added``: of ``pool``; ``substituted``: images of
    ``pool`` stand in the place of real ones."""
    pool: str
    """``real``, a generator or a control of ``recipe.exchange``."""
    multiple: float
    """Images added as a multiple of the base; the share of the base replaced. 0: the base alone."""
    seed: int


@dataclass(frozen=True, slots=True)
class Surface:
    """Right answers of every cell on the same test images."""

    cells: tuple[Cell, ...]
    real: tuple[int, ...]
    """Real images that each cell trained on, all classes together; those of a control are not
    counted, though they are real."""
    other: tuple[int, ...]
    """Images of the pool that each cell trained on, all classes together."""
    hits: NDArray[np.bool_]
    """(cells, test images)."""


def ordered(pools: Iterable[str]) -> list[str]:
    """Each pool once: real images, generators, controls; others last."""
    return sorted(dict.fromkeys(pools), key=lambda pool: [*ORDER, pool].index(pool))
