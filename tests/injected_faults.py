"""Synthetic sets whose faults are known: handwritten digits, one class of which is spoiled.

The clean set is of fresh real images, none of them in the reference. Principal components stand in
for an encoder of images, the class means for its texts. Faults are made of pixels, as a generator
makes them, before anything is encoded.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import cache

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA

from varifactory.diagnosis.examining import Examined, asked
from varifactory.diagnosis.population import Images, Population
from varifactory.diagnosis.sides import sides
from varifactory.recipe.diagnosis import Diagnosis

Floats = NDArray[np.float64]
WIDTH = 40
"""Principal components: what 64 pixels hold but for noise (99 % of the variance)."""
SCALE = 20.0
"""Of cosines with the class means: real images then have a mean posterior of about 0.9."""
FAULTS = {
    "diversity": "two images again and again",
    "ambiguity": "40 % show one other class",
    "adherence": "35 % show any other class",
    "blurred": "noise of 0.2 on pixels of 0 to 1, which spread by 0.38",
    "absent": "noise alone",
    "copies": "images of the reference",
}
"""Name of a fault -> what is done to the class."""


def issue_of(fault: str) -> str:
    """The issue that a fault should be flagged as."""
    return "concept" if fault in ("blurred", "absent") else fault


@cache
def _digits() -> tuple[Floats, NDArray[np.int64]]:
    pixels, labels = load_digits(return_X_y=True)
    return pixels / 16.0, labels.astype(np.int64)


def spoiled(
    fault: str, seed: int, *, n: int = 40, real: int = 60, classes: int = 10, place: int = 1
) -> Population:
    """A population whose class number ``place`` has a fault; of ``clean`` none has.

    Args:
        n: synthetic images a class.
        real: images a class of the reference; fewer where a class has no more.
        classes: so many digits, by an order of the seed.
        place: number of the spoiled class.
    """
    random = np.random.default_rng([seed, n, classes])
    pixels, labels = _digits()
    digits = random.permutation(10)[:classes]
    pools = [random.permutation(np.flatnonzero(labels == digit)) for digit in digits]
    spare_count = round(0.4 * n)
    reference = [pool[-min(real, len(pool) - n - spare_count) :] for pool in pools]
    fresh = [pixels[pool[:n]] for pool in pools]
    spare = [pixels[pool[n : -len(kept)]] for pool, kept in zip(pools, reference, strict=True)]
    shown = [pixels[kept] for kept in reference]
    if fault != "clean":
        fresh[place] = _SPOIL[fault](place, fresh, spare, shown, random)
    encode = _encoder(np.concatenate(shown))
    names = tuple(f"digit {digit}" for digit in digits)
    return Population(
        name=f"digits, {fault}, seed {seed}",
        encoder="principal components",
        class_names=names,
        real=_images("real", names, [encode(one) for one in shown]),
        synthetic=_images("made", names, [encode(one) for one in fresh]),
        attributes=("",) * (n * classes),
        own=np.full(n * classes, -1, np.int64),
        class_vectors=np.stack([_unit(encode(one).mean(axis=0)) for one in shown]),
        logit_scale=SCALE,
    )


def examined(population: Population, settings: Diagnosis | None = None) -> list[Examined]:
    """Every group, as a diagnosis looks at it."""
    every = list(sides(population))
    shared = asked(population, settings or Diagnosis(), 0.95, len(every))
    return [Examined(shared, side) for side in every]


def showing(population: Population, rows: list[int], place: int = 1, n: int = 40) -> Population:
    """The first images of a class, of ``n`` a class, show these in place of their own."""
    made, first = population.synthetic, place * n
    vectors = made.vectors.copy()
    vectors[first : first + len(rows)] = made.vectors[rows]
    return replace(population, synthetic=replace(made, vectors=vectors))


def nearer(population: Population, share: float, by: float, place: int = 1) -> Population:
    """So many of a class's images moved to their mean, by this part of their way."""
    made, name = population.synthetic, population.class_names[place]
    at = np.flatnonzero(np.array(made.labels) == name)
    vectors, middle = made.vectors.copy(), made.vectors[at].mean(axis=0)
    moved = at[: round(share * len(at))]
    vectors[moved] = _unit(middle + (1 - by) * (vectors[moved] - middle))
    return replace(population, synthetic=replace(made, vectors=vectors))


def of_an_unknown_digit(seed: int) -> Population:
    """Six classes; 16 of 40 images of the second show a digit that is no class."""
    every = showing(spoiled("clean", seed), list(range(280, 296)))
    classes = every.class_names[:6]
    assert every.class_vectors is not None
    return replace(
        every,
        class_names=classes,
        real=_rows(every.real, np.isin(every.real.labels, classes)),
        synthetic=_rows(every.synthetic, np.isin(every.synthetic.labels, classes)),
        attributes=("",) * 240,
        own=every.own[:240],
        class_vectors=every.class_vectors[:6],
    )


def cut(population: Population, left: int, place: int = 1) -> Population:
    """A class that has its first few images alone."""
    made, name = population.synthetic, population.class_names[place]
    labels = np.array(made.labels)
    kept = labels != name
    kept[np.flatnonzero(~kept)[:left]] = True
    return replace(
        population,
        synthetic=_rows(made, kept),
        attributes=tuple(np.array(population.attributes)[kept].tolist()),
        own=population.own[kept],
    )


def _rows(images: Images, kept: NDArray[np.bool_]) -> Images:
    at = np.flatnonzero(kept)
    return Images(
        tuple(images.pixels[one] for one in at),
        tuple(images.labels[one] for one in at),
        images.vectors[at],
    )


def _encoder(pixels: Floats) -> Callable[[Floats], NDArray[np.float32]]:
    components = PCA(WIDTH, svd_solver="full").fit(pixels)
    return lambda some: _unit(components.transform(some)).astype(np.float32)


def _unit(vectors: Floats) -> Floats:
    found: Floats = vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)
    return found


def _images(kind: str, names: tuple[str, ...], vectors: list[NDArray[np.float32]]) -> Images:
    labels = [name for name, some in zip(names, vectors, strict=True) for _ in some]
    pixels = tuple(f"{kind} {number}" for number in range(len(labels)))
    return Images(pixels, tuple(labels), np.concatenate(vectors))


def _diversity(
    place: int, fresh: list[Floats], spare: list[Floats], shown: list[Floats],
    random: np.random.Generator,
) -> Floats:  # fmt: skip
    images = fresh[place][random.integers(0, 2, len(fresh[place]))]
    return np.clip(images + 0.03 * random.normal(size=images.shape), 0, 1)


def _ambiguity(
    place: int, fresh: list[Floats], spare: list[Floats], shown: list[Floats],
    random: np.random.Generator,
) -> Floats:  # fmt: skip
    n = len(fresh[place])
    other = random.choice([one for one in range(len(fresh)) if one != place])
    count = round(0.4 * n)
    return np.concatenate([fresh[place][count:], spare[other][:count]])


def _adherence(
    place: int, fresh: list[Floats], spare: list[Floats], shown: list[Floats],
    random: np.random.Generator,
) -> Floats:  # fmt: skip
    count = round(0.35 * len(fresh[place]))
    wrong = np.concatenate([some for one, some in enumerate(spare) if one != place])
    return np.concatenate([fresh[place][count:], random.permutation(wrong)[:count]])


def _blurred(
    place: int, fresh: list[Floats], spare: list[Floats], shown: list[Floats],
    random: np.random.Generator,
) -> Floats:  # fmt: skip
    images = fresh[place]
    return np.clip(images + BLUR * random.normal(size=images.shape), 0, 1)


def _absent(
    place: int, fresh: list[Floats], spare: list[Floats], shown: list[Floats],
    random: np.random.Generator,
) -> Floats:  # fmt: skip
    return random.uniform(size=fresh[place].shape)


def _copies(
    place: int, fresh: list[Floats], spare: list[Floats], shown: list[Floats],
    random: np.random.Generator,
) -> Floats:  # fmt: skip
    images = shown[place][random.integers(0, len(shown[place]), len(fresh[place]))]
    return np.clip(images + 0.01 * random.normal(size=images.shape), 0, 1)


BLUR = 0.2
_SPOIL = {
    "diversity": _diversity, "ambiguity": _ambiguity, "adherence": _adherence,
    "blurred": _blurred, "absent": _absent, "copies": _copies,
}  # fmt: skip
