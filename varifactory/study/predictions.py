"""What every cell answered, read from the store cell by cell: logits of one cell at a time."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from varifactory.errors import StudyError
from varifactory.stages import Row
from varifactory.statistics import calibration_error
from varifactory.store import Store
from varifactory.store.studies import StudyCell, StudyManifest
from varifactory.study.alignment import ByPixels, alignable, by_pixels, digest

TRAINED = ("key", "status", "reason", "made_at", "steps", "chosen_step", "train_real",
           "train_edits", "validation_top1", "test_top1", "curve", "settings")  # fmt: skip
ANSWERED = ("status", "source_key", "pixel_sha256", "truth", "predicted", "logits")
AT_ONCE = 1024
"""Rows whose exponentials are held."""


@dataclass(frozen=True, slots=True)
class Answers:
    """One cell on the test images of its data set."""

    cell: StudyCell
    right: NDArray[np.bool_]
    """An image a place, in the order of ``Predictions.truth``."""
    calibration_error: float | None
    """None without logits."""
    training: Row
    """Of ``TRAINED``."""


@dataclass(frozen=True, slots=True)
class Predictions:
    """All cells that answered the same test images as the others of their data set."""

    cells: tuple[Answers, ...]
    """In the order of the manifest."""
    truth: Mapping[str, NDArray[np.str_]]
    """Data set -> class names of its test images, in the order of their pixels' hashes; of their
    keys where a cell does not tell these."""
    notes: tuple[str, ...] = ()
    """Which cells were left out, and why."""
    remarks: tuple[str, ...] = ()
    """What is to be known of cells that count."""
    left_out: Mapping[str, str] = field(default_factory=dict)
    """Key of a cell that is in no figure -> what became of it."""


@dataclass(slots=True)
class _Found:
    """What was read so far."""

    answers: dict[str, Answers] = field(default_factory=dict)
    """Key of the cell -> its answers."""
    images: dict[str, str] = field(default_factory=dict)
    """Key of the cell -> hash of the images it answered."""
    truth: dict[str, NDArray[np.str_]] = field(default_factory=dict)
    """Hash of images -> their class names."""
    pixels: dict[str, ByPixels] = field(default_factory=dict)
    """Key of the cell -> its images by their pixels, where its predictions tell these."""


def read_predictions(store: Store, manifest: StudyManifest) -> Predictions:
    """Read what the cells of a study answered.

    A cell counts with all test images or not at all: one that answered others than most cells of
    its data set is left out and told.

    Raises:
        StudyError: a cell whose predictions contradict its logits, that answers an image twice, or
            that knows an image under another class than the other cells.
    """
    found = _Found()
    by_spec: dict[str, list[StudyCell]] = defaultdict(list)
    for cell in manifest.cells:
        by_spec[cell.spec].append(cell)
    rows: dict[str, Row] = {}
    for spec, cells in by_spec.items():
        keys = {cell.key: cell for cell in cells}
        table = store.rows("training", spec, TRAINED, keys=set(keys))
        trained = {row["key"]: row for row in table.to_pylist() if row["key"] in keys}
        rows |= trained
        there = [key for key, row in trained.items() if row["status"] == "ok"]
        for key, answers in store.grouped("predictions", spec, "training_key", there, ANSWERED):
            _keep(found, keys[key], trained[key], answers)
    _align_by_pixels([cell for cell in manifest.cells if cell.key in found.answers], found)
    return _whole(manifest.cells, found, rows)


def words(cell: StudyCell) -> str:
    """A cell by its factors."""
    factors = cell.model_dump(
        include={"dataset", "sweep", "trainee", "augmentation", "attribute", "schedule"}
    )
    said = [cell.arm, f"seed {cell.seed}", *filter(None, factors.values())]
    if cell.per_source:
        said.append(f"{cell.per_source} a source")
    if cell.generation_seed is not None:
        said.append(f"generation seed {cell.generation_seed}")
    return f"cell {', '.join(said)} ({cell.key[:12]})"


def _keep(found: _Found, cell: StudyCell, training: Row, table: pa.Table) -> None:
    table = table.filter(pc.equal(table["status"], "ok"))
    table = table.take(pc.sort_indices(table["source_key"])).combine_chunks()
    if not len(table):
        return
    _refuse_twice(cell, table["source_key"])
    classes = json.loads(training["settings"])["class_names"]
    truth, predicted = (_numbers(cell, table[name], classes) for name in ("truth", "predicted"))
    right = truth == predicted
    logits = _logits(cell, table["logits"], len(classes))
    error = None
    if logits is not None:
        confidence = _confidences(cell, logits, predicted)
        error = float(calibration_error(confidence, right))
    images = digest(table["source_key"])
    names = np.array(classes)[truth]
    if not np.array_equal(found.truth.setdefault(images, names), names):
        raise _otherwise_named(cell)
    found.answers[cell.key] = Answers(cell, right, error, training)
    found.images[cell.key] = images
    if pixels := by_pixels(table):
        found.pixels[cell.key] = pixels


def _otherwise_named(cell: StudyCell) -> StudyError:
    return StudyError(
        f"{words(cell)} knows its test images under other class names than another cell of the "
        "same images: train both on one data set"
    )


def _align_by_pixels(cells: Sequence[StudyCell], found: _Found) -> None:
    """A key is of an image's file, and a cell is used again where the file has other bytes."""
    known: dict[tuple[str, str], str] = {}
    for cell in alignable(cells, found.pixels.keys()):
        pixels, before = found.pixels[cell.key], found.images[cell.key]
        if known.setdefault((cell.dataset, pixels.images), pixels.named) != pixels.named:
            raise _otherwise_named(cell)
        if before != pixels.named:
            answers = found.answers[cell.key]
            found.truth[pixels.named] = found.truth[before][pixels.order]
            found.answers[cell.key] = replace(answers, right=answers.right[pixels.order])
            found.images[cell.key] = pixels.named


def _refuse_twice(cell: StudyCell, keys: pa.ChunkedArray) -> None:
    same = pc.equal(keys.slice(0, len(keys) - 1), keys.slice(1))
    if pc.any(same).as_py():
        twice = keys.slice(1).filter(same)[0].as_py()
        raise StudyError(
            f"{words(cell)}: test image {twice[:16]} is predicted twice; give the predictions of "
            "one training a cell"
        )


def _numbers(cell: StudyCell, names: pa.ChunkedArray, classes: Sequence[str]) -> NDArray[np.int32]:
    """Places among the classes."""
    places = pc.index_in(names, value_set=pa.array(classes, pa.string()))
    if places.null_count:
        strange = names.filter(pc.is_null(places))[0].as_py()
        raise StudyError(f"{words(cell)} names {strange!r}, which is none of its classes")
    found: NDArray[np.int32] = places.to_numpy()
    return found


def _logits(cell: StudyCell, column: pa.ChunkedArray, classes: int) -> NDArray[np.float32] | None:
    """(images, classes), a view of Arrow's memory; None where none were kept."""
    lists = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    if isinstance(lists, pa.ChunkedArray):
        lists = lists.chunk(0)
    if lists.null_count == len(lists):
        return None
    lengths = pc.unique(pc.list_value_length(lists)).to_pylist()
    if lengths != [classes]:
        raise StudyError(
            f"{words(cell)} has {classes} classes, but rows of {lengths} logits: train it again"
        )
    values: NDArray[np.float32] = lists.flatten().to_numpy(zero_copy_only=False)
    return values.reshape(-1, classes)


def _confidences(
    cell: StudyCell, logits: NDArray[np.float32], predicted: NDArray[np.int32]
) -> NDArray[np.float32]:
    """Softmax of the class predicted, 0 to 1."""
    found = np.empty(len(logits), np.float32)
    for start in range(0, len(logits), AT_ONCE):
        piece = logits[start : start + AT_ONCE]
        largest = piece.max(axis=1)
        said = piece[np.arange(len(piece)), predicted[start : start + AT_ONCE]]
        if not (np.isfinite(largest).all() and (said == largest).all()):
            raise StudyError(
                f"{words(cell)}: its predictions are not the classes of its largest logits; train "
                "it again (`varifactory invalidate training --key`), for one of them was changed"
            )
        found[start : start + AT_ONCE] = 1 / np.exp(piece - largest[:, None]).sum(axis=1)
    return found


def _whole(cells: Sequence[StudyCell], found: _Found, rows: Mapping[str, Row]) -> Predictions:
    answered: dict[str, Counter[str]] = defaultdict(Counter)
    for cell in cells:
        if cell.key in found.images:
            answered[cell.dataset][found.images[cell.key]] += 1
    usual = {
        dataset: max(counts, key=lambda one: (counts[one], len(found.truth[one]), one))
        for dataset, counts in answered.items()
    }
    kept = [cell for cell in cells if found.images.get(cell.key) == usual.get(cell.dataset, "")]
    left_out = _left_out(cells, found, rows, usual)
    return Predictions(
        # A key may stand in the manifest twice, as two places of the grid that came out equal.
        cells=tuple(_at(found.answers[cell.key], cell) for cell in kept),
        truth={dataset: found.truth[images] for dataset, images in usual.items()},
        notes=tuple(
            f"{words(cell)} {left_out[cell.key]} and is left out of every figure."
            for cell in cells
            if cell.key in left_out
        ),
        remarks=tuple(_otherwise_scored(kept, found)),
        left_out=left_out,
    )


def _at(answers: Answers, cell: StudyCell) -> Answers:
    return Answers(cell, answers.right, answers.calibration_error, answers.training)


def _left_out(
    cells: Sequence[StudyCell], found: _Found, rows: Mapping[str, Row], usual: Mapping[str, str]
) -> dict[str, str]:
    told = {}
    for cell in cells:
        row = rows.get(cell.key)
        images = found.images.get(cell.key)
        if images is None:
            why = "has no predictions in the store"
            if row is None:
                why = "was not trained"
            elif row["status"] != "ok":
                why = f"{row['status']}: {row['reason']}"
        elif images != usual[cell.dataset]:
            here, there = len(found.truth[images]), len(found.truth[usual[cell.dataset]])
            why = f"answered {here} test images, not the {there} that the other cells answered,"
            if here == there:
                why = "answered other test images than the other cells did,"
        else:
            continue
        told[cell.key] = why
    return told


def _otherwise_scored(cells: Sequence[StudyCell], found: _Found) -> Iterator[str]:
    for cell in cells:
        answers = found.answers[cell.key]
        stored, counted = answers.training["test_top1"], float(answers.right.mean())
        if stored is not None and abs(stored - counted) > 1e-9:
            yield (
                f"{words(cell)} was {stored:.4f} right when it was trained, and its stored "
                f"predictions are {counted:.4f} right: figures are counted from these."
            )


def curve_of(row: Mapping[str, Any]) -> tuple[tuple[float, float], ...]:
    """(step, validation accuracy) of a row of ``training``."""
    points = json.loads(row["curve"] or "[]")
    return tuple(
        (float(point["step"]), float(point["validation_top1"]))
        for point in points
        if "validation_top1" in point
    )
