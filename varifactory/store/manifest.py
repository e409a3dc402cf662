"""The last-written file of a data set version, and the hash that says what it holds."""

import hashlib
import json
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, field_validator

from varifactory.store import names

HASHED = ("key", "status", "pixel_sha256", "label", "split", "forced")
"""What the data set hash is made of: what was made, for which use; not how, when or by whom."""
_BATCH = 10_000


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
    columns = {}
    for name in HASHED:
        column = items[name] if name in items.column_names else pa.nulls(len(items))
        if name == "forced":
            column = pc.fill_null(pc.cast(column, pa.bool_()), False)
        columns[name] = column
    table = pa.table(columns)
    if not _sorted_by_key(table["key"]):
        lines = sorted(line for batch in _lines(table) for line in batch)
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()
    found, between = hashlib.sha256(), b""
    in_order = _ascending(table["key"])
    order = None if in_order else pc.sort_indices(table["key"])
    for start in range(0, len(table), _BATCH):
        piece = (
            table.slice(start, _BATCH)
            if order is None
            else (table.take(order.slice(start, _BATCH)))
        )
        for batch in _lines(piece):
            found.update(between + "\n".join(batch).encode())
            between = b"\n"
    return found.hexdigest()


def _ascending(keys: pa.ChunkedArray) -> bool:
    """Whether each key is above the one before, so that none comes twice."""
    later = pc.less(keys.slice(0, max(len(keys) - 1, 0)), keys.slice(1))
    return bool(pc.all(later, min_count=0).as_py())


def _sorted_by_key(keys: pa.ChunkedArray) -> bool:
    """Whether the order of lines is that of keys, so that they need not be held all at once: of
    different hashes it is, for a line begins with its key."""
    hashes = pc.all(pc.match_substring_regex(keys, "^[0-9a-f]{64}$"), min_count=0).as_py()
    if not hashes or keys.null_count:
        return False
    return _ascending(keys) or bool(pc.count_distinct(keys).as_py() == len(keys))


def _lines(table: pa.Table) -> Iterator[list[str]]:
    for batch in table.to_batches(max_chunksize=_BATCH):
        rows = zip(*(column.to_pylist() for column in batch.columns), strict=True)
        yield [json.dumps(row, ensure_ascii=False) for row in rows]
