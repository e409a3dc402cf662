"""Tables of stages: parts are appended, folded and hidden, never changed."""

import logging
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from varifactory.store import names
from varifactory.store.backend import Entry
from varifactory.store.errors import PartDamaged, StoreError
from varifactory.store.parts import (
    ALL,
    BLOB_COLUMNS,
    Part,
    PartReader,
    PartRef,
    Wanted,
    decode,
    encode,
)
from varifactory.store.rows import (
    TOMBSTONE,
    blob_columns,
    distinct,
    prepared,
    together,
    tombstones,
    winners,
)
from varifactory.store.trash import Trash

_LOG = logging.getLogger("varifactory.store")
_READERS = 8
_RELISTS = 3
_AT_ONCE = 1024
SMALL = 4 * 2**20
"""Bytes of a table's parts; a table no larger is read whole, and then kept in memory."""


class Tables(Trash):
    """Rows by stage and spec."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self._reader = PartReader(self.backend)
        self._told: set[str] = set()

    def append(
        self,
        stage: str,
        spec: str,
        table: pa.Table,
        *,
        spec_fields: Mapping[str, Any] | None = None,
    ) -> PartRef:
        """Store rows as a new part, durably. ``spec_fields`` says what the spec was made of.

        Raises:
            StoreError: if a row has no key, an unknown status, a key twice or a bad blob name.
        """
        table = prepared(table, f"stage {stage!r}, spec {spec!r}")
        return self._write(stage, spec, table, spec_fields, ())

    def fold(self, stage: str, spec: str, parts: Sequence[str]) -> PartRef:
        """One new part that holds the rows of these parts and names them as replaced.

        Winners stay what they were, whoever folds, appends or invalidates meanwhile. A part that
        is damaged is left out and not replaced.

        Raises:
            PartDamaged: if none of the parts can be read.
        """
        asked = list(dict.fromkeys(parts))
        read = self._map(lambda name: self._try(stage, spec, name), asked)
        for name, got in zip(asked, read, strict=True):
            if not isinstance(got, Part):
                self._tell_lost(stage, spec, name, str(got or f"{name}: not there to be folded"))
        chosen = [got for got in read if isinstance(got, Part)]
        if not chosen:
            raise PartDamaged(
                f"stage {stage!r}, spec {spec!r}: none of {len(asked)} parts to fold can be read"
            )
        return chosen[0].ref if len(chosen) == 1 else self._fold_read(stage, spec, chosen)

    def _fold_read(self, stage: str, spec: str, chosen: Sequence[Part]) -> PartRef:
        table = distinct(together([part.table for part in chosen], stage))
        replaced = {part.name for part in chosen}
        before = {name for part in chosen for name in part.replaces}
        if before:
            # Parts that were replaced before are named again as long as they are there, so that
            # a reader who sees this part first need not open the folds between.
            replaced |= before & {entry.name for entry in self._entries(stage, spec)}
        return self._write(stage, spec, table, None, sorted(replaced))

    def rows(
        self,
        stage: str,
        spec: str,
        columns: Sequence[str] | None = None,
        *,
        keys: Collection[str] | None = None,
    ) -> pa.Table:
        """The row that counts for each key, sorted by key; a column nobody wrote is null.

        Of a large table only ``columns`` and the rows of ``keys`` are ever held in memory.
        """
        wanted = Wanted.asked(columns, keys)
        return _select(winners(self._history(stage, spec, wanted)), columns)

    def rows_of(self, stage: str, spec: str, parts: Iterable[str]) -> pa.Table:
        """The rows that count in exactly these parts, as a data set version lists them.

        Raises:
            PartDamaged: if one of them is gone or not what its name says.
        """
        read = self._map(lambda name: self._read_strictly(stage, spec, name), list(parts))
        return winners(together([part.table for part in read], stage))

    def history(
        self,
        stage: str,
        spec: str,
        columns: Sequence[str] | None = None,
        *,
        keys: Collection[str] | None = None,
    ) -> pa.Table:
        """Every row that was not replaced, tombstones among them, ``first_part`` filled in."""
        return _select(self._history(stage, spec, Wanted.asked(columns, keys)), columns)

    def _history(self, stage: str, spec: str, wanted: Wanted) -> pa.Table:
        live = self._live(stage, spec, wanted)
        folds = sum(bool(part.replaces) for part in live)
        tables = [part.table for part in live]
        del live  # what is put together needs their memory
        table = together(tables, f"stage {stage!r}, spec {spec!r}")
        # Only folds of the same parts, made at the same time, hold a row twice.
        return distinct(table) if folds > 1 else table

    def invalidate(self, stage: str, spec: str, keys: Sequence[str], reason: str) -> PartRef:
        """Hide all rows these keys have now; rows made later count again.

        Raises:
            StoreError: if a key has no row, naming the first.
        """
        table = self.history(stage, spec, ["key", "status", "first_part"], keys=keys)
        rows = table.filter(pc.not_equal(table["status"], TOMBSTONE))
        unknown = sorted(set(keys) - set(rows["key"].to_pylist()))
        if unknown or not keys:
            raise StoreError(
                f"stage {stage!r}, spec {spec!r} has no row of {len(unknown)} of the "
                f"{len(keys)} keys to invalidate, such as {unknown[:1]}"
            )
        return self._hide(stage, spec, rows, reason)

    def hide(self, stage: str, spec: str, rows: pa.Table, reason: str) -> PartRef:
        """A part of tombstones for exactly these rows, by key and first part.

        Only readers of the part are told: a data set version that lists it leaves them out.
        """
        return self._hide(stage, spec, rows, reason)

    def stages(self) -> list[str]:
        """Stages that have rows."""
        return self.backend.folders(names.STAGES)

    def specs(self, stage: str) -> list[str]:
        """Specs a stage has rows of."""
        return self.backend.folders(f"{names.STAGES}/{names.plain('stage', stage)}")

    def parts(self, stage: str, spec: str) -> list[PartRef]:
        """The parts that are not replaced, by name."""
        live = self._live(stage, spec, Wanted.asked((), None))
        return sorted((part.ref for part in live), key=lambda ref: ref.name)

    def _hide(self, stage: str, spec: str, rows: pa.Table, reason: str) -> PartRef:
        hides: dict[str, set[str]] = {}
        for key, first in zip(rows["key"].to_pylist(), rows["first_part"].to_pylist(), strict=True):
            hides.setdefault(key, set()).add(first)
        return self._write(stage, spec, tombstones(hides, reason), None, ())

    def _write(
        self,
        stage: str,
        spec: str,
        table: pa.Table,
        spec_fields: Mapping[str, Any] | None,
        replaces: Sequence[str],
    ) -> PartRef:
        name, data = encode(table, stage, spec, spec_fields, replaces)
        path = names.part(stage, spec, name)
        self._reader.keep(name, data)
        if not self.backend.put_once(path, data):
            self.backend.refresh(path, data)  # whole or torn, the name fixes the bytes
        return PartRef(name, len(table), len(data))

    def _entries(self, stage: str, spec: str) -> list[Entry]:
        entries = self.backend.entries(names.stage(stage, spec))
        ours = [entry for entry in entries if names.PART.fullmatch(entry.name)]
        for entry in set(entries) - set(ours):
            self._tell(entry.name, f"stage {stage!r}, spec {spec!r}: {entry.name!r} is no part of "
                       "ours and is not read; move it away")  # fmt: skip
        # Large first: a fold is seen before the parts it replaces, which are then not read.
        return sorted(ours, key=lambda entry: (-entry.size, entry.name))

    def _live(self, stage: str, spec: str, wanted: Wanted = ALL) -> list[Part]:
        """The parts that no other replaces, read; damaged ones are told and left out."""
        parts, lost = self._read_live(stage, spec, wanted)
        for name, why in lost.items():
            self._tell_lost(stage, spec, name, why)
        return parts

    def _read_live(
        self, stage: str, spec: str, wanted: Wanted
    ) -> tuple[list[Part], dict[str, str]]:
        """The parts that no other replaces, and why the others cannot be read."""
        parts: dict[str, Part] = {}
        lost: dict[str, str] = {}
        for _ in range(_RELISTS):
            entries = self._entries(stage, spec)
            if sum(entry.size for entry in entries) <= SMALL:
                wanted = wanted._replace(columns=None)
            waiting = [e for e in entries if e.name not in parts]
            gone = self._read_all(stage, spec, waiting, wanted, parts, lost)
            if not gone:
                break  # else a part was swept after it was listed: its fold is there by now
        lost.update((name, f"{name}: listed, but not there") for name in gone)
        replaced = _replaced(parts)
        live = [part for name, part in parts.items() if name not in replaced]
        return live, {name: why for name, why in lost.items() if name not in replaced}

    def _read_all(
        self,
        stage: str,
        spec: str,
        waiting: list[Entry],
        wanted: Wanted,
        parts: dict[str, Part],
        lost: dict[str, str],
    ) -> list[str]:
        gone = []
        queue = iter(waiting)
        replaced = _replaced(parts)
        size = 1  # the largest alone first: it tells which of the others are not needed
        while batch := list(islice((e for e in queue if e.name not in replaced), size)):
            for entry, got in zip(
                batch,
                self._map(lambda e: self._try(stage, spec, e.name, wanted), batch),
                strict=True,
            ):
                if got is None:
                    gone.append(entry.name)
                elif isinstance(got, PartDamaged):
                    lost[entry.name] = str(got)
                else:
                    parts[entry.name] = got
                    replaced |= got.replaces
            size = 4 * _READERS
        return [name for name in gone if name not in replaced]

    def _try(
        self, stage: str, spec: str, name: str, wanted: Wanted = ALL
    ) -> Part | PartDamaged | None:
        try:
            return self._reader.read(stage, spec, name, wanted)
        except FileNotFoundError:
            return None
        except PartDamaged as error:
            return error

    def _read_strictly(self, stage: str, spec: str, name: str, wanted: Wanted = ALL) -> Part:
        try:
            return self._reader.read(stage, spec, name, wanted)
        except FileNotFoundError:
            data = self.put_back(names.part(stage, spec, name), name[5:69])
            if data is not None:
                return decode(data, name, stage, spec)
            raise PartDamaged(
                f"{self.backend.show(names.part(stage, spec, name))} is gone, so what names it is "
                "not whole: run `varifactory verify`, then make that data set again"
            ) from None

    def _map(self, function: Callable[[Any], Any], items: Sequence[Any]) -> list[Any]:
        if len(items) < 2:
            return [function(item) for item in items]
        found: list[Any] = []
        with ThreadPoolExecutor(_READERS if self.backend.remote else 2) as pool:
            for start in range(0, len(items), _AT_ONCE):  # a million futures are 2 GB
                found += pool.map(function, items[start : start + _AT_ONCE])
        return found

    def _tell_lost(self, stage: str, spec: str, name: str, why: str) -> None:
        self._tell(
            name,
            f"stage {stage!r}, spec {spec!r}: {why}. Its rows count as missing and are made again; "
            "`varifactory verify` lists and clears damage",
        )

    def _tell(self, name: str, text: str) -> None:
        if name not in self._told:
            self._told.add(name)
            _LOG.warning("%s", text)


def _replaced(parts: Mapping[str, Part]) -> set[str]:
    return {name for part in parts.values() for name in part.replaces}


def _select(table: pa.Table, columns: Sequence[str] | None) -> pa.Table:
    if columns is None:
        return table
    columns = [name for name in columns if name != BLOB_COLUMNS] + (
        blob_columns(table) if BLOB_COLUMNS in columns else []
    )
    for name in columns:
        if name not in table.column_names:
            table = table.append_column(name, pa.nulls(len(table)))
    return table.select(columns)
