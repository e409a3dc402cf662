"""A whole grid of an exchange rate on scikit-learn's digits, trained in seconds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from varifactory import keys
from varifactory.exchange.closed_set import ClassGaussian
from varifactory.exchange.controls import DUPLICATE, IDENTITY, MISLABELLED
from varifactory.exchange.estimators import fitted_predictions, shrunk
from varifactory.exchange.surface import REAL, Cell, Surface, Way
from varifactory.models import Pixels
from varifactory.recipe.exchange import CONTROLS

TEST = 797
"""Images that are kept for the test; the other 1,000 are about a hundred a class."""
BASES = (3, 6, 12)
ADDED = (0.5, 1.0, 2.0)
TRADED = (0.5, 1.0, 2.0, 4.0)
"""Twelve, twice as many real ones and four times as many others make 84 of the hundred."""
REPLACED = (0.5, 1.0)
WRONG = 0.2
POOLS = ("closed-set", IDENTITY, MISLABELLED, DUPLICATE)
SIDE = 8

Labelled = tuple[NDArray[np.float32], NDArray[np.intp]]
"""Pixels (images, width), and their class numbers."""


@dataclass(frozen=True)
class Digits:
    """Images in a fixed shuffled order, of which the first ``TEST`` are the test."""

    images: tuple[Pixels, ...]
    pixels: NDArray[np.float32]
    labels: NDArray[np.intp]

    @classmethod
    def loaded(cls) -> "Digits":
        from sklearn.datasets import load_digits

        found = load_digits()
        order = np.random.default_rng(0).permutation(len(found.target))
        grey = (found.images[order] / 16 * 255).round().astype(np.uint8)
        images = tuple(np.repeat(one[:, :, None], 3, axis=2) for one in grey)
        return cls(
            images, np.stack([shrunk(one, SIDE) for one in images]), found.target[order]
        )  # fmt: skip

    def rows(self, seed: int) -> list[NDArray[np.intp]]:
        """Training images of every class in a shuffled row, as ``Subsets`` has them."""
        random = np.random.default_rng(keys.seed_from(seed, "digits"))
        places = np.arange(TEST, len(self.labels))
        return [
            random.permutation(places[self.labels[places] == label]) for label in range(10)
        ]  # fmt: skip

    def of(self, places: NDArray[np.intp]) -> Labelled:
        return self.pixels[places], self.labels[places]


def digits_surface(
    seeds: Sequence[int], pools: Sequence[str] = POOLS, estimator: str = "svc"
) -> Surface:
    """Right answers of every cell."""
    digits = Digits.loaded()
    cells: list[Cell] = []
    counts: list[tuple[int, int]] = []
    hits: list[NDArray[np.bool_]] = []
    for seed in seeds:
        rows = digits.rows(seed)
        for base in BASES:
            for way, pool, multiple, real, other in _cells(digits, rows, base, seed, pools):
                cells.append(Cell(base, way, pool, multiple, seed))
                counts.append((len(real[1]), len(other[1])))
                hits.append(_answered(digits, (real, other), seed, estimator))
    real_counts, other_counts = zip(*counts, strict=True)
    return Surface(tuple(cells), real_counts, other_counts, np.stack(hits))


def _answered(
    digits: Digits, trained: Sequence[Labelled], seed: int, estimator: str
) -> NDArray[np.bool_]:
    pixels = np.concatenate([one[0] for one in trained])
    labels = np.concatenate([one[1] for one in trained])
    predicted = fitted_predictions(
        estimator, list(pixels), labels.tolist(), list(digits.pixels[:TEST]), seed
    )
    found: NDArray[np.bool_] = predicted == digits.labels[:TEST]
    return found


def _cells(
    digits: Digits, rows: Sequence[NDArray[np.intp]], base: int, seed: int, pools: Sequence[str]
) -> list[tuple[Way, str, float, Labelled, Labelled]]:
    def taken(start: int, stop: int) -> NDArray[np.intp]:
        return np.concatenate([row[start:stop] for row in rows])

    none = digits.of(np.array([], dtype=np.intp))
    whole = digits.of(taken(0, base))
    found: list[tuple[Way, str, float, Labelled, Labelled]] = [
        ("real", REAL, multiple, digits.of(taken(0, base + round(base * multiple))), none)
        for multiple in (0.0, *ADDED)
    ]
    made = _pools(digits, rows, base, seed)
    for pool in pools:
        for multiple in TRADED:
            found.append(("added", pool, multiple, whole, _first(made[pool], base, multiple)))
        # Controls are real images: in the place of others they show nothing.
        for share in REPLACED if pool not in CONTROLS else ():
            kept = digits.of(taken(0, base - round(base * share)))
            found.append(("substituted", pool, share, kept, _first(made[pool], base, share)))
    return found


def _first(pool: Sequence[Labelled], base: int, multiple: float) -> Labelled:
    """So many images of every class."""
    count = round(base * multiple)
    return (
        np.concatenate([pixels[:count] for pixels, _ in pool]),
        np.concatenate([labels[:count] for _, labels in pool]),
    )


def _pools(
    digits: Digits, rows: Sequence[NDArray[np.intp]], base: int, seed: int
) -> Mapping[str, Sequence[Labelled]]:
    """Pool -> the images of every class, those that are taken first in front."""
    most = round(base * max(TRADED))
    others = [digits.of(row[::-1][:most]) for row in rows]
    return {
        IDENTITY: others,
        MISLABELLED: [_mislabelled(one, seed) for one in others],
        DUPLICATE: [digits.of(np.resize(row[:base], most)) for row in rows],
        "closed-set": _closed_set(digits, rows, base, seed, most),
    }


def _mislabelled(one: Labelled, seed: int) -> Labelled:
    """Every fifth image, evenly spread, as one of the nine other classes."""
    pixels, labels = one
    label = int(labels[0])
    random = np.random.default_rng(keys.seed_from(seed, "wrong", label))
    places = np.arange(len(labels))
    start = random.random()
    wrong = np.floor((places + 1) * WRONG + start) > np.floor(places * WRONG + start)
    other = (label + random.integers(1, 10, len(labels))) % 10
    return pixels, np.where(wrong, other, labels)


def _closed_set(
    digits: Digits, rows: Sequence[NDArray[np.intp]], base: int, seed: int, most: int
) -> list[Labelled]:
    places = np.concatenate([row[:base] for row in rows])
    names = [str(label) for label in digits.labels[places]]
    generator = ClassGaussian.trained([digits.images[at] for at in places], names)
    return [
        (
            np.stack([shrunk(generator.image(str(label), keys.seed_from(seed, base, label, at)),
                             SIDE) for at in range(most)]),
            np.full(most, label),
        )
        for label in range(10)
    ]  # fmt: skip
