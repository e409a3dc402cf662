"""A grid: several data sets, crossed factors, and what is trained anew when one is added."""

import json
from pathlib import Path
from typing import Any

import pytest

from flows.study import study
from tests.flows.conftest import Make
from varifactory.recipe import Recipe
from varifactory.store import Store

GRID = {
    "training__arms": ["zero-shot", "real", "feasible", "infeasible", "real+feasible"],
    "training__seeds": [1, 2],
    "edits__compare": {"count": 0},
}
VARIED = {
    "generation_seeds": [7, 8],
    "schedules": ["mixed", "bridged"],
    "trainees": ["clip-lora", "linear-probe"],
}


@pytest.fixture(scope="module")
def recipe(tiny: Make) -> Recipe:
    return tiny(study=VARIED, **GRID)


@pytest.fixture(scope="module")
def studied(
    recipe: Recipe, prefect_server: str, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, dict[str, Any]]:
    store = tmp_path_factory.mktemp("grid") / "store"
    return store, study(recipe, str(store))


def test_every_generation_seed_is_a_data_set_of_its_own(
    studied: tuple[Path, dict[str, Any]],
) -> None:
    path, said = studied
    names = [one["name"] for one in said["datasets"]]
    assert names == ["tiny", "tiny-seed8"]
    hashes = {one["dataset_hash"] for one in said["datasets"]}
    assert len(hashes) == 2
    assert dict(Store(str(path)).datasets()) == {"tiny": [1], "tiny-seed8": [1]}
    assert all(Path(one["gallery"]).is_file() for one in said["datasets"])


def test_the_version_lists_every_cell_once(studied: tuple[Path, dict[str, Any]]) -> None:
    path, _ = studied
    kept = Store(str(path)).study("tiny")
    counts: dict[tuple[str, str], int] = {}
    for cell in kept.cells:
        counts[cell.trainee, cell.arm] = counts.get((cell.trainee, cell.arm), 0) + 1
    edited = 2 * 2  # training seeds, generation seeds
    assert counts == {
        ("clip-lora", "zero-shot"): 1, ("clip-lora", "real"): 2, ("linear-probe", "real"): 2,
        ("clip-lora", "feasible"): edited, ("linear-probe", "feasible"): edited,
        ("clip-lora", "infeasible"): edited, ("linear-probe", "infeasible"): edited,
        ("clip-lora", "real+feasible"): 2 * edited, ("linear-probe", "real+feasible"): 2 * edited,
    }  # fmt: skip
    assert kept.plan["registered_at"] <= kept.created_at.isoformat()


def test_a_bridged_cell_tells_what_it_crossed_with(studied: tuple[Path, dict[str, Any]]) -> None:
    path, _ = studied
    store = Store(str(path))
    rows = {row["key"]: row for spec in store.specs("training")
            for row in store.rows("training", spec).to_pylist()}  # fmt: skip
    bridged = [rows[cell.key] for cell in store.study("tiny").cells if cell.schedule == "bridged"]
    assert len(bridged) == 8
    for row in bridged:
        assert row["bridge_blob"] != row["adapter_blob"]
        assert 0 < row["bridge_step"] < row["steps"]


def test_the_report_is_made_again_from_the_store_alone(
    studied: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    from click.testing import CliRunner

    from varifactory.command import main

    path, said = studied
    page = Path(said["report"]).read_text()
    assert "2 generation seeds" in page
    done = CliRunner().invoke(main, ["report", str(path), "tiny", "--to", str(tmp_path / "own")])
    assert done.exit_code == 0, done.output
    assert (tmp_path / "own/report.html").is_file()
    figures = json.loads((tmp_path / "own/study.json").read_text())
    assert figures == json.loads((Path(said["report"]).parent / "study.json").read_text())


def test_a_further_seed_trains_its_cells_alone(
    studied: tuple[Path, dict[str, Any]], tiny: Make
) -> None:
    path, first = studied
    before = Store(str(path)).study("tiny")
    said = study(tiny(study=VARIED, **GRID | {"training__seeds": [1, 2, 3]}), str(path))
    assert said["counts"]["training"]["ok"] > first["counts"]["training"]["ok"]
    after = Store(str(path)).study("tiny")
    assert {cell.key for cell in before.cells} < {cell.key for cell in after.cells}
    fresh = [cell for cell in after.cells if cell.key not in {one.key for one in before.cells}]
    assert {cell.seed for cell in fresh} == {3}
    assert said["made"] == len(fresh)
    assert (after.version, said["dataset"]) == (2, first["dataset"])


def test_an_arm_that_cannot_be_trained_takes_no_other_with_it(
    studied: tuple[Path, dict[str, Any]], tiny: Make
) -> None:
    path, _ = studied
    sweep = [{"key": "edits.gate.min_change", "values": [255.0, 0.0]}]
    settings = GRID | {"training__arms": ["real", "real+feasible"], "training__seeds": [1]}
    said = study(tiny(name="partly", study={"sweep": sweep}, **settings), str(path))
    assert any("real+feasible" in notice and "needs edits" in notice for notice in said["notices"])
    kept = Store(str(path)).study("partly")
    assert {(cell.arm, cell.sweep) for cell in kept.cells} == {
        ("real", ""), ("real+feasible", "edits.gate.min_change=0.0"),
    }  # fmt: skip
    (refused,) = kept.provenance["unplanned"]
    assert (refused["arm"], refused["sweep"]) == ("real+feasible", "edits.gate.min_change=255.0")
    assert "edits.gate.min_change=255.0" in Path(said["report"]).read_text()
