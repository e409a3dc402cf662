"""Manifests are written by others too: what they may say is checked."""

from typing import Any

import pytest
from pydantic import ValidationError

from varifactory.store import Manifest, StoreError

GOOD: dict[str, Any] = {
    "name": "cats",
    "version": 1,
    "created_at": "2026-01-02T03:04:05Z",
    "actor": "ann",
    "recipe": {"seed": 1},
    "recipe_fingerprint": "f",
    "dataset_hash": "a" * 64,
    "counts": {"ok": 1},
    "parts": [
        {"stage": "items", "spec": "s", "name": f"part-{'0' * 64}.parquet", "rows": 1, "bytes": 9}
    ],
    "run_id": "r",
}


def test_round_trip() -> None:
    manifest = Manifest.model_validate(GOOD)
    assert Manifest.model_validate_json(manifest.model_dump_json()) == manifest
    with pytest.raises(ValidationError):
        manifest.version = 2


@pytest.mark.parametrize(
    "change",
    [
        {"name": "../cats"},
        {"name": ""},
        {"version": 0},
        {"version": "one"},
        {"created_at": "2026-01-02T03:04:05"},
        {"dataset_hash": ""},
        {"parts": [{**GOOD["parts"][0], "name": "../../../etc/passwd"}]},
        {"parts": [{**GOOD["parts"][0], "name": f"part-{'0' * 64}.parquet\n"}]},
        {"parts": [{**GOOD["parts"][0], "stage": ".."}]},
        {"parts": [{**GOOD["parts"][0], "spec": "a/b"}]},
        {"parts": [{**GOOD["parts"][0], "rows": -1}]},
        {"surprise": True},
        {"recipe": "rm -rf"},
    ],
)
def test_foreign_manifests_are_refused(change: dict[str, Any]) -> None:
    with pytest.raises((ValidationError, StoreError)):
        Manifest.model_validate({**GOOD, **change})
