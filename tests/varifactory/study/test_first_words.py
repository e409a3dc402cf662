"""What is told of first attempts whose items tell of a later one."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from varifactory import records
from varifactory.store import Manifest, ManifestPart, Store
from varifactory.study.first_words import with_first_words
from varifactory.training.arms import mixture

RUN, EDITS, WORDS = "run-1", "1" * 64, "2" * 64
SIDES = {"feasible": ("red", "gold"), "infeasible": ("blue", "pink")}


def item(side: str, attempt: int) -> dict:
    """An item whose first attempt asked for the first value of its side, its last for the other."""
    return {
        "key": f"{side} {attempt}", "edit_key": f"edit {side}", "kind": "edit", "status": "ok",
        "label": "cup", "split": "train", "source_key": "s", "attribute": "color", "editor": "e",
        "feasibility": side, "index": 0, "attempt": attempt, "paired": True, "forced": False,
        "value": SIDES[side][attempt], "pixel_sha256": f"{side} {attempt}", "presence": 0.9,
        "measured_value": SIDES[side][attempt], "measured_class": "cup",
        "judged_feasibility": side, "image_blob": "a.png", "first_blob": "b.png",
        "first_sha256": f"{side} 0", "change_inside": 30.0, "prompt": f"attempt {attempt}",
    }  # fmt: skip


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """The edits and verdicts of the first attempts: the feasible one was seen as blue."""
    store = Store(str(tmp_path / "store"))
    store.prepare()
    store.write_run(RUN, {"flow": "study"})
    for stage, spec in (("edits", EDITS), ("verdicts", WORDS)):
        store.use_spec(RUN, stage, spec, {})
    store.append("edits", EDITS, records.table("edits", [
        {"key": f"edit {side}", "status": "ok", "reason": "", "label": "cup", "attribute": "color",
         "value": values[0], "prompt": "attempt 0", "pixel_sha256": f"{side} 0",
         "change_inside": 12.0, "region_share": 0.3} for side, values in SIDES.items()
    ]))  # fmt: skip
    store.append("verdicts", WORDS, records.table("verdicts", [
        {"key": f"word {side}", "status": "ok", "reason": "", "label": "", "attribute": "color",
         "judge": "measured", "pixel_sha256": f"{side} 0", "measured_value": "blue",
         "measured_class": "pot", "value_scores": json.dumps({"red": 0.2, "blue": 0.8}),
         "class_scores": "{}"} for side in SIDES
    ]))  # fmt: skip
    return store


def dataset(taxonomy: Path, run: str = RUN) -> Manifest:
    taxonomy.write_text("known_truth: true\nclasses: {cup: {color: {feasible: [red, gold], "
                        "infeasible: [blue, pink]}}}\n")  # fmt: skip
    part = ManifestPart(stage="items", spec="i", name="part-" + "0" * 64 + ".parquet", rows=1,
                        bytes=1)  # fmt: skip
    return Manifest(
        name="d", version=1, created_at=datetime.now(UTC), actor="ada", recipe_fingerprint="f",
        dataset_hash="d" * 64, counts={}, parts=(part,), run_id=run,
        recipe={"name": "d", "sources": {"kind": "world"}, "prompts": {"taxonomy": str(taxonomy)}},
    )  # fmt: skip


@pytest.fixture
def rows() -> list:
    items = [item(side, 1) for side in SIDES]
    return list(mixture("unfiltered", [], items, 1).edits)


def test_first_attempts_get_their_own_value_measures_and_word(
    store: Store,
    rows: list,
    tmp_path: Path,
) -> None:
    (row,) = with_first_words(store, dataset(tmp_path / "law.yaml"), rows)
    side = row["feasibility"]
    assert row["pixel_sha256"] == f"{side} 0"
    assert (row["value"], row["prompt"]) == (SIDES[side][0], "attempt 0")
    assert row["change_inside"] == pytest.approx(12)
    assert row["region_share"] == pytest.approx(0.3)
    assert (row["measured_value"], row["measured_class"]) == ("blue", "pot")
    assert row["presence"] == pytest.approx(0.2 if side == "feasible" else 0.8)
    assert row["judged_feasibility"] == "infeasible"


def test_what_is_no_longer_there_stays_unknown(
    store: Store,
    rows: list,
    tmp_path: Path,
) -> None:
    (row,) = with_first_words(store, dataset(tmp_path / "law.yaml", run="collected"), rows)
    assert row["measured_value"] is None
    assert row["change_inside"] is None


def test_items_of_a_first_attempt_are_left_as_they_are(store: Store, tmp_path: Path) -> None:
    kept = list(mixture("feasible", [], [item(side, 0) for side in SIDES], 1).edits)
    assert with_first_words(store, dataset(tmp_path / "law.yaml"), kept) == kept
