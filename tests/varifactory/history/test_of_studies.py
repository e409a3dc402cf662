"""Cells of a grid in the history: which study compares them, on what, and what they saw."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.drawn_items import Drawn
from tests.varifactory.history.changed_items import Row, drawn_rows, store_of
from varifactory import records
from varifactory.command import main
from varifactory.history.consequences import consequences
from varifactory.history.ledger import Found, Ledger
from varifactory.history.lineage import Teller
from varifactory.history.of_studies import study_named, study_story
from varifactory.history.story import Story
from varifactory.keys import spec_of
from varifactory.recipe import Recipe
from varifactory.store import Store, StudyCell, StudyManifest
from varifactory.training.arms import mixture
from varifactory.training.grid import Factors, Stratum
from varifactory.training.planning import plan_cells

SPEC = spec_of("training", {"trainee": {"name": "small-clip", "weights": "ab" * 32}})
WHOLE = Stratum(trainee="clip-lora", augmentation="flip", attribute="all", schedule="mixed")
GRID = [
    Factors(replace(WHOLE, attribute="", schedule=""), "real", 0, 1),
    Factors(WHOLE, "real+feasible", 0, 1),
    Factors(replace(WHOLE, attribute="color"), "real+feasible", 0, 1),
    Factors(replace(WHOLE, per_source=1), "real+feasible", 0, 1),
]


@pytest.fixture(scope="module")
def rows() -> list[Row]:
    """Two training sources a class with pairs of two attributes; a source for each other split."""
    drawn = drawn_rows(Drawn(classes=("kettle", "owl"), sources=4))
    order = list(dict.fromkeys(row["source_key"] for row in drawn))
    splits = {key: ("train", "train", "validation", "test")[at % 4] for at, key in enumerate(order)}
    return [{**row, "split": splits[row["source_key"]]} for row in drawn]


@pytest.fixture(scope="module")
def store(rows: list[Row], tmp_path_factory: pytest.TempPathFactory) -> Store:
    """A study of four cells, one of them trained on one attribute and one on one pair a source."""
    place = store_of(tmp_path_factory.mktemp("told") / "store",
                     Drawn(classes=("kettle", "owl"), sources=4), rows)  # fmt: skip
    recipe = Recipe.parse({"name": "toys", "sources": {"kind": "world"}})
    cells = plan_cells(SPEC, recipe, rows, rows, GRID)
    place.append("training", SPEC, records.table(
        "training", [{**cell, "status": "ok", "run": "run-1", "test_top1": 0.5} for cell in cells]
    ))  # fmt: skip
    held = place.dataset("toys", 1)
    place.put_study(StudyManifest(
        name="pets", version=1, created_at=datetime.now(UTC), actor="ada", run_id="run-1",
        recipe={"name": "pets"}, plan=place.register_plan("pets", {"margin": 0.005}),
        datasets=({"name": "toys", "version": 1, "dataset_hash": held.dataset_hash},),
        cells=tuple(
            StudyCell(
                trainee="clip-lora", attribute=one.stratum.attribute, arm=one.arm, seed=one.seed,
                per_source=one.stratum.per_source, schedule=one.stratum.schedule, name="toys",
                version=1, spec=SPEC, key=cell["key"],
            )
            for one, cell in zip(GRID, cells, strict=True)
        ),
        specs={f"training/{SPEC}": {}}, provenance={}, study_hash="",
    ))  # fmt: skip
    return place


def told(store: Store, stage: str, row: Row) -> list[Story]:
    ledger = Ledger(store)
    found = ledger.one(stage, row["key"]) or Found(stage, "s" * 64, row)
    return [one for one in consequences(Teller(ledger), found) if one.kind != "version"]


def keys_of(store: Store) -> list[str]:
    return [cell.key for cell in store.study("pets").cells]


def test_an_edit_is_told_with_the_cells_of_the_grid_that_took_it(
    store: Store, rows: list[Row]
) -> None:
    real, whole, color, one = keys_of(store)
    wanted = {
        whole: mixture("real+feasible", rows, rows, 1, editor="compositor"),
        color: mixture("real+feasible", rows, rows, 1, editor="compositor", attribute="color"),
        one: mixture("real+feasible", rows, rows, 1, editor="compositor", per_source=1),
    }
    edits = {row["edit_key"]: row for found in wanted.values() for row in found.edits}
    assert len({len(found.edits) for found in wanted.values()}) == 3
    for key, row in edits.items():
        seen = {story.key: story for story in told(store, "edits", {**row, "key": key, "run": None})
                if story.kind == "training cell"}  # fmt: skip
        assert set(seen) == {
            cell for cell, found in wanted.items() if key in {e["edit_key"] for e in found.edits}
        }
        assert all(story.facts["studies"] == ["pets@1"] for story in seen.values())
    source = next(row for row in rows if row["kind"] == "source" and row["split"] == "test")
    stories = told(store, "sources", {**source, "key": source["source_key"], "run": None})
    assert {s.key for s in stories if s.kind == "training cell"} == {real, whole, color, one}


def test_a_cell_is_told_with_the_study_that_compares_it(store: Store) -> None:
    found = Ledger(store).one("training", keys_of(store)[2])
    assert found is not None
    (story,) = [one for one in told(store, "training", found.row) if one.kind == "study"]
    assert story.title == "compared in pets@1"
    assert story.facts["factors"]["attribute"] == "color"
    assert story.facts["data set"] == "toys@1"


@pytest.mark.parametrize(
    "name",
    ["pets", "pets@1", "pets@v1", "studies/pets/1/report.html", "/a/studies/pets/1.json",
     "s3://team/store/studies/pets/1/data/arms.csv"],
)  # fmt: skip
def test_a_study_is_found_by_its_name_and_by_its_report(store: Store, name: str) -> None:
    found = study_named(store, name)
    assert found is not None
    assert (found.name, found.version) == ("pets", 1)


@pytest.mark.parametrize("name", ["", "toys", "toys@1", "ab" * 32, "kettle.png", "pets/1"])
def test_what_is_no_study_may_be_an_item(store: Store, name: str) -> None:
    assert study_named(store, name) is None


def test_a_study_tells_its_plan_data_sets_and_cells(store: Store, tmp_path: Path) -> None:
    story = study_story(Ledger(store), store.study("pets"))
    assert story.facts["plan"]["margin"] == 0.005
    assert [part.kind for part in story.parts] == ["version", *["training cell"] * 4]
    assert story.parts[0].facts["dataset_hash"] == store.dataset("toys", 1).dataset_hash
    answer = CliRunner().invoke(main, ["why", "pets@1", "--store", store.url])
    assert answer.exit_code == 0
    assert "study pets@1: 4 cells" in answer.output
    assert "real+feasible, seed 1" in answer.output
    assert "per_source 1" in answer.output
    missing = CliRunner().invoke(main, ["why", "pets@7", "--store", store.url])
    assert missing.exit_code == 2
    assert "no version 7" in missing.output
