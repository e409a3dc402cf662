"""Tables of stages, read: the parts that no other replaces, and the rows of them that count."""

import logging
import os
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import Any

import pyarrow as pa

from varifactory.store import names
from varifactory.store.backend import Entry
from varifactory.store.errors import PartDamaged
from varifactory.store.parts import (
    ALL,
    BLOB_COLUMNS,
    Part,
    PartReader,
    PartRef,
    Wanted,
    decode,
)
from varifactory.store.rows import HIDES, blob_columns, distinct, together, winners
from varifactory.store.trash import Trash

_LOG = logging.getLogger("varifactory.store")
_READERS = 8
_DISK_READERS = min(_READERS, os.cpu_count() or 2)
_RELISTS = 3
_AT_ONCE = 1024
SMALL = 16 * 2**20
"""Bytes of a table's parts; a table no larger is read whole, and then kept in memory."""


class Reading(Trash):
    """Rows by stage and spec."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self._reader = PartReader(self.backend)
        self._told: set[str] = set()

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
        table = self._history(stage, spec, wanted)
        chosen = _chosen(table, columns)
        there = ["key", *(n for n in chosen or () if n != "key" and n in table.column_names)]
        held = [table]
        del table  # it is let go of column by column, which halves the memory of a large one
        return filled(winners(held.pop(), None if chosen is None else there), chosen)

    def rows_of(
        self,
        stage: str,
        spec: str,
        parts: Iterable[str],
        columns: Sequence[str] | None = None,
    ) -> pa.Table:
        """The rows that count in exactly these parts, as a data set version lists them.

        Raises:
            PartDamaged: if one of them is gone or not what its name says.
        """
        wanted = Wanted.asked(columns, None)
        read = self._map(lambda n: self._read_strictly(stage, spec, n, wanted), list(parts))
        tables = [part.table for part in read]
        del read
        held = [together(tables, stage)]
        chosen = _chosen(held[0], columns)
        there = None if chosen is None else [n for n in chosen if n in held[0].column_names]
        return filled(winners(held.pop(), there), chosen)

    def columns_of(self, stage: str, spec: str, parts: Iterable[str]) -> list[str]:
        """The columns that ``rows_of`` gives; no row is read for it."""
        wanted = Wanted(frozenset(), frozenset(), once=True)
        read = [self._read_strictly(stage, spec, name, wanted).columns for name in parts]
        return [name for name in dict.fromkeys(n for names in read for n in names) if name != HIDES]

    def history(
        self,
        stage: str,
        spec: str,
        columns: Sequence[str] | None = None,
        *,
        keys: Collection[str] | None = None,
    ) -> pa.Table:
        """Every row that was not replaced, tombstones among them, ``first_part`` filled in."""
        table = self._history(stage, spec, Wanted.asked(columns, keys))
        return filled(table, _chosen(table, columns))

    def _history(self, stage: str, spec: str, wanted: Wanted) -> pa.Table:
        live = self._live(stage, spec, wanted)
        folds = sum(bool(part.replaces) for part in live)
        tables = [part.table for part in live]
        del live  # what is put together needs their memory
        table = together(tables, f"stage {stage!r}, spec {spec!r}")
        # Only folds of the same parts, made at the same time, hold a row twice.
        return distinct(table) if folds > 1 else table

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
            else:
                wanted = wanted._replace(once=True)
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
            known = {e.name: self._reader.at_hand(stage, spec, e.name, wanted) for e in batch}
            far = [entry for entry in batch if known[entry.name] is None]
            read = self._map(lambda e: self._try(stage, spec, e.name, wanted), far)
            fetched = {entry.name: got for entry, got in zip(far, read, strict=True)}
            for entry in batch:
                got = known[entry.name] or fetched[entry.name]
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
        with ThreadPoolExecutor(_READERS if self.backend.remote else _DISK_READERS) as pool:
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


def _chosen(table: pa.Table, columns: Sequence[str] | None) -> list[str] | None:
    """The names that were asked for; None for all."""
    if columns is None:
        return None
    plain = [name for name in columns if name != BLOB_COLUMNS]
    return plain + (blob_columns(table) if BLOB_COLUMNS in columns else [])


def filled(table: pa.Table, columns: Sequence[str] | None) -> pa.Table:
    """These columns; one that nobody wrote is null."""
    if columns is None:
        return table
    for name in columns:
        if name not in table.column_names:
            table = table.append_column(name, pa.nulls(len(table)))
    return table.select(columns)
