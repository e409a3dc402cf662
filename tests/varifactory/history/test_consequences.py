import json
from pathlib import Path

import pytest

from tests.drawn_items import Drawn
from tests.varifactory.history.changed_items import Row, drawn_rows, store_of
from varifactory import records
from varifactory.history.consequences import consequences, limits
from varifactory.history.ledger import Found, Ledger
from varifactory.history.lineage import Teller
from varifactory.history.story import Story
from varifactory.keys import spec_of
from varifactory.recipe import Recipe
from varifactory.store import Store
from varifactory.training.planning import plan_cells

EDITS = "e" * 64
FIELDS = {"trainee": {"name": "small-clip", "weights": "ab" * 32}}
TRAINING = spec_of("training", FIELDS)


@pytest.fixture(scope="module")
def rows() -> list[Row]:
    """One accepted pair at least, and held-out sources, so that cells can be planned."""
    drawn = drawn_rows(Drawn(classes=("kettle", "owl"), sources=3))
    splits = {key: ("train", "validation", "test")[at % 3] for at, key in
              enumerate(dict.fromkeys(row["source_key"] for row in drawn))}  # fmt: skip
    return [{**row, "split": splits[row["source_key"]]} for row in drawn]


@pytest.fixture(scope="module")
def store(rows: list[Row], tmp_path_factory: pytest.TempPathFactory) -> Store:
    drawn = Drawn(classes=("kettle", "owl"), sources=3)
    place = store_of(tmp_path_factory.mktemp("told") / "store", drawn, rows)
    recipe = Recipe.parse({"name": "toys", "sources": {"kind": "world"},
                           "training": {"arms": ["real", "real+feasible"]}})  # fmt: skip
    place.write_run("run-1", {"actor": "ada", "recipe": recipe.model_dump(mode="json")})
    ended = {"specs": {f"training/{TRAINING}": FIELDS}}
    place.put_run_object("run-1", "ended.json", json.dumps(ended).encode())
    cells = plan_cells(TRAINING, recipe, rows, rows)
    place.append("training", TRAINING, records.table(
        "training", [{**cell, "status": "ok", "run": "run-1", "test_top1": 0.5} for cell in cells]
    ))  # fmt: skip
    made = [
        {"key": row["edit_key"], "status": "ok" if row["image_blob"] else "failed",
         **{name: row[name] for name in ("label", "source_key", "attribute", "feasibility",
            "index", "editor", "attempt", "value", "pixel_sha256", "image_blob")}}
        for row in rows if row["kind"] == "edit"
    ]  # fmt: skip
    place.append("edits", EDITS, records.table("edits", made))
    return place


def told(store: Store, stage: str, row: Row) -> list[Story]:
    teller = Teller(Ledger(store))
    key = row["edit_key"] if stage == "edits" else row["source_key"]
    found = Ledger(store).one(stage, key) or Found(stage, "s" * 64, {**row, "key": key})
    return consequences(teller, found)


def cells(stories: list[Story]) -> set[str]:
    return {story.title.split(": ")[1].split(",")[0] for story in stories
            if story.kind == "training cell"}  # fmt: skip


def test_an_edit_is_told_with_the_cells_that_trained_on_it(store: Store, rows: list[Row]) -> None:
    main_editor = [row for row in rows if row["kind"] == "edit" and row["paired"]
                   and row["split"] == "train" and row["editor"] == "compositor"]  # fmt: skip
    good = next(row for row in main_editor if row["feasibility"] == "feasible")
    assert cells(told(store, "edits", good)) == {"real+feasible"}
    other_side = next(row for row in main_editor if row["feasibility"] == "infeasible")
    assert cells(told(store, "edits", other_side)) == set()


def test_a_held_out_source_is_seen_by_all_cells(store: Store, rows: list[Row]) -> None:
    test = next(row for row in rows if row["kind"] == "source" and row["split"] == "test")
    assert cells(told(store, "sources", test)) == {"real", "real+feasible"}


def test_why_it_was_refused_is_told_with_the_limits_of_the_version(
    store: Store, rows: list[Row]
) -> None:
    refused = next(row for row in rows if row["status"] == "rejected")
    (version,) = [story for story in told(store, "edits", refused) if story.kind == "version"]
    assert version.facts["status"] == "rejected, decided by the stage verdicts"
    assert version.facts["reason"] == refused["reason"]
    assert version.facts["limits"] == {"verdicts.min_presence": 0.4}


def test_a_gate_is_told_whole_and_of_verdicts_what_decides() -> None:
    recipe = {"edits": {"gate": {"min_change": 2}, "editor": "x"},
              "verdicts": {"judge": "clip", "min_class": 0.1, "max_usd": 1}}  # fmt: skip
    assert limits(recipe, "edits") == {"edits.gate.min_change": 2}
    assert limits(recipe, "verdicts") == {"verdicts.min_class": 0.1}
    assert limits(recipe, "sources") == {}


def test_a_damaged_version_is_passed_over(rows: list[Row], tmp_path: Path) -> None:
    place = store_of(tmp_path / "store", Drawn(classes=("kettle",), sources=1), rows)
    for part in Path(place.url).glob("stages/items/*/*.parquet"):
        part.unlink()
    edit = next(row for row in rows if row["kind"] == "edit")
    found = Found("edits", EDITS, {**edit, "key": edit["edit_key"], "run": None})
    assert [s for s in consequences(Teller(Ledger(place)), found) if s.kind == "version"] == []
