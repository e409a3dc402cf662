"""Which rows of a data set are others in its next version: looked up, never assumed."""

from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from varifactory import records
from varifactory.stages import Row


@dataclass(frozen=True, slots=True)
class Changes:
    """The rows in which two versions differ; provenance is not looked at."""

    gone: tuple[Row, ...]
    added: tuple[Row, ...]
    altered: tuple[Row, ...]
    """Rows whose key is in both, and something else is not the same; as they are now."""
    same: int

    @property
    def rows(self) -> tuple[Row, ...]:
        """All that differ."""
        return (*self.gone, *self.added, *self.altered)


def changes(before: pa.Table, after: pa.Table) -> Changes:
    """How two versions' items differ.

    Args:
        before: items of the older version, one row a key.
        after: items of the newer.
    """
    first, second = (_plain(table) for table in (before, after))
    in_both = pc.is_in(second["key"], value_set=first["key"])
    gone = first.filter(pc.invert(pc.is_in(first["key"], value_set=second["key"])))
    added = second.filter(pc.invert(in_both))
    kept = first.filter(pc.is_in(first["key"], value_set=second["key"])).sort_by("key")
    other = second.filter(in_both).sort_by("key")
    altered = other.filter(_differing(kept, other))
    rows = [tuple(table.to_pylist()) for table in (gone, added, altered)]
    return Changes(rows[0], rows[1], rows[2], same=len(other) - len(altered))


def _plain(table: pa.Table) -> pa.Table:
    """Every column of an item but provenance, in one order; one that nobody wrote is null."""
    names = [
        field.name for field in records.schema("items") if field.name not in records.PROVENANCE
    ]
    columns = {
        name: table[name] if name in table.column_names else pa.nulls(len(table)) for name in names
    }
    return pa.table(columns)


def _differing(first: pa.Table, second: pa.Table) -> pa.Array:
    found = pa.array([False] * len(first))
    for name in first.column_names:
        one, other = first[name].combine_chunks(), second[name].combine_chunks()
        if not one.equals(other):
            other = pc.cast(other, one.type) if pa.types.is_null(other.type) else other
            one = pc.cast(one, other.type)
            same = pc.or_(
                pc.fill_null(pc.equal(one, other), False),
                pc.and_(pc.is_null(one), pc.is_null(other)),
            )
            found = pc.or_(found, pc.invert(same))
    return found
