"""Sets that pruning is tried on: digits of which every second is shifted, and classes whose
distribution is known, so that a target can be drawn afresh."""

from dataclasses import dataclass, replace

import numpy as np

from tests.stored_digits import digits
from varifactory.diagnosis.population import Images, Population
from varifactory.embeddings import Vectors
from varifactory.metrics.vectors import Numbers

HALF = np.arange(400) % 2 == 1
"""The synthetic images of ``shifted`` that are."""
SHIFTS = (
    ("turned around", 1.0), ("moved", 0.8), ("moved", 0.6), ("blurred", 1.2), ("blurred", 0.8),
    ("moved", 0.4),
)  # fmt: skip
"""Kind and how far, vectors being of length 1."""


def units(vectors: Numbers) -> Vectors:
    """Of length 1."""
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def clean(seed: int, own: bool = False) -> Population:
    """400 fresh digits as synthetic images, 600 others as real ones."""
    order = np.random.default_rng(seed).permutation(1797)
    real, made = order[:600], order[600:1000]
    sources = np.random.default_rng(seed).integers(-1, 600, 400) if own else np.full(400, -1)
    return Population(
        name="digits", encoder="digits", class_names=tuple(sorted(set(digits().labels))),
        real=_digits(real), synthetic=_digits(made), attributes=("",) * 400, own=sources,
    )  # fmt: skip


def _digits(at: "np.ndarray[tuple[int, ...], np.dtype[np.int64]]") -> Images:
    labels = np.array(digits().labels)[at]
    return Images(tuple(map(str, at)), tuple(labels.tolist()), digits().vectors[at])


def unlabelled(population: Population) -> Population:
    """The same towards a target without labels, which is its reference."""
    real = population.real
    return replace(population, target=replace(real, labels=("",) * len(real)))


def shifted(seed: int, kind: str, far: float) -> Population:
    """``clean`` with every second synthetic image moved, turned around or blurred."""
    population, random = clean(seed), np.random.default_rng(seed)
    vectors = population.synthetic.vectors.copy()
    if kind == "moved":
        vectors[HALF] += far * units(random.normal(size=(1, 32)))
    elif kind == "turned around":
        vectors[HALF] *= -1
    else:
        vectors[HALF] += far * random.normal(size=(200, 32)) / 32**0.5
    return replace(population, synthetic=replace(population.synthetic, vectors=units(vectors)))


@dataclass(frozen=True)
class Known:
    """Five round classes in some directions; synthetic and real images are draws of the same."""

    seed: int
    images: int
    """A class, on each side."""
    width: int

    def population(self) -> Population:
        """A clean set."""
        labels = tuple(str(one) for one in range(5) for _ in range(self.images))
        names = tuple(f"{at}" for at in range(len(labels)))
        real, made = (Images(names, labels, self.draw(at)) for at in (0, 1))
        nowhere = np.full(len(names), -1, np.int64)
        return Population("known", "known", tuple("01234"), real, made, ("",) * len(names), nowhere)

    def fresh(self, population: Population, at: int) -> Population:
        """The same synthetic images towards real ones drawn afresh."""
        return replace(population, real=replace(population.real, vectors=self.draw(2 + at)))

    def draw(self, at: int) -> Vectors:
        """(5 x images, width)."""
        means = 2 * np.random.default_rng(self.seed).normal(size=(5, self.width))
        random = np.random.default_rng((self.seed, at))
        noise = random.normal(size=(5 * self.images, self.width))
        return units(np.repeat(means, self.images, axis=0) + noise)


def half_shifted(population: Population, seed: int, far: float = 0.6) -> Population:
    """Every second synthetic image moved, all in one direction."""
    vectors = population.synthetic.vectors.copy()
    vectors[::2] += far * units(np.random.default_rng(seed).normal(size=(1, vectors.shape[1])))
    made = replace(population.synthetic, vectors=units(vectors))
    return replace(population, synthetic=made)
