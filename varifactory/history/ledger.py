"""What the store holds about single items: their rows, specs and runs, wherever they lie."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from varifactory.keys import source_key
from varifactory.stages import Row
from varifactory.store import Store, StoreError, StoreMissing, StudyManifest
from varifactory.store.rows import TOMBSTONE

READ_KEY = "read_key"
"""Column of the sources here: the key that a file was read under, by its place."""


@dataclass(frozen=True, slots=True)
class Found:
    """A row with its place in the store."""

    stage: str
    spec: str
    row: Row
    counts: bool = True
    """Whether it is the row that counts for its key; else it is hidden, or another beat it."""

    @property
    def key(self) -> str:
        """Of the row."""
        return str(self.row["key"])


class Ledger:
    """Look-ups over all specs of a store; every table is read once."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self._tables: dict[tuple[str, str], pa.Table] = {}
        self._runs: dict[str, dict[str, Any]] = {}

    def stages(self) -> list[str]:
        """Stages that have rows."""
        return self.store.stages()

    def tables(self, stage: str) -> Iterator[tuple[str, pa.Table]]:
        """Spec and the rows that count, of every spec of a stage."""
        for spec in self.store.specs(stage):
            yield spec, self.table(stage, spec)

    def table(self, stage: str, spec: str) -> pa.Table:
        """The rows that count."""
        if (stage, spec) not in self._tables:
            rows = self.store.rows(stage, spec)
            self._tables[stage, spec] = _settled(rows, spec) if stage == "sources" else rows
        return self._tables[stage, spec]

    def named(self, stage: str, column: str, values: pa.ChunkedArray) -> list[pa.Table]:
        """The rows that count and have one of these values in a column, a table a spec."""
        wanted = pc.unique(values.drop_null())
        return [
            table.filter(pc.fill_null(pc.is_in(table[column], value_set=wanted), False))
            for _, table in self.tables(stage)
            if column in table.column_names and len(table)
        ]

    def where(self, stage: str, column: str, values: Collection[str]) -> list[Found]:
        """All rows that count and have one of these values in a column."""
        wanted = pa.array(sorted(values), pa.string())
        found = []
        for spec, table in self.tables(stage) if values else ():
            if column in table.column_names and table[column].type == pa.string():
                rows = table.filter(pc.is_in(table[column], value_set=wanted)).to_pylist()
                found += [Found(stage, spec, row) for row in rows]
        return found

    def of_keys(self, stage: str, keys: Iterable[str]) -> dict[str, Found]:
        """Key -> its row, of those that are there."""
        return {found.key: found for found in self.where(stage, "key", set(keys))}

    def one(self, stage: str, key: str | None) -> Found | None:
        """The row of a key; None without one."""
        return self.of_keys(stage, [key]).get(key) if key else None

    def hidden(self, stage: str, spec: str, key: str) -> list[Row]:
        """Rows of a key that do not count, tombstones among them, the earliest first."""
        counting = self.one(stage, key)
        first = counting.row["first_part"] if counting and counting.spec == spec else None
        written = counting.row.get(READ_KEY, key) if counting else key
        table = self.store.history(stage, spec)
        rows = table.filter(pc.equal(table["key"], written)).to_pylist()
        others = [row for row in rows if row["first_part"] != first]
        return sorted(others, key=lambda row: (row["made_at"], row["status"] == TOMBSTONE))

    def run(self, run: str) -> dict[str, Any]:
        """A run's record with what it left at its end; empty where there is none."""
        if run not in self._runs:
            self._runs[run] = self._read_run(run) if run else {}
        return self._runs[run]

    def _read_run(self, run: str) -> dict[str, Any]:
        try:
            record = dict(self.store.read_run(run))
        except StoreMissing:
            return {}
        try:
            ended, specs = self.store.ended(run), self.store.specs_of(run)
        except StoreError:
            ended, specs = None, {}  # damaged: what others say of it is looked for
        return {**record, **(ended or {}), "specs": specs, "ended": bool(ended)}

    @cached_property
    def runs(self) -> list[str]:
        """Ids of all runs."""
        return self.store.runs()

    @cached_property
    def studies(self) -> list[StudyManifest]:
        """Every version of every study that can be read, the newest of each first."""
        found = []
        for name, numbers in self.store.studies():
            for number in reversed(numbers):
                with suppress(StoreError):  # `verify` tells of a damaged one
                    found.append(self.store.study(name, number))
        return found

    def spec_fields(self, stage: str, spec: str, first: str = "") -> Mapping[str, Any]:
        """What a spec was made of, as the run ``first`` or any other wrote it down.

        Empty where every run that used it was killed before it could.
        """
        name = f"{stage}/{spec}"
        for run in [first, *reversed(self.runs)]:
            fields = (self.run(run).get("specs") or {}).get(name) if run else None
            if fields:
                return dict(fields)
        return {}


def _settled(rows: pa.Table, spec: str) -> pa.Table:
    """Sources under the keys that later stages and versions know them by.

    A file is read under a key of its place; what was read is named by its bytes and its label
    (``sources.settle``), wherever the file lies.
    """
    if "bytes_sha256" not in rows.column_names:
        return rows
    read = rows["key"].to_pylist()
    named = [
        source_key(spec, row) if row["bytes_sha256"] else key
        for key, row in zip(read, rows.select(["bytes_sha256", "label"]).to_pylist(), strict=True)
    ]
    place = rows.schema.get_field_index("key")
    rows = rows.set_column(place, "key", pa.array(named, pa.string()))
    return rows.append_column(READ_KEY, pa.array(read, pa.string()))
