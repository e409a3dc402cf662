"""Rows of which a column is read when it is first asked for, and then held as small as can be."""

from collections.abc import Callable, Sequence

import pyarrow as pa
import pyarrow.compute as pc

Read = Callable[[Sequence[str]], pa.Table]
_SAMPLE = 10_000
"""Values that are looked at to tell whether a column's texts repeat."""


class Columns:
    """All rows, in their order; ``read`` gives further columns of the same rows."""

    def __init__(self, names: Sequence[str], rows: pa.Table, read: Read | None = None) -> None:
        self.names = list(names)
        self._rows = len(rows)
        self._read = read
        self._kinds = {name: rows[name].type for name in rows.column_names}
        self._held = {name: _small(rows[name]) for name in rows.column_names}

    def __len__(self) -> int:
        return self._rows

    def table(self, names: Sequence[str], order: pa.Array | None = None) -> pa.Table:
        """These columns, of the rows in this order, or of all."""
        absent = [name for name in names if name not in self._held]
        if absent and self._read is not None:
            rows = self._read(absent)
            for name in absent:
                self._kinds[name] = rows[name].type
                self._held[name] = _small(rows[name])
        found = {}
        for name in names:
            column = self._held[name] if order is None else self._held[name].take(order)
            found[name] = _plain(column, self._kinds[name])
        return pa.table(found)


def _small(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Texts that repeat as numbers: a word of a million rows is held once."""
    if not pa.types.is_string(column.type) or len(column) < _SAMPLE:
        return column
    if pc.count_distinct(column.slice(0, _SAMPLE)).as_py() > _SAMPLE // 10:
        return column
    coded = column.dictionary_encode()
    few = all(len(chunk.dictionary) < len(chunk) // 4 for chunk in coded.chunks)
    return coded if few else column


def _plain(column: pa.ChunkedArray, kind: pa.DataType) -> pa.ChunkedArray:
    return column if column.type == kind else pc.cast(column, kind)
