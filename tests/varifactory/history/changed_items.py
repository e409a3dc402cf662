"""Two versions of drawn items, with every kind of change planted once."""

import hashlib
from pathlib import Path
from typing import Any

from tests.drawn_items import Drawn
from varifactory import keys, records
from varifactory.store import Manifest, Store, dataset_hash

Row = dict[str, Any]
SPEC = keys.spec_of("items", {})
UNSEEN = "attribute not seen: color 'red' scored 0.28, below 0.4; the judge saw 'gold'"


def drawn_rows(drawn: Drawn) -> list[Row]:
    """Its rows as a run leaves them: with pixel hashes and the stage that decided."""
    return [
        {**row, "pixel_sha256": row["image_blob"][:64] if row["image_blob"] else None,
         "stage": "verdicts" if row["kind"] == "edit" else "sources"}
        for row in records.table("items", drawn.rows).to_pylist()
    ]  # fmt: skip


def changed(rows: list[Row]) -> tuple[list[Row], dict[str, str]]:
    """The later version, and kind of change -> key of the edit that has it."""
    edits = [row for row in rows if row["kind"] == "edit"]
    good = [row for row in edits if row["status"] == "ok"]
    poor = next(row for row in edits if row["status"] == "rejected")
    lost = next(row for row in edits if row["status"] not in ("ok", "rejected"))
    alarm, refused, remade, removed = good[:4]
    planted = {"alarm": alarm, "flipped": refused, "remade": remade, "removed": removed}
    changes: dict[str, Row] = {
        alarm["edit_key"]: {"pixel_sha256": good[5]["pixel_sha256"],
                            "image_blob": good[5]["image_blob"]},
        refused["edit_key"]: {"status": "rejected", "reason": UNSEEN},
        poor["edit_key"]: {"status": "ok", "reason": ""},
        lost["edit_key"]: {"status": "rejected", "reason": "gate: too dark"},
        remade["edit_key"]: {"edit_key": "ab" * 32, "attempt": 1, "value": "crimson",
                             "pixel_sha256": good[6]["pixel_sha256"],
                             "image_blob": good[6]["image_blob"]},
    }  # fmt: skip
    later = [
        {**row, **changes.get(row.get("edit_key") or "", {})}
        for row in rows
        if row.get("edit_key") != removed["edit_key"]
    ]
    fresh = {**removed, "index": 9, "edit_key": "cd" * 32}
    later.append(fresh)
    renamed = [{**row, "key": _digest(f"{row['key']}{at}")} for at, row in enumerate(later)]
    named = {kind: row["edit_key"] for kind, row in planted.items()}
    return renamed, named | {"flipped back": poor["edit_key"], "status": lost["edit_key"],
                             "added": fresh["edit_key"], "remade": "ab" * 32}  # fmt: skip


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def store_of(folder: Path, drawn: Drawn, *versions: list[Row]) -> Store:
    """A store with these versions of `toys`."""
    store = Store(str(folder))
    store.prepare()
    store.put_blobs([(data, "png") for data in drawn.blobs.values()])
    for number, rows in enumerate(versions, start=1):
        table = records.table("items", rows)
        part = store.append("items", SPEC, table)
        listed = {"stage": "items", "spec": SPEC, "name": part.name, "rows": part.rows,
                  "bytes": part.bytes}  # fmt: skip
        store.publish(Manifest.model_validate({
            "name": "toys", "version": number, "created_at": "2026-11-21T09:00:00Z",
            "actor": "ada", "recipe": {"verdicts": {"min_presence": 0.4, "judge": "clip"}},
            "recipe_fingerprint": "f" * 64, "dataset_hash": dataset_hash(table),
            "counts": {}, "parts": [listed], "run_id": f"run-{number}",
        }))  # fmt: skip
    return store
