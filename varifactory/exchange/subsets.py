"""Subsets of the real images: nested, drawn by seed, and apart from those that controls take.

Per seed and class the training images stand in one shuffled row. A base is its beginning, real
images that are added are those that follow, and a control that plays a generator with real images
takes them from the other end: so no image is traded against itself.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from varifactory import keys
from varifactory.errors import TrainingError
from varifactory.stages import Row
from varifactory.training.arms import held_out, source_key

ByClass = Mapping[str, Sequence[Row]]
WHY = {
    "test": "accuracy is measured on test",
    "validation": "the weights that are kept are chosen on validation",
}


@dataclass(frozen=True, slots=True)
class Stock:
    """The real images there are, each picture once a class and split, in order of content."""

    class_names: tuple[str, ...]
    train: Mapping[str, tuple[Row, ...]]
    validation: tuple[Row, ...]
    test: tuple[Row, ...]

    @property
    def least(self) -> tuple[str, int]:
        """The class with the fewest training images, and how many."""
        name = min(self.class_names, key=lambda each: len(self.train[each]))
        return name, len(self.train[name])


def stock_of(items: Iterable[Row], largest: int, *, validated: bool = True) -> Stock:
    """The usable source items of a data set.

    Args:
        items: of the data set; edits and foreign images among them are passed over.
        largest: images a class that the largest base holds.
        validated: whether a step is chosen on validation images, so that there must be some.

    Raises:
        TrainingError: fewer than two classes, a split without images, or a class with fewer
            training images than the largest base asks for.
    """
    rows = list(items)
    splits = {split: _once(held_out(rows, split)) for split in ("train", "validation", "test")}
    train: dict[str, list[Row]] = defaultdict(list)
    for row in splits["train"]:
        train[row["label"]].append(row)
    names = sorted({row["label"] for each in splits.values() for row in each})
    _check(names, {name: len(train[name]) for name in names}, largest)
    for split in ("test", "validation") if validated else ("test",):
        if not splits[split]:
            raise TrainingError(
                f"no {split} images: {WHY[split]}; raise sources.split.{split}, or add images"
            )
    return Stock(
        tuple(names), {name: tuple(train[name]) for name in names},
        tuple(splits["validation"]), tuple(splits["test"]),
    )  # fmt: skip


def _once(rows: Iterable[Row]) -> list[Row]:
    """Without copies: two files with the same pixels would count as two images."""
    return list({(row["label"], row["pixel_sha256"]): row for row in rows}.values())


def _check(names: Sequence[str], counts: Mapping[str, int], largest: int) -> None:
    if len(names) < 2:
        raise TrainingError(
            f"an exchange rate needs at least 2 classes, the data set has {len(names)} "
            f"({list(names)}): add class folders, or widen sources.classes"
        )
    if few := {name: count for name, count in counts.items() if count < largest}:
        told = ", ".join(f"{name!r} ({count})" for name, count in sorted(few.items()))
        raise TrainingError(
            f"exchange.base asks for {largest} training images a class, and these have fewer: "
            f"{told}; lower exchange.base, raise sources.shots, add images, or leave the classes "
            "out by sources.classes"
        )


@dataclass(frozen=True, slots=True)
class Subsets:
    """The stock in the shuffled rows of every seed."""

    stock: Stock
    orders: Mapping[int, Mapping[str, tuple[Row, ...]]]

    @classmethod
    def of(cls, stock: Stock, seeds: Iterable[int]) -> "Subsets":
        return cls(stock, {seed: _shuffled(stock, seed) for seed in seeds})

    def base(self, size: int, seed: int) -> dict[str, Sequence[Row]]:
        """The first ``size`` images of every class."""
        return {name: rows[:size] for name, rows in self.orders[seed].items()}

    def following(self, size: int, seed: int) -> dict[str, Sequence[Row]]:
        """All that follow a base of ``size`` images a class, the next first."""
        return {name: rows[size:] for name, rows in self.orders[seed].items()}

    def others(self, reserved: int, seed: int) -> dict[str, Sequence[Row]]:
        """All but the first ``reserved`` of every class, the last first."""
        return {name: rows[reserved:][::-1] for name, rows in self.orders[seed].items()}

    def base_keys(self, size: int, seed: int) -> frozenset[str]:
        """Keys of the source images of a base."""
        rows = self.base(size, seed).values()
        return frozenset(source_key(row) for each in rows for row in each)

    def base_pixels(self, size: int, seed: int) -> frozenset[str]:
        """Pixel hashes of the images of a base."""
        rows = self.base(size, seed).values()
        return frozenset(row["pixel_sha256"] for each in rows for row in each)


def _shuffled(stock: Stock, seed: int) -> dict[str, tuple[Row, ...]]:
    found = {}
    for name, rows in stock.train.items():
        random = np.random.default_rng(keys.seed_from(seed, "exchange", name))
        found[name] = tuple(rows[at] for at in random.permutation(len(rows)))
    return found
