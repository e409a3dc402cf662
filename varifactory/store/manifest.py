"""The last-written file of a data set version, and the hash that says what it holds."""

import hashlib
import json
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, field_validator

from varifactory.store import names

HASHED = ("key", "status", "pixel_sha256", "label", "split", "forced")
"""What the data set hash is made of: what was made, for which use; not how, when or by whom."""


class ManifestPart(BaseModel):
    """A part a version is made of."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    stage: str
    spec: str
    name: str = Field(pattern=f"^{names.PART.pattern}$")
    rows: int = Field(ge=1)
    bytes: int = Field(ge=1)

    @field_validator("stage", "spec")
    @classmethod
    def _is_plain(cls, value: str) -> str:
        return names.plain("stage or spec", value)


class Manifest(BaseModel):
    """A data set version: which parts, made by whom and how, holding what."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    version: int = Field(ge=1)
    created_at: AwareDatetime
    actor: str
    recipe: dict[str, Any]
    recipe_fingerprint: str
    dataset_hash: str = Field(min_length=8, max_length=128)
    counts: dict[str, Any]
    parts: tuple[ManifestPart, ...]
    run_id: str
    note: str = ""

    @field_validator("name")
    @classmethod
    def _is_plain(cls, value: str) -> str:
        return names.plain("data set", value)


def dataset_hash(items: pa.Table) -> str:
    """Hash of the sorted (key, status, pixel hash, label, split, forced) of a version's rows.

    Equal for equal content across runs, shards and runners; null ``forced`` counts as false.
    """
    columns = []
    for name in HASHED:
        column = items[name] if name in items.column_names else pa.nulls(len(items))
        if name == "forced":
            column = pc.fill_null(pc.cast(column, pa.bool_()), False)
        columns.append(column.to_pylist())
    lines = sorted(json.dumps(row, ensure_ascii=False) for row in zip(*columns, strict=True))
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()
