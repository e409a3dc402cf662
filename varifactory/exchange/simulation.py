"""Grids of an exchange rate whose truth is known: answers drawn instead of trained."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from varifactory.exchange.surface import REAL, Cell, Surface, Way

Worth = Callable[[float, float], float]
"""Bases of a pool that were added, images of the base -> bases of real images they are worth."""


@dataclass(frozen=True)
class Truth:
    """Accuracies that a grid would have on endless images and seeds."""

    pools: Mapping[str, Worth] = field(default_factory=dict)
    a: float = 1.6
    alpha: float = 0.5
    c: float = 0.02
    bases: Sequence[int] = (3, 6, 12)
    real: Sequence[float] = (0.5, 1.0, 2.0)
    synthetic: Sequence[float] = (0.5, 1.0, 2.0, 4.0)
    substituted: Sequence[float] = ()
    classes: int = 10

    def top1(self, images: float) -> float:
        """Of so many real images or what they are worth; never below chance."""
        error = self.a * float(max(images, 1.0) ** -self.alpha) + self.c
        return max(1 - error, 1 / self.classes)

    def cells(self) -> dict[tuple[int, Way, str, float], tuple[int, int, float]]:
        """(base, way, pool, multiple) -> real images, images of the pool, true accuracy."""
        found: dict[tuple[int, Way, str, float], tuple[int, int, float]] = {}
        for base in self.bases:
            n = base * self.classes
            for multiple in (0.0, *self.real):
                count = round(n * (1 + multiple))
                found[base, "real", REAL, multiple] = (count, 0, self.top1(count))
            for pool, worth in self.pools.items():
                for multiple in self.synthetic:
                    images = n * (1 + worth(multiple, n))
                    found[base, "added", pool, multiple] = (
                        n, round(n * multiple), self.top1(images)
                    )  # fmt: skip
                for share in self.substituted:
                    gone = round(n * share)
                    images = n - gone + worth(share, n) * n
                    found[base, "substituted", pool, share] = (n - gone, gone, self.top1(images))
        return found


def exact(truth: Truth, images: int = 1_000_000, seeds: Sequence[int] = (1,)) -> Surface:
    """Without noise: the first so many of the images are right."""
    return _surface(truth, seeds, lambda top1, _: np.arange(images) < round(top1 * images), images)


def noisy(
    truth: Truth,
    seed: int,
    *,
    images: int = 600,
    seeds: Sequence[int] = (1, 2, 3, 4, 5),
    shared: float = 0.06,
    own: float = 0.04,
    answers: float = 0.4,
) -> Surface:
    """Answers of a latent score that is right above zero, with exact accuracies.

    Args:
        shared: spread that a seed adds to all its cells (its subset is a good or bad one).
        own: what it adds to each cell.
        answers: of one cell and image; the images' difficulty has a spread of 1.
    """
    from scipy.stats import norm

    random = np.random.default_rng(seed)
    difficulty = random.normal(size=images)
    moved = dict(zip(seeds, random.normal(scale=shared, size=len(seeds)), strict=True))
    unit = np.sqrt(1 + shared**2 + own**2 + answers**2)

    def right(top1: float, seed: int) -> NDArray[np.bool_]:
        ease = difficulty + moved[seed] + random.normal(scale=own)
        ease += random.normal(scale=answers, size=images)
        found: NDArray[np.bool_] = norm.ppf(top1) * unit + ease > 0
        return found

    return _surface(truth, seeds, right, images)


def _surface(
    truth: Truth,
    seeds: Sequence[int],
    right: Callable[[float, int], NDArray[np.bool_]],
    images: int,
) -> Surface:
    cells, real, other, hits = [], [], [], []
    for (base, way, pool, multiple), (kept, added, top1) in truth.cells().items():
        for seed in seeds:
            cells.append(Cell(base, way, pool, multiple, seed))
            real.append(kept)
            other.append(added)
            hits.append(right(top1, seed))
    return Surface(tuple(cells), tuple(real), tuple(other), np.stack(hits))


def effective(rho: float, kappa: float) -> Worth:
    """The form of effective data."""
    return lambda added, _: float(-kappa * np.expm1(-rho * added / kappa))


def paper(g: float, c2: float) -> Worth:
    """The paper's form, turned round."""
    return lambda added, base: float(np.log1p(added * np.exp(-g * base)) / np.log(c2))


def same(added: float, base: float) -> float:
    """As good as real images."""
    return added


def none(added: float, base: float) -> float:
    """Worth nothing."""
    return 0.0
