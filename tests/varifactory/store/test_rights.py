"""A worker needs no right to delete; who collects garbage does, and is told so."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pytest

from varifactory.store import Manifest, Store, StoreDenied, StudyManifest, names

Rows = Callable[..., pa.Table]
SPEC = "a" * 64


@pytest.fixture
def worker(misbehaving: Callable[[str], str]) -> Store:
    """A store on a server that refuses to delete."""
    return Store(misbehaving("keeping"))


def test_all_that_a_run_writes_needs_no_right_to_delete(worker: Store, rows: Rows) -> None:
    assert worker.prepare().create_once
    worker.write_run("r", {})
    worker.use_spec("r", "edits", SPEC)
    worker.put_run_object("r", "ended.json", b"{}")
    sha = worker.put_blob(b"image", "png")
    assert worker.put_blob(b"image", "png") == sha
    parts = [worker.append("edits", SPEC, rows(k, image_blob=f"{sha}.png")).name for k in "ab"]
    worker.fold("edits", SPEC, parts)
    worker.invalidate("edits", SPEC, ["a"], "smeared")
    part = worker.append("items", SPEC, rows("a"))
    listed = {"stage": "items", "spec": SPEC, "name": part.name, "rows": 1, "bytes": part.bytes}
    worker.publish(
        Manifest.model_validate({
            "name": "cats", "version": 1, "created_at": datetime.now(UTC), "actor": "ann",
            "recipe": {}, "recipe_fingerprint": "f", "dataset_hash": "a" * 64, "counts": {},
            "parts": [listed], "run_id": "r",
        })
    )  # fmt: skip
    worker.put_export("cats", 1, "card.md", b"card")
    worker.pin("paper", "ann", specs=(SPEC,))
    worker.append("training", SPEC, rows("t"))
    worker.append("predictions", SPEC, rows("p", training_key="t"))
    plan = worker.register_plan("pets", {"margin": 0.005})
    cell = {"trainee": "clip-lora", "arm": "real", "seed": 1, "name": "cats", "version": 1,
            "spec": SPEC, "key": "t"}  # fmt: skip
    worker.put_study(
        StudyManifest.model_validate({
            "name": "pets", "version": 1, "created_at": datetime.now(UTC), "actor": "ann",
            "run_id": "r", "recipe": {}, "plan": plan, "cells": [cell], "specs": {},
            "datasets": [{"name": "cats", "version": 1, "dataset_hash": "a" * 64}],
            "provenance": {}, "study_hash": "",
        })
    )  # fmt: skip
    worker.put_study_file("pets", 1, "report.html", b"page")
    assert worker.verify().whole


def test_corrupt_blob_is_healed_without_the_right_to_delete(worker: Store, rows: Rows) -> None:
    worker.prepare()
    sha = worker.put_blob(b"image", "png")
    worker.append("edits", SPEC, rows("a", image_blob=f"{sha}.png"))
    worker.backend.put_over(names.blob(sha, "png"), b"imagE")
    worker.retire_blobs({f"{sha}.png": "found corrupt"})  # as a run does at its end
    assert worker.rows("edits", SPEC).num_rows == 0
    worker.put_blob(b"image", "png")
    assert worker.get_blob(sha, "png") == b"image"


def test_damaged_part_that_cannot_be_cleared_is_told(
    worker: Store, rows: Rows, forget: Callable[[], None]
) -> None:
    worker.prepare()
    path = names.part("edits", SPEC, worker.append("edits", SPEC, rows("a")).name)
    worker.backend.put_over(path, b"not a table")
    forget()
    (finding,) = worker.verify().findings
    assert not finding.healed
    assert "may not delete" in finding.detail


def test_who_collects_needs_the_right_and_is_told(worker: Store) -> None:
    worker.prepare()
    assert worker.collect().looked_at["blobs"] == 0  # looking needs none
    with pytest.raises(StoreDenied, match="may delete"):
        worker.collect(delete=True)


def test_reader_of_a_folder_without_rights_reads_what_lies_in_the_trash(
    local: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    sha = local.put_blob(b"image", "png")
    path = names.blob(sha, "png")
    local.backend.move(path, names.trash(path), float("inf"))

    def refused(path: str, data: bytes) -> bool:
        raise StoreDenied("read only")

    monkeypatch.setattr(local.backend, "put_once", refused)
    assert local.get_blob(sha, "png") == b"image"
    assert not (Path(local.url) / path).exists()
