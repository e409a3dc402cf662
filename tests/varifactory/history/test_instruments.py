"""Rows of diagnoses and exchange rates have a history: what they are, and who counts them."""

import json
from typing import Any

import pytest
from click.testing import CliRunner

from tests.varifactory.store.test_instruments import (
    CELLS,
    CLOSED,
    DIAGNOSIS,
    EMBEDDED,
    PLAN,
    TEXTS,
    put_diagnosis,
)
from varifactory import records
from varifactory.command import main
from varifactory.history.finding import find
from varifactory.history.ledger import Ledger
from varifactory.store import Manifest, ManifestPart, Store, dataset_hash

KEYS = {"exchange": "1" * 64, "closed": "2" * 63 + "a", "texts": "3" * 64, "embeddings": "4" * 64}
ITEM = {"key": "5" * 64, "status": "ok", "kind": "source", "split": "test", "label": "owl"}


@pytest.fixture
def store(tmp_path: Any) -> Store:
    """A version with a diagnosis and an exchange rate beside it, and a row of each stage."""
    found = Store(str(tmp_path / "store"))
    found.prepare()
    table = records.table("items", [ITEM])
    part = found.append("items", "a" * 64, table)
    listed = {"stage": "items", "spec": "a" * 64, "name": part.name, "rows": 1, "bytes": part.bytes}
    found.publish(Manifest.model_validate({
        "name": "cats", "version": 1, "created_at": "2026-11-01T00:00:00Z", "actor": "ann",
        "recipe": {}, "recipe_fingerprint": "f", "dataset_hash": dataset_hash(table), "counts": {},
        "parts": (ManifestPart.model_validate(listed),), "run_id": "gone",
    }))  # fmt: skip
    made: dict[str, tuple[str, dict[str, Any]]] = {
        "exchange": (CELLS, {"trainee": "svc", "train_images": 12, "seed": 3,
                             "lineage": json.dumps({"edits": {"images": 6}}),
                             "predicted_classes": [0, 1], "true_classes": [0, 0]}),
        "closed": (CLOSED, {"generator": "gaussian", "index": 4, "label": "owl"}),
        "texts": (TEXTS, {"text": "a photo of an owl", "encoder": "small-clip", "vector": [1.0]}),
        "embeddings": (EMBEDDED, {"pixel_sha256": "9" * 64, "encoder": "small-clip"}),
    }  # fmt: skip
    for stage, (spec, columns) in made.items():
        row = {"key": KEYS[stage], "status": "ok", "run": "gone", **columns}
        found.append(stage, spec, records.table(stage, [row]))
    found.put_export("cats", 1, f"{PLAN.folder}/plan.json", PLAN.written())
    put_diagnosis(found, DIAGNOSIS)
    return found


def why(store: Store, name: str) -> dict[str, Any]:
    done = CliRunner().invoke(main, ["why", name, "--store", store.url, "--json"])
    assert done.exit_code == 0, done.output
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize(
    ("stage", "title", "instruments"),
    [
        ("exchange", "exchange cell 1111111111111111: svc on 12 images, seed 3", ["exchange rate"]),
        ("closed", "closed-set image 2222222222222222: 'owl' by gaussian", ["exchange rate"]),
        ("texts", "text 3333333333333333: 'a photo of an owl'", ["diagnosis"]),
        ("embeddings", "embedding 4444444444444444", ["diagnosis"]),
    ],
)
def test_a_row_tells_what_it_is_and_who_counts_it(
    store: Store, stage: str, title: str, instruments: list[str]
) -> None:
    told = why(store, KEYS[stage])
    assert told["title"] == title
    parts = [part for part in told["parts"] if part["kind"] in ("exchange rate", "diagnosis")]
    assert [part["kind"] for part in parts] == instruments
    assert all(part["facts"]["data set"] == "cats@1" for part in parts)
    assert parts[0]["title"].endswith("of cats@1")


def test_a_cell_that_no_rate_counts_says_nothing_of_one(store: Store) -> None:
    row = {"key": "8" * 64, "status": "ok", "trainee": "svc", "train_images": 1, "seed": 1}
    store.append("exchange", CELLS, records.table("exchange", [row]))
    assert why(store, "8" * 64)["parts"] == []
    assert why(store, KEYS["exchange"])["facts"]["lineage"] == {"edits": {"images": 6}}


def test_a_damaged_plan_hides_no_other(store: Store) -> None:
    put_diagnosis(store, b"{")
    assert [part["kind"] for part in why(store, KEYS["exchange"])["parts"]] == ["exchange rate"]
    assert why(store, KEYS["texts"])["parts"] == []


def test_a_closed_image_is_found_by_its_pixels(store: Store) -> None:
    row = {"key": "7" * 64, "status": "ok", "pixel_sha256": "6" * 64, "generator": "g"}
    store.append("closed", CLOSED, records.table("closed", [row]))
    assert find(Ledger(store), "6" * 12).key == "7" * 64
