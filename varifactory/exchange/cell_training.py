"""Training of one cell: the images of its planned row in, the class of every test image out."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from varifactory.cells import CellData, Examples
from varifactory.errors import TrainingError
from varifactory.exchange.estimators import fitted_predictions
from varifactory.exchange.grid import ESTIMATOR
from varifactory.exchange.planning import PlannedExchange
from varifactory.models import Shown, Trainee
from varifactory.stages import Made, Row
from varifactory.training import train_cell

Show = Callable[[Sequence[str]], Sequence[Shown]]
"""Pixel hashes -> what the trainee is shown of these pictures, in their order."""
Labelled = tuple[tuple[str, int], ...]
"""Pixel hash and number of the class that is taught, an image each."""


@dataclass(frozen=True, slots=True)
class Contents:
    """Which images every planned row trains on and is tested with; how a task learns of them."""

    class_names: tuple[str, ...]
    blobs: Mapping[str, str]
    """Pixel hash -> PNG."""
    cells: Mapping[str, Labelled]
    """Key of a planned row -> its images."""
    validation: Labelled
    test: Labelled

    @classmethod
    def of(cls, planned: PlannedExchange) -> "Contents":
        stock = planned.stock
        number = {name: at for at, name in enumerate(stock.class_names)}

        def labelled(rows: Sequence[Row]) -> Labelled:
            return tuple((row["pixel_sha256"], number[row["label"]]) for row in rows)

        return cls(
            stock.class_names,
            {row["pixel_sha256"]: row["image_blob"] for row in planned.pictures},
            {each.row["key"]: labelled(each.images) for each in planned.cells},
            labelled(stock.validation),
            labelled(stock.test),
        )

    def pack(self) -> bytes:
        """As JSON; a picture is named once, by its place."""
        place = {pixels: at for at, pixels in enumerate(self.blobs)}

        def short(images: Labelled) -> list[list[int]]:
            return [[place[pixels], number] for pixels, number in images]

        return json.dumps({
            "class_names": self.class_names, "pictures": list(self.blobs.items()),
            "cells": {key: short(images) for key, images in self.cells.items()},
            "validation": short(self.validation), "test": short(self.test),
        }).encode()  # fmt: skip

    @classmethod
    def read(cls, data: bytes) -> "Contents":
        """What ``pack`` made."""
        told = json.loads(data)
        pixels = [each for each, _ in told["pictures"]]

        def long(images: Sequence[Sequence[int]]) -> Labelled:
            return tuple((pixels[at], number) for at, number in images)

        return cls(
            tuple(told["class_names"]), dict(told["pictures"]),
            {key: long(images) for key, images in told["cells"].items()},
            long(told["validation"]), long(told["test"]),
        )  # fmt: skip


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
    images = contents.cells[row["key"]]
    if len(images) != row["train_images"]:
        raise ValueError(
            f"cell {row['key']} was planned with {row['train_images']} images, got {len(images)}"
        )
    if row["trainee"] == ESTIMATOR:
        predicted = _estimated(row, images, contents.test, show)
    elif trainee is None:
        raise ValueError(f"cell {row['key']} was planned for {row['trainee']!r}, got no trainee")
    else:
        predicted = _trained(row, images, contents, show, trainee)
    truth = [number for _, number in contents.test]
    return Made({
        **row, "status": "ok", "reason": "", "predicted_classes": predicted, "true_classes": truth,
    })  # fmt: skip


def _estimated(row: Row, images: Labelled, test: Labelled, show: Show) -> list[int]:
    told = json.loads(row["settings"])
    shown = show([pixels for pixels, _ in images])
    numbers = [number for _, number in images]
    tested = show([pixels for pixels, _ in test])
    found = fitted_predictions(told["estimator"], shown, numbers, tested, row["seed"])
    return [int(each) for each in found]


def _trained(
    row: Row, images: Labelled, contents: Contents, show: Show, trainee: Trainee
) -> list[int]:
    def examples(part: Labelled) -> Examples:
        hashes = [pixels for pixels, _ in part]
        labels = [contents.class_names[number] for _, number in part]
        return Examples(show(hashes), labels, keys=hashes, hashes=hashes)

    cell = {**row, "arm": "real", "train_real": len(images), "train_edits": 0}
    data = CellData(
        examples(images), Examples(), examples(contents.validation), examples(contents.test)
    )
    _, predictions = train_cell(cell, data, trainee)
    number = {name: at for at, name in enumerate(contents.class_names)}
    found = [number[each["predicted"]] for each in predictions]
    if not np.array_equal(
        [number[each["truth"]] for each in predictions], [number for _, number in contents.test]
    ):
        raise TrainingError(f"cell {row['key']} answered other test images than were asked")
    return found
