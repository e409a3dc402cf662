"""One cell of a study's grid made again alone, and the edits of one of its data sets."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from flows.study import study
from tests.flows.conftest import Make
from varifactory.recipe import Recipe
from varifactory.runs.past import find_run
from varifactory.runs.selection import NothingSelected
from varifactory.shards.keeping import keep_rows
from varifactory.stages import Made, Row
from varifactory.store import Store, StudyCell

CELLS = 2 + 2 * 2
"""Of the arm real two training seeds; of real+feasible two on each of two data sets."""


@pytest.fixture(scope="module")
def recipe(tiny: Make) -> Recipe:
    return tiny(
        training__arms=["real", "real+feasible"], training__seeds=[1, 2],
        edits__compare={"count": 0}, study={"generation_seeds": [7, 5]},
    )  # fmt: skip


@pytest.fixture(scope="module")
def studied(
    recipe: Recipe, prefect_server: str, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, dict[str, Any]]:
    store = tmp_path_factory.mktemp("grid") / "store"
    return store, study(recipe, str(store))


@pytest.fixture
def store(studied: tuple[Path, dict[str, Any]], tmp_path: Path) -> Store:
    """A copy of it."""
    shutil.copytree(studied[0], tmp_path / "store")
    return Store(str(tmp_path / "store"))


def rerun(store: Store, **asked: Any) -> dict[str, Any]:
    from flows.rerun import rerun as flow

    said: dict[str, Any] = flow(store=store.url, **asked)
    return said


def first_parts(store: Store, stage: str) -> dict[str, str]:
    """Key -> the part in which its counting row was first written: another once it is made anew."""
    return {row["key"]: row["first_part"] for spec in store.specs(stage)
            for row in store.rows(stage, spec, ["key", "first_part"]).to_pylist()}  # fmt: skip


def anew(before: dict[str, str], after: dict[str, str]) -> set[str]:
    assert before.keys() == after.keys()
    return {key for key in before if before[key] != after[key]}


def one_cell(store: Store) -> StudyCell:
    (cell,) = [
        cell for cell in store.study("tiny").cells
        if (cell.arm, cell.seed, cell.generation_seed) == ("real+feasible", 2, 5)
    ]  # fmt: skip
    return cell


def break_row(store: Store, stage: str, spec: str, key: str) -> None:
    """The row fails, as it would have on another machine."""
    row: Row = store.rows(stage, spec, keys=[key]).to_pylist()[0]
    store.invalidate(stage, spec, [key], "broken for a test")
    kept = {name: row[name] for name in row if name not in ("made_at", "first_part", "run")}
    broken = {"status": "failed", "reason": "no memory", "error_type": "OutOfMemory"}
    keep_rows(store, stage, spec, str(row["run"]), [Made({**kept, **broken})])


def test_a_study_has_its_cells_and_data_sets(
    studied: tuple[Path, dict[str, Any]], recipe: Recipe
) -> None:
    path, said = studied
    store = Store(str(path))
    assert store.studies() == [("tiny", [1])]
    assert len(store.study("tiny").cells) == CELLS
    assert [name for name, _ in store.datasets()] == ["tiny", "tiny-seed5"]
    for start in (said["run"], said["run"][:8], ""):  # never the run of its second data set
        past = find_run(store, start)
        assert (past.id, past.flow) == (said["run"], "study")
        assert [one.recipe.name for one in past.variants] == ["tiny", "tiny-seed5"]
        assert all(one.newest is not None for one in past.variants)


def test_two_studies_of_one_data_set_version_have_reports_of_their_own(
    store: Store, recipe: Recipe
) -> None:
    first = Path(store.study_path("tiny", 1, "report.html"))
    page = first.read_bytes()
    said = study(recipe.overlaid(["training.seeds=[1]"]), store.url)
    assert (said["made"], said["study"]["version"]) == (0, 2)
    assert said["dataset"] == {"name": "tiny", "version": 1}
    assert Path(said["report"]) == Path(store.study_path("tiny", 2, "report.html"))
    assert first.read_bytes() == page != Path(said["report"]).read_bytes()


def test_a_good_cell_is_trained_again_alone(store: Store) -> None:
    cell = one_cell(store)
    trained, predicted, edited = (
        first_parts(store, stage) for stage in ("training", "predictions", "edits")
    )
    where = "arm = 'real+feasible' and seed = 2 and generation_seed = 5 and attribute = 'all'"
    with pytest.raises(NothingSelected):
        rerun(store, stage="training", where=where)
    said = rerun(store, stage="training", where=where, force=True, reason="a doubt")
    assert said["rerun"]["recomputed"] == 1
    assert said["rerun"]["refreshed"] == said["rerun"]["others_changed"] == 0
    assert anew(trained, first_parts(store, "training")) == {cell.key}
    again = anew(predicted, first_parts(store, "predictions"))
    rows = store.rows("predictions", cell.spec, ["key", "training_key"]).to_pylist()
    assert again == {row["key"] for row in rows if row["training_key"] == cell.key}
    assert anew(edited, first_parts(store, "edits")) == set()
    # On a processor it comes out as it did: there is nothing new to compare.
    assert said["study"] == {"name": "tiny", "version": 1, "cells": CELLS}
    assert "study tiny: still version 1, every cell came out as it did before" in said["lines"]


def test_a_failed_cell_is_mended_by_its_key_and_the_study_gets_a_version(store: Store) -> None:
    cell = one_cell(store)
    break_row(store, "training", cell.spec, cell.key)
    store.drop_study("tiny", 1, "ada")
    trained = first_parts(store, "training")
    said = rerun(store, stage="training", keys=(cell.key[:12],))
    assert (said["rerun"]["recomputed"], said["rerun"]["failed_again"]) == (1, 0)
    assert anew(trained, first_parts(store, "training")) == {cell.key}
    assert said["study"] == {"name": "tiny", "version": 2, "cells": CELLS}
    assert one_cell(store).key == cell.key
    assert Path(said["report"]).is_file()
    assert store.verify(heal=False).whole


def test_a_failed_edit_of_one_data_set_is_mended_and_no_cell_is_trained(store: Store) -> None:
    items = store.dataset("tiny-seed5").parts[0]
    rows = store.rows_of("items", items.spec, [items.name]).to_pylist()
    key = next(row["edit_key"] for row in rows if row["kind"] == "edit" and row["paired"])
    (spec,) = [spec for spec in store.specs("edits")
               if len(store.rows("edits", spec, keys=[key]))]  # fmt: skip
    break_row(store, "edits", spec, key)
    before = {stage: first_parts(store, stage) for stage in ("training", "edits", "sources")}
    said = rerun(store, error_class="OutOfMemory")
    assert said["rerun"]["recomputed"] == 1
    after = {stage: first_parts(store, stage) for stage in before}
    assert {stage: anew(before[stage], after[stage]) for stage in before} == {
        "training": set(), "edits": {key}, "sources": set(),
    }  # fmt: skip
    assert said["study"]["version"] == 1
    assert "data set tiny-seed5: still version 1, it holds the same" in said["lines"]
