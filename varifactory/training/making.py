"""Training: one cell an arm and seed, planned by content and trained step by step.

Every arm takes the same number of optimiser steps with batches of the same size, from the same
seed; the weights kept are chosen on validation alone, and the test split is looked at once.
"""

import json
from collections.abc import Callable, Sequence

import numpy as np

from varifactory import keys
from varifactory.models import Trainee
from varifactory.stages import Made, Row
from varifactory.training.cells import CellData, CellSettings, Examples, Progress
from varifactory.training.schedules import Phase, batches, phases, with_next


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
    _check(row, data, trainee, settings)
    progress = Progress() if resume is None else Progress.unpack(resume)
    for phase in phases(settings):
        if progress.step < phase.end or phase.last:
            _train_phase(row["seed"], phase, data, settings, trainee, progress, save)
    if progress.best:
        trainee.load_adapter(progress.best)
    predictions = _predictions(row, data.test, trainee, settings)
    return _made(row, settings, progress, predictions), predictions


def _train_phase(
    seed: int, phase: Phase, data: CellData, settings: CellSettings, trainee: Trainee,
    progress: Progress, save: Callable[[int, bytes], None],
) -> None:  # fmt: skip
    """The steps of a phase that are missing; after any but the last its weights cross over."""
    trainee.begin(phase.settings, settings.class_names, progress.bridge)
    if progress.trainee:
        trainee.resume(progress.trainee)
    if not phase.settings.steps:
        progress.validated(_top1(trainee, data.validation, settings), b"", chosen=True)
    left = batches(seed, data, settings, phase, start=progress.step)
    for batch, following in with_next(left):
        progress.stepped(trainee.step(batch.images, batch.labels, batch.weights, following))
        if progress.step % settings.validate_every == 0 or progress.step == phase.end:
            top1, weights = _top1(trainee, data.validation, settings), trainee.adapter()
            progress.validated(top1, weights, chosen=phase.last)
            if progress.step == phase.end and not phase.last:
                progress.crossed(weights)
            else:
                progress.trainee = trainee.checkpoint()
            save(progress.step, progress.pack())


def _check(row: Row, data: CellData, trainee: Trainee, settings: CellSettings) -> None:
    if settings.trainee != trainee.kind:
        raise ValueError(
            f"cell {row['key']} was planned for {settings.trainee!r}, not {trainee.kind!r}"
        )
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
    hashes: Sequence[str | None] = test.hashes or [None] * len(test.keys)
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
            "pixel_sha256": pixels,
            "truth": label,
            "predicted": settings.class_names[int(scores.argmax())],
            "logits": [float(score) for score in scores],
            "class_names": list(settings.class_names),
        }
        for source, pixels, label, scores in zip(
            test.keys, hashes, test.labels, logits, strict=True
        )
    ]


def _made(row: Row, settings: CellSettings, progress: Progress, predictions: Sequence[Row]) -> Made:
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
    if progress.bridge:
        blobs["bridge_blob"] = progress.bridge
        measures["bridge_step"] = phases(settings)[0].end
    return Made({**row, **measures}, blobs)
