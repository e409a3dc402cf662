"""Training: one cell an arm and seed, planned by content and trained step by step.

Every arm takes the same number of optimiser steps with batches of the same size, from the same
seed; the weights kept are chosen on validation alone, and the test split is looked at once.
"""

import itertools
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from varifactory import keys
from varifactory.arms import ARMS, Mixture, held_out, mixture, source_key
from varifactory.cell_planning import plan_cells, training_spec
from varifactory.cells import CellData, CellSettings, Examples, Progress
from varifactory.models import Pixels, Trainee
from varifactory.stages import Made, Row

__all__ = [
    "ARMS",
    "CellData",
    "CellSettings",
    "Examples",
    "Mixture",
    "held_out",
    "mixture",
    "plan_cells",
    "source_key",
    "train_cell",
    "training_spec",
]


def train_cell(
    row: Row,
    data: CellData,
    trainee: Trainee,
    *,
    resume: bytes | None = None,
    save: Callable[[int, bytes], None] = lambda step, progress: None,
) -> tuple[Made, list[Row]]:
    """Train one planned cell; its row and blob, and a prediction row a test image.

    Args:
        row: of ``plan_cells``.
        data: the images of the row's mixture and of the held-out splits.
        trainee: used by nobody else meanwhile.
        resume: what ``save`` was last given; the result is the same to the bit as without a break.
        save: called with the step and the progress after every validation.
    """
    settings = CellSettings.read(row["settings"])
    _check(row, data)
    trainee.begin(settings.lora, settings.class_names)
    progress = Progress() if resume is None else Progress.unpack(resume)
    if resume is not None:
        trainee.resume(progress.trainee)
    if settings.lora.steps == 0:
        progress.validated(_top1(trainee, data.validation, settings), b"")
    for batch, following in _with_next(_batches(row["seed"], data, settings, start=progress.step)):
        progress.stepped(trainee.step(batch.images, batch.labels, batch.weights, following))
        if progress.step % settings.validate_every == 0 or progress.step == settings.lora.steps:
            progress.validated(_top1(trainee, data.validation, settings), trainee.adapter())
            progress.trainee = trainee.checkpoint()
            save(progress.step, progress.pack())
    if progress.best:
        trainee.load_adapter(progress.best)
    predictions = _predictions(row, data.test, trainee, settings)
    return _made(row, data, progress, predictions), predictions


@dataclass(frozen=True, slots=True)
class _Batch:
    images: list[Pixels]
    labels: list[int]
    weights: list[float]


def _batches(seed: int, data: CellData, settings: CellSettings, start: int) -> Iterator[_Batch]:
    """Batches from step ``start`` on, the same whatever was resumed.

    With two sources half of each batch is real, and weights make the loss ``real_weight`` times
    the mean over the real half plus the rest times the mean over the edits.
    """
    number = {name: at for at, name in enumerate(settings.class_names)}
    edits = settings.batch_size * bool(data.edits.labels)
    real = settings.batch_size - edits
    if data.real.labels and data.edits.labels:
        edits = settings.batch_size // 2
        real = settings.batch_size - edits
    shares = {"real": settings.real_weight, "edits": 1 - settings.real_weight}
    halves = [(name, examples, count) for name, examples, count in
              (("real", data.real, real), ("edits", data.edits, edits)) if count]  # fmt: skip
    for step in range(start, settings.lora.steps):
        images: list[Pixels] = []
        labels: list[int] = []
        weights: list[float] = []
        for name, examples, count in halves:
            chosen = _drawn(seed, name, len(examples.labels), count, step)
            images += [examples.images[at] for at in chosen]
            labels += [number[examples.labels[at]] for at in chosen]
            weights += [(shares[name] if len(halves) == 2 else 1.0) / count] * count
        yield _Batch(images, labels, weights)


def _with_next(batches: Iterator[_Batch]) -> Iterator[tuple[_Batch, list[Pixels]]]:
    """Every batch with the images of the one after it."""
    for batch, after in itertools.pairwise(itertools.chain(batches, (None,))):
        if batch is not None:
            yield batch, after.images if after is not None else []


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


def _check(row: Row, data: CellData) -> None:
    given = (len(data.real.labels), len(data.edits.labels))
    if given != (row["train_real"], row["train_edits"]):
        raise ValueError(
            f"cell {row['key']} was planned with {row['train_real']} real images and "
            f"{row['train_edits']} edits, but got {given[0]} and {given[1]}"
        )
    if len(data.test.keys) != len(data.test.labels):
        raise ValueError("predictions need the source key of every test image")


def _top1(trainee: Trainee, examples: Examples, settings: CellSettings) -> float:
    predicted = trainee.logits(examples.images).argmax(axis=1)
    truth = [settings.class_names.index(label) for label in examples.labels]
    return float((predicted == truth).mean())


def _predictions(row: Row, test: Examples, trainee: Trainee, settings: CellSettings) -> list[Row]:
    logits = trainee.logits(test.images)
    return [
        {
            "key": keys.item_key(row["key"], source=source),
            "status": "ok",
            "reason": "",
            "label": label,
            "training_key": row["key"],
            "arm": row["arm"],
            "seed": row["seed"],
            "source_key": source,
            "truth": label,
            "predicted": settings.class_names[int(scores.argmax())],
            "logits": [float(score) for score in scores],
            "class_names": list(settings.class_names),
        }
        for source, label, scores in zip(test.keys, test.labels, logits, strict=True)
    ]


def _made(row: Row, data: CellData, progress: Progress, predictions: Sequence[Row]) -> Made:
    right = [prediction["predicted"] == prediction["truth"] for prediction in predictions]
    measures = {
        "status": "ok",
        "reason": "",
        "chosen_step": progress.chosen_step,
        "validation_top1": progress.chosen_top1,
        "test_top1": float(np.mean(right)),
        "curve": json.dumps(progress.curve),
    }
    blobs = {"adapter_blob": progress.best} if progress.best else {}
    return Made({**row, **measures}, blobs)
