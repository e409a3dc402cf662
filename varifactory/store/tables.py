"""Tables of stages: parts are appended, folded and hidden, never changed."""

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from varifactory.store import names
from varifactory.store.errors import PartDamaged, StoreError
from varifactory.store.grouping import Grouping
from varifactory.store.parts import Part, PartRef, encode
from varifactory.store.rows import TOMBSTONE, distinct, prepared, together, tombstones


class Tables(Grouping):
    """Rows by stage and spec, written."""

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
