"""What the store has of a stage, as a plan looks at it."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from varifactory import records
from varifactory.runs.misses import Reason
from varifactory.stages import Row
from varifactory.store.rows import TOMBSTONE, winners

UNREAD: dict[str, tuple[str, ...]] = {
    "masks": ("candidates",),
    "verdicts": ("raw", "label", "edit_key", "pixel_sha256", "mask_sha256", "image_blob",
                 "mask_blob", "attribute", "judge", "cost_usd", "error_type"),
}  # fmt: skip
"""Columns that decide nothing of what is planned after them."""


@dataclass(frozen=True, slots=True)
class Look:
    """What the store has of a stage."""

    history: pa.Table
    table: pa.Table
    """Rows that count."""
    there: pa.Table
    """Those of them that are planned, failed ones included."""
    rows: list[Row]
    """Those of them that are done."""
    done: Collection[str]
    """Their keys, without those that the run would hide."""


def look(
    stage: str, history: pa.Table, planned: Mapping[str, Row], hidden: Collection[str]
) -> Look:
    """What is there of planned rows; ``hidden`` are keys that the run would hide."""
    table = winners(history)
    wanted = pc.is_in(table["key"], value_set=pa.array(list(planned), pa.string()))
    there = table.filter(wanted)
    done = there.filter(pc.is_in(there["status"], value_set=pa.array(records.DONE)))
    unread = {*records.PROVENANCE, *UNREAD.get(stage, ())} & set(done.column_names)
    rows: list[Row] = done.drop_columns(sorted(unread)).to_pylist()
    return Look(history, table, there, rows, {row["key"] for row in rows} - set(hidden))


def select(table: pa.Table, columns: Sequence[str]) -> list[Row]:
    """Rows of these columns; one that nobody wrote is None."""
    for name in columns:
        if name not in table.column_names:
            table = table.append_column(name, pa.nulls(len(table)))
    rows: list[Row] = table.select(list(columns)).to_pylist()
    return rows


def again(row: Row) -> Reason:
    """Why an item that was tried before is tried again."""
    told = row["error_type"] or row["reason"] or "no reason told"
    return Reason(f"{row['status']} before: {told}", str(row["run"] or ""))


def tombstones(history: pa.Table) -> dict[str, str]:
    """Key of a hidden row -> why it was hidden."""
    stones = history.filter(pc.equal(history["status"], TOMBSTONE))
    return dict(zip(stones["key"].to_pylist(), stones["reason"].to_pylist(), strict=True))
