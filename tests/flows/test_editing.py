"""Exactly n accepted edits, and unchanged ones beside pairs, through a whole run."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from flows.forecast import forecast
from tests.flows.conftest import Generate, Make
from varifactory.images import pixel_hash
from varifactory.loading import items_of, read_image
from varifactory.runs.planned import Expectation, Stage
from varifactory.stages import Row
from varifactory.store import Store
from varifactory.training.arms import mixture, place_of


def accepted(store: Path, version: int) -> Counter[tuple[str, str, str]]:
    items = items_of(Store(str(store)), "tiny", version)
    return Counter((row["label"], row["attribute"], row["feasibility"]) for row in items
                   if row["kind"] == "edit" and row["status"] == "ok")  # fmt: skip


def stage_rows(store: Path, said: dict[str, Any], stage: str) -> list[Row]:
    """The rows of a stage that a run used."""
    opened = Store(str(store))
    ended = json.loads(opened.get_run_object(said["run"], "ended.json"))
    specs = [name.partition("/")[2] for name in ended["specs"] if name.startswith(f"{stage}/")]
    return [row for spec in specs for row in opened.rows(stage, spec).to_pylist()]


def edits_of_plan(expected: Expectation) -> Stage:
    (stage,) = [stage for stage in expected.stages if stage.name == "edits"]
    return stage


def test_an_exact_number_is_reached_told_and_reused(
    tiny: Make, generate: Generate, tmp_path: Path
) -> None:
    recipe = tiny(edits__exact=3, verdicts__judge="none")
    said = generate(recipe, tmp_path)
    found = accepted(tmp_path, said["dataset"]["version"])
    assert len(found) == 3 * 2 * 2
    assert set(found.values()) == {3}
    again = generate(recipe, tmp_path)
    assert again["made"] == 0
    assert again["dataset_hash"] == said["dataset_hash"]


def test_what_cannot_be_reached_is_told_and_not_waited_for(
    tiny: Make, generate: Generate, tmp_path: Path
) -> None:
    recipe = tiny(edits__exact=2, edits__rounds=2, edits__gate={"min_change": 255.0},
                  prompts__attributes=["color"])  # fmt: skip
    said = generate(recipe, tmp_path)
    assert not accepted(tmp_path, said["dataset"]["version"])
    short = [line for line in said["notices"] if "0 of 2 accepted edits" in line]
    assert len(short) == 3 * 2
    assert "raise edits.rounds" in short[0]


UNCHANGED = {"edits__unchanged": True, "edits__attempts": 2, "edits__per_source": 2}


def places(rows: list[Row], side: str) -> set[tuple[object, ...]]:
    return {place_of(row) for row in rows if row["feasibility"] == side}


@pytest.fixture(scope="module")
def beside(tiny: Make, generate: Generate, tmp_path_factory: Any) -> tuple[Path, Any, Stage]:
    """A store with edits alone, and then the unchanged ones of the same recipe; what was said, and
    what was expected."""
    store = tmp_path_factory.mktemp("unchanged")
    generate(tiny(**UNCHANGED | {"edits__unchanged": False}), store)
    recipe = tiny(**UNCHANGED)
    expected = edits_of_plan(forecast(recipe, str(store)))
    return store, generate(recipe, store), expected


def test_an_unchanged_edit_stands_beside_every_complete_pair(beside: Any) -> None:
    store, said, _ = beside
    items = items_of(Store(str(store)), "tiny", said["dataset"]["version"])
    made = [row for row in items if row["kind"] == "edit"]
    whole = places([row for row in made if row["paired"]], "feasible")
    assert whole
    assert places(made, "unchanged") == whole
    truth = {row["pixel_sha256"]: json.loads(row["truth"])
             for row in stage_rows(store, said, "sources")}  # fmt: skip
    edits = {row["key"]: row for row in stage_rows(store, said, "edits")}
    seeds = {place_of(row): row["seed"] for row in edits.values()
             if row["feasibility"] == "feasible"}  # fmt: skip
    for row in made:
        if row["feasibility"] != "unchanged":
            continue
        assert (row["status"], row["stage"], row["paired"]) == ("ok", "edits", False)
        assert row["measured_value"] is None
        edit = edits[row["edit_key"]]
        assert row["value"] == truth[edit["source_pixels"]][row["attribute"]]
        assert edit["change_outside"] == 0
        assert edit["seed"] == seeds[place_of(row)]
        assert edit["pixel_sha256"] != edit["source_pixels"]


def test_unchanged_edits_are_in_no_figure_of_the_filter(beside: Any) -> None:
    store, said, _ = beside
    first = Store(str(store)).dataset("tiny", 1)
    second = Store(str(store)).dataset("tiny", said["dataset"]["version"])
    count = said["made"]
    assert count == said["stages"]["edits"]["items"] - said["stages"]["edits"]["reused"] > 0
    for stage in ("edits", "verdicts"):
        assert second.counts[stage] == first.counts[stage]
    assert sum(second.counts["items"].values()) == sum(first.counts["items"].values()) + count
    held = [{row["key"] for row in items_of(Store(str(store)), "tiny", each.version)}
            for each in (first, second)]  # fmt: skip
    assert held[0] < held[1]
    assert len(held[1] - held[0]) == count


def test_control_arms_train_on_as_many_edits_of_the_same_places(beside: Any) -> None:
    store, said, _ = beside
    rows = items_of(Store(str(store)), "tiny", said["dataset"]["version"])
    found = {arm: mixture(arm, rows, rows, 1, editor="compositor").edits
             for arm in ("feasible", "infeasible", "unfiltered", "unchanged")}  # fmt: skip
    assert len({len(each) for each in found.values()}) == 1
    assert [place_of(row) for row in found["unchanged"]] == [
        place_of(row) for row in found["feasible"]
    ]
    pixels = {arm: {row["pixel_sha256"] for row in each} for arm, each in found.items()}
    assert pixels["unfiltered"] - pixels["feasible"]
    assert pixels["unfiltered"] - pixels["infeasible"]
    blobs = Store(str(store))
    for row in found["unfiltered"]:
        assert pixel_hash(read_image(blobs, row["image_blob"])) == row["pixel_sha256"]


def test_a_plan_counts_unchanged_edits(beside: Any, tiny: Make, tmp_path: Path) -> None:
    store, said, expected = beside
    assert (expected.misses, expected.unknown) == (said["made"], 0)
    recipe = tiny(**UNCHANGED)
    done = forecast(recipe, str(store))
    assert (done.misses, done.unknown) == (0, 0)
    anew, alone = (
        edits_of_plan(forecast(one, str(tmp_path / "empty")))
        for one in (recipe, tiny(**UNCHANGED | {"edits__unchanged": False}))
    )
    pairs = 3 * 2 * 2 * 2  # classes, shots, attributes, edits a source
    assert anew.unknown == alone.unknown + pairs
    assert anew.misses == 0


def test_a_version_of_before_first_attempts_were_kept_is_published_anew(
    tiny: Make, generate: Generate, tmp_path: Path
) -> None:
    recipe = tiny(prompts__attributes=["color"])
    said = generate(recipe, tmp_path)
    store = Store(str(tmp_path))
    manifest = store.dataset("tiny", 1)
    (part,) = manifest.parts
    old = store.rows_of("items", part.spec, [part.name])
    old = old.drop_columns(["first_blob", "first_sha256", "region_share", "first_part"])
    kept = store.append("items", part.spec, old)
    listed = part.model_copy(update={"name": kept.name, "bytes": kept.bytes})
    store.publish(manifest.model_copy(update={"version": 2, "parts": (listed,)}))
    again = generate(recipe, tmp_path)
    assert again["dataset"]["version"] == 3
    assert again["dataset_hash"] == said["dataset_hash"]
    (told,) = [line for line in again["notices"] if line.startswith("version 2 was made before")]
    assert "first_blob" in told
    assert generate(recipe, tmp_path)["dataset"]["version"] == 3


def test_edits_that_no_editor_can_do_are_told(
    tiny: Make, generate: Generate, tmp_path: Path
) -> None:
    """Not one of them fails, so that a run without any picture would look like a good one."""
    recipe = tiny(
        edits__kind="text-to-image", edits__editor="small-diffusion", prompts__attributes=["color"]
    )
    said = generate(recipe, tmp_path)
    assert said["failed"] == 0
    assert set(said["counts"]["edits"]) == {"skipped"}
    (told,) = [line for line in said["notices"] if "edits were skipped" in line]
    made = said["counts"]["edits"]["skipped"]
    assert told.startswith(
        f"{made} of {made} edits were skipped, {made} times: small-diffusion makes no text-to-image"
    )
