"""Training of one cell: the images of its planned row in, the class of every test image out."""

import io
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from varifactory.exchange.estimators import fitted_predictions
from varifactory.exchange.grid import ESTIMATOR
from varifactory.exchange.planning import PlannedExchange
from varifactory.models import Shown, Trainee
from varifactory.stages import Made, Row
from varifactory.training.cells import CellData, Examples
from varifactory.training.making import train_cell

Show = Callable[[Sequence[str]], Sequence[Shown]]
"""Pixel hashes -> what the trainee is shown of these pictures, in their order."""
Places = NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Labelled:
    """Images with the classes that are taught of them, or tested."""

    hashes: list[str]
    """Of their pixels."""
    numbers: list[int]
    """Places of their classes in ``class_names``."""


@dataclass(frozen=True, slots=True)
class Contents:
    """Which images every planned row trains on and is tested with; how a task learns of them.

    Pictures are named once and told by their places: a large grid names a million times what it
    has ten thousand of.
    """

    class_names: tuple[str, ...]
    blobs: Mapping[str, str]
    """Pixel hash -> PNG."""
    parts: Mapping[str, tuple[Places, Places]] = field(repr=False)
    """Key of a planned row, ``validation`` or ``test`` -> places in ``blobs``, class numbers."""

    @classmethod
    def of(cls, planned: PlannedExchange) -> "Contents":
        stock = planned.stock
        blobs = {row["pixel_sha256"]: row["image_blob"] for row in planned.pictures}
        place = {pixels: at for at, pixels in enumerate(blobs)}
        number = {name: at for at, name in enumerate(stock.class_names)}

        def placed(rows: Sequence[Row]) -> tuple[Places, Places]:
            return (
                np.array([place[row["pixel_sha256"]] for row in rows], np.int32),
                np.array([number[row["label"]] for row in rows], np.int32),
            )

        parts = {"validation": placed(stock.validation), "test": placed(stock.test)}
        for each in planned.cells:
            if each.row["key"] not in parts:
                parts[each.row["key"]] = placed(each.images)
        return cls(stock.class_names, blobs, parts)

    def images(self, part: str) -> Labelled:
        """Of a planned row by its key, of ``validation`` or of ``test``."""
        pixels = list(self.blobs)
        places, numbers = self.parts[part]
        return Labelled([pixels[at] for at in places], numbers.tolist())

    def pack(self) -> bytes:
        """As arrays of numpy."""
        stream = io.BytesIO()
        names, parts = list(self.parts), list(self.parts.values())
        both = [np.concatenate([part[at] for part in parts]) for at in (0, 1)]
        told = json.dumps([self.class_names, list(self.blobs.items()), names]).encode()
        counts = np.array([len(places) for places, _ in parts])
        np.savez_compressed(
            stream, told=np.frombuffer(told, np.uint8), counts=counts, places=both[0],
            numbers=both[1],
        )  # fmt: skip
        return stream.getvalue()

    @classmethod
    def read(cls, data: bytes) -> "Contents":
        """What ``pack`` made."""
        with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
            class_names, pictures, names = json.loads(arrays["told"].tobytes())
            ends = arrays["counts"].cumsum()[:-1]
            both = [np.split(arrays[name], ends) for name in ("places", "numbers")]
        parts = dict(zip(names, zip(*both, strict=True), strict=True))
        return cls(tuple(class_names), dict(pictures), parts)


def train_exchange(row: Row, contents: Contents, show: Show, trainee: Trainee | None) -> Made:
    """Train one planned row of ``plan_exchange``.

    Every cell is one pooled set: the same steps with batches of the same size, whatever its images
    are; validation chooses the step that is kept, and test is looked at once.

    Args:
        row: planned.
        contents: of the same plan.
        show: what the trainee takes: pixels, vectors, or an estimator's shrunk pixels.
        trainee: used by nobody else meanwhile; None of a row whose trainee is ``estimator``.
    """
    images, test = contents.images(row["key"]), contents.images("test")
    if len(images.numbers) != row["train_images"]:
        raise ValueError(
            f"cell {row['key']} was planned with {row['train_images']} images, got "
            f"{len(images.numbers)}"
        )
    if row["trainee"] == ESTIMATOR:
        predicted = _estimated(row, images, test, show)
    elif trainee is None:
        raise ValueError(f"cell {row['key']} was planned for {row['trainee']!r}, got no trainee")
    else:
        predicted = _trained(row, images, contents, show, trainee)
    answers = {"predicted_classes": predicted, "true_classes": test.numbers}
    return Made({**row, "status": "ok", "reason": "", **answers})


def _estimated(row: Row, images: Labelled, test: Labelled, show: Show) -> list[int]:
    found = fitted_predictions(
        json.loads(row["settings"])["estimator"], show(images.hashes), images.numbers,
        show(test.hashes), row["seed"],
    )  # fmt: skip
    return [int(each) for each in found]


def _trained(
    row: Row, images: Labelled, contents: Contents, show: Show, trainee: Trainee
) -> list[int]:
    def examples(part: Labelled) -> Examples:
        labels = [contents.class_names[number] for number in part.numbers]
        return Examples(show(part.hashes), labels, keys=part.hashes, hashes=part.hashes)

    cell = {**row, "arm": "real", "train_real": len(images.numbers), "train_edits": 0}
    held_out = [examples(contents.images(split)) for split in ("validation", "test")]
    _, predictions = train_cell(cell, CellData(examples(images), Examples(), *held_out), trainee)
    number = {name: at for at, name in enumerate(contents.class_names)}
    return [number[each["predicted"]] for each in predictions]
