"""Predictions of a study: read cell by cell, held against their logits, whole or not at all."""

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from tests.simulated_study import SPEC, manifest_of, predictions, simulated, training_row
from varifactory import records
from varifactory.errors import StudyError
from varifactory.recipe import Recipe
from varifactory.statistics import calibration_error
from varifactory.store import Store
from varifactory.store.studies import StudyCell, StudyManifest
from varifactory.study.predictions import read_predictions

NAMES = ["owl", "kettle", "anchor"]
TRUTH = np.array([0, 1, 2, 0, 1, 2])


def cell(arm: str = "real", seed: int = 1, **more: object) -> StudyCell:
    told = {"trainee": "clip-lora", "augmentation": "flip", "name": "d", "version": 1, "spec": SPEC}
    key = f"{arm} {seed} {more}".encode().hex().ljust(64, "0")[-64:]
    return StudyCell.model_validate({**told, "arm": arm, "seed": seed, "key": key, **more})


def manifest(*cells: StudyCell) -> StudyManifest:
    recipe = Recipe.parse({"name": "s", "sources": {"kind": "world"}})
    return manifest_of(recipe, list(cells))


def write(store: Store, one: StudyCell, predicted: np.ndarray, rows: int = 6) -> pa.Table:
    """A cell's row and the first of its predictions; all of them are given back."""
    row = training_row(one, predicted == TRUTH, NAMES)
    store.append("training", SPEC, records.table("training", [row]))
    table = predictions(one, TRUTH, predicted, NAMES, np.random.default_rng(1))
    if rows:
        store.append("predictions", SPEC, table.slice(0, rows))
    return table


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(str(tmp_path))


def test_answers_are_those_stored_in_the_order_of_the_images(store: Store) -> None:
    predicted = np.array([0, 1, 1, 0, 2, 2])
    one = cell()
    table = write(store, one, predicted)
    found = read_predictions(store, manifest(one))
    (answers,) = found.cells
    order = np.argsort(table["source_key"].to_pylist())
    assert answers.right.tolist() == (predicted == TRUTH)[order].tolist()
    assert found.truth[""].tolist() == [NAMES[at] for at in TRUTH[order]]
    assert answers.training["steps"] == 60
    assert found.notes == ()
    logits = np.array(table["logits"].to_pylist())[order]
    shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    expected = calibration_error(shares.max(axis=1), answers.right)
    assert answers.calibration_error == pytest.approx(expected, abs=1e-6)


def test_a_prediction_that_is_not_the_largest_logit_is_refused(store: Store) -> None:
    one = cell()
    table = write(store, one, TRUTH, 0)
    column = table.schema.get_field_index("predicted")
    wrong = ["anchor", *table["predicted"].to_pylist()[1:]]
    store.append("predictions", SPEC, table.set_column(column, "predicted", [wrong]))
    with pytest.raises(StudyError, match=r"cell real, seed 1, .* largest logits"):
        read_predictions(store, manifest(one))


def test_logits_of_another_number_of_classes_are_refused(store: Store) -> None:
    one = cell()
    table = write(store, one, TRUTH, 0)
    short = pa.array([[1.0, 0.0]] * len(table), pa.list_(pa.float32()))
    at = table.schema.get_field_index("logits")
    store.append("predictions", SPEC, table.set_column(at, "logits", [short]))
    with pytest.raises(StudyError, match=r"3 classes, but rows of \[2\] logits"):
        read_predictions(store, manifest(one))


def test_without_logits_nothing_is_said_of_calibration(store: Store) -> None:
    found = simulated(store, {"training": {"arms": ["real"]}}, lambda _: 0.8, logits=False)
    (answers,) = read_predictions(store, found).cells
    assert answers.calibration_error is None
    assert answers.right.sum() == pytest.approx(400 * answers.training["test_top1"])


def test_an_image_that_is_answered_twice_is_refused(store: Store) -> None:
    one = cell()
    table = write(store, one, TRUTH)
    keys = [key[::-1] for key in table["key"].to_pylist()]
    store.append("predictions", SPEC, table.set_column(0, "key", [keys]))
    with pytest.raises(StudyError, match=r"seed 1.* is predicted twice"):
        read_predictions(store, manifest(one))


def test_the_same_rows_twice_are_one_answer(store: Store) -> None:
    """Two workers that trained one cell wrote every row twice, in parts of their own."""
    one = cell()
    table = write(store, one, TRUTH)
    again = table.set_column(table.schema.get_field_index("reason"), "reason", [["again"] * 6])
    store.append("predictions", SPEC, again)
    (answers,) = read_predictions(store, manifest(one)).cells
    assert len(answers.right) == 6


def test_cells_that_did_not_answer_what_the_others_did_are_told_and_left_out(store: Store) -> None:
    whole = [cell(seed=seed) for seed in (1, 2)]
    for one in whole:
        write(store, one, TRUTH)
    part, none, failed, missing = (cell(seed=seed) for seed in (3, 4, 5, 6))
    write(store, part, TRUTH, 4)
    row = training_row(none, TRUTH == TRUTH, NAMES)
    bad = {**training_row(failed, TRUTH == TRUTH, NAMES), "status": "failed", "reason": "no memory"}
    store.append("training", SPEC, records.table("training", [row, bad]))
    found = read_predictions(store, manifest(*whole, part, none, failed, missing))
    assert [one.cell.seed for one in found.cells] == [1, 2]
    said = [note.partition(") ")[2] for note in found.notes]
    assert said == [
        "answered 4 test images, not the 6 that the other cells answered, and is left out of "
        "every figure.",
        "has no predictions in the store and is left out of every figure.",
        "failed: no memory and is left out of every figure.",
        "was not trained and is left out of every figure.",
    ]


def rewritten(table: pa.Table, pixels: list[str] | None = None) -> pa.Table:
    """The same answers for files of other bytes: other keys in another order."""
    keys = [key[::-1] for key in table["source_key"].to_pylist()]
    assert np.argsort(keys).tolist() != np.argsort(table["source_key"].to_pylist()).tolist()
    table = table.set_column(table.schema.get_field_index("source_key"), "source_key", [keys])
    return table if pixels is None else table.append_column("pixel_sha256", [pixels])


PIXELS = [f"{at:064x}" for at in (3, 1, 0, 5, 4, 2)]


def test_a_cell_answers_the_same_images_where_their_files_have_other_bytes(store: Store) -> None:
    """Seeds that were trained before keep their keys, for a cell's key holds pixels alone."""
    one, other = cell(seed=1), cell(seed=2)
    predicted = np.array([0, 1, 1, 0, 2, 2])
    store.append("predictions", SPEC, write(store, one, predicted, 0).append_column(
        "pixel_sha256", [PIXELS]))  # fmt: skip
    store.append("predictions", SPEC, rewritten(write(store, other, predicted, 0), PIXELS))
    found = read_predictions(store, manifest(one, other))
    order = np.argsort(PIXELS)
    assert found.notes == ()
    assert found.truth[""].tolist() == [NAMES[at] for at in TRUTH[order]]
    assert [each.right.tolist() for each in found.cells] == [(predicted == TRUTH)[order].tolist()
                                                             ] * 2  # fmt: skip


def test_images_are_known_by_their_keys_where_an_old_cell_tells_no_pixels(store: Store) -> None:
    """Of its own data set, and of one that shares a cell with it."""
    old, shared, new = cell(dataset="a"), cell(dataset="a", seed=2), cell(dataset="b", seed=3)
    also = shared.model_copy(update={"dataset": "b"})
    tables = [write(store, one, TRUTH, 0) for one in (old, shared, new)]
    for table in (tables[0], *(one.append_column("pixel_sha256", [PIXELS]) for one in tables[1:])):
        store.append("predictions", SPEC, table)
    found = read_predictions(store, manifest(old, shared, also, new))
    by_key = TRUTH[np.argsort(tables[0]["source_key"].to_pylist())]
    assert len(found.cells) == 4
    for dataset in ("a", "b"):
        assert found.truth[dataset].tolist() == [NAMES[at] for at in by_key]


def test_other_images_of_the_same_number_are_told_and_left_out(store: Store) -> None:
    for seed in (1, 2):
        write(store, cell(seed=seed), TRUTH)
    store.append("predictions", SPEC, rewritten(write(store, cell(seed=3), TRUTH, 0)))
    (note,) = read_predictions(store, manifest(*(cell(seed=seed) for seed in (1, 2, 3)))).notes
    assert "seed 3" in note
    assert "answered other test images than the other cells did, and is left out" in note


def test_another_class_of_the_same_pixels_is_refused(store: Store) -> None:
    store.append("predictions", SPEC, write(store, cell(), TRUTH, 0).append_column(
        "pixel_sha256", [PIXELS]))  # fmt: skip
    other, moved = cell(seed=2), (TRUTH + 1) % 3
    row = training_row(other, TRUTH == TRUTH, NAMES)
    store.append("training", SPEC, records.table("training", [row]))
    table = predictions(other, moved, moved, NAMES, np.random.default_rng(1))
    store.append("predictions", SPEC, rewritten(table, PIXELS))
    with pytest.raises(StudyError, match="under other class names"):
        read_predictions(store, manifest(cell(), other))


def test_data_sets_have_test_images_of_their_own(store: Store) -> None:
    one, other = cell(dataset="pets"), cell(dataset="cars")
    write(store, one, TRUTH)
    write(store, other, TRUTH, 3)
    found = read_predictions(store, manifest(one, other))
    assert {name: len(truth) for name, truth in found.truth.items()} == {"pets": 6, "cars": 3}
    assert len(found.cells) == 2


def test_another_class_of_the_same_image_is_refused(store: Store) -> None:
    write(store, cell(), TRUTH)
    other = cell(seed=2)
    row = training_row(other, TRUTH == TRUTH, NAMES)
    store.append("training", SPEC, records.table("training", [row]))
    moved = (TRUTH + 1) % 3
    table = predictions(other, moved, moved, NAMES, np.random.default_rng(1))
    store.append("predictions", SPEC, table)
    with pytest.raises(StudyError, match="under other class names"):
        read_predictions(store, manifest(cell(), other))


def test_a_score_that_the_predictions_do_not_bear_out_is_told(store: Store) -> None:
    one = cell()
    row = {**training_row(one, TRUTH == TRUTH, NAMES), "test_top1": 0.5}
    store.append("training", SPEC, records.table("training", [row]))
    table = predictions(one, TRUTH, TRUTH, NAMES, np.random.default_rng(1))
    store.append("predictions", SPEC, table)
    found = read_predictions(store, manifest(one))
    (note,) = found.remarks
    assert not found.notes
    assert "was 0.5000 right when it was trained" in note
    assert "1.0000 right" in note


def test_classes_may_stand_in_another_order(store: Store) -> None:
    write(store, cell(), TRUTH)
    other, names = cell(seed=2), NAMES[::-1]
    row = training_row(other, TRUTH == TRUTH, names)
    assert json.loads(row["settings"])["class_names"] == names
    store.append("training", SPEC, records.table("training", [row]))
    table = predictions(other, 2 - TRUTH, 2 - TRUTH, names, np.random.default_rng(1))
    store.append("predictions", SPEC, table)
    assert all(one.right.all() for one in read_predictions(store, manifest(cell(), other)).cells)


def test_two_places_of_the_grid_may_be_one_training(store: Store) -> None:
    """All pairs there are, and as many as there are: equal content has one key."""
    one = cell("feasible", attribute="all", per_source=0)
    same = one.model_copy(update={"per_source": 5})
    write(store, one, TRUTH)
    found = read_predictions(store, manifest(one, same))
    assert [answers.cell.per_source for answers in found.cells] == [0, 5]
