"""Rows of stages: what a part may hold, and which row counts for one key.

A row's identity is its key and its ``first_part``. For one key a tombstone hides the rows whose
first parts it saw (clocks of different machines are never compared for that); then ``ok`` and
``rejected`` beat ``failed`` and ``skipped``; then the earliest; then the smallest first part.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from varifactory.records import DONE, STATUSES
from varifactory.store.errors import StoreError

TOMBSTONE = "tombstone"
HIDES = "hides"
TIME = pa.timestamp("us", tz="UTC")
_LARGE = 100_000
"""Rows of a table that is put together with care for memory."""
BASE = pa.schema(
    [
        ("key", pa.string()),
        ("status", pa.string()),
        ("made_at", TIME),
        ("first_part", pa.string()),
        ("reason", pa.string()),
    ]
)
BLOB_PATTERN = r"^[0-9a-f]{64}\.[a-z0-9]{1,16}$"


def blob_columns(table: pa.Table) -> list[str]:
    """The columns that name blobs."""
    return [name for name in table.column_names if blob_name(name)]


def blob_name(column: str) -> bool:
    """Whether a column of this name names blobs."""
    return column.endswith("_blob")


def prepared(table: pa.Table, where: str) -> pa.Table:
    """A fresh table as it may be stored: base columns there, checked and of their types.

    A missing or null ``made_at`` becomes now, a null ``reason`` empty.

    Raises:
        StoreError: naming ``where``, the column and the value that is wrong.
    """
    table = _plain_types(table)
    now = pa.scalar(datetime.now(UTC), type=TIME)
    for field in BASE:
        if field.name not in table.column_names and field.name not in ("key", "status"):
            table = table.append_column(field, pa.nulls(len(table), field.type))
    _check(table, where)
    table = _set(table, "made_at", pc.fill_null(pc.cast(table["made_at"], TIME), now))
    table = _set(table, "reason", pc.fill_null(pc.cast(table["reason"], pa.string()), ""))
    return _set(table, "first_part", pa.nulls(len(table), pa.string()))


def _plain_types(table: pa.Table) -> pa.Table:
    """Dictionaries and large strings as plain strings: parts of one stage must fit together."""
    for index, field in enumerate(table.schema):
        kind = field.type.value_type if pa.types.is_dictionary(field.type) else field.type
        texts = field.name.endswith("_blob") or field.name in BASE.names
        if pa.types.is_large_string(kind) or (pa.types.is_null(kind) and texts):
            kind = pa.string()
        if kind != field.type:
            table = table.set_column(index, field.with_type(kind), pc.cast(table[field.name], kind))
    return table


def _check(table: pa.Table, where: str) -> None:
    absent = [name for name in ("key", "status") if name not in table.column_names]
    if absent or not len(table):
        raise StoreError(f"{where}: a table of at least one row with {absent or 'rows'} is needed")
    _refuse(table["key"], pc.fill_null(pc.equal(table["key"], ""), True), where, "has an empty key")
    known = pc.is_in(table["status"], value_set=pa.array([*STATUSES, TOMBSTONE]))
    _refuse(table["status"], pc.invert(known), where, f"has a status beyond {STATUSES}")
    if table["first_part"].null_count != len(table):
        raise StoreError(f"{where}: first_part is filled; only a fold may keep it")
    if pc.count_distinct(table["key"]).as_py() != len(table):
        counts = table["key"].value_counts()
        twice = counts.filter(pc.greater(counts.field("counts"), 1))[0]["values"].as_py()
        raise StoreError(f"{where}: key {twice!r} comes twice; merge equal items before storing")
    for name in blob_columns(table):
        odd = pc.invert(pc.match_substring_regex(table[name], BLOB_PATTERN))
        _refuse(table[name], pc.fill_null(odd, False), where, f"names no blob in {name}")


def _refuse(column: pa.ChunkedArray, wrong: pa.ChunkedArray, where: str, what: str) -> None:
    if pc.any(wrong).as_py():
        first = column.filter(wrong)[0].as_py()
        raise StoreError(f"{where}: a row {what}: {first!r}")


def with_first_part(table: pa.Table, part_hash: str) -> pa.Table:
    """The table with null first parts filled in: rows that were first written in this part."""
    if table["first_part"].null_count == 0:
        return table
    return _set(table, "first_part", pc.fill_null(table["first_part"], part_hash))


def tombstones(hides: dict[str, set[str]], reason: str) -> pa.Table:
    """One tombstone a key, hiding its rows of the given first parts."""
    keys = sorted(hides)
    now = datetime.now(UTC)
    return pa.table(
        {
            "key": pa.array(keys, pa.string()),
            "status": pa.repeat(TOMBSTONE, len(keys)),
            "made_at": pa.array([now] * len(keys), TIME),
            "first_part": pa.nulls(len(keys), pa.string()),
            "reason": pa.repeat(reason, len(keys)),
            HIDES: pa.array([sorted(hides[key]) for key in keys], pa.list_(pa.string())),
        }
    )


def together(tables: list[pa.Table], where: str) -> pa.Table:
    """The tables as one, taken out of the list; a column that some lack is null there.

    Raises:
        StoreError: if a column has types that do not fit together.
    """
    if not tables:
        return BASE.empty_table()
    try:
        if sum(len(table) for table in tables) < _LARGE:
            return _joined(tables)
        return _joined_by_column(tables)
    except MemoryError:  # of Arrow's kind too
        raise
    except pa.ArrowException as error:
        raise StoreError(
            f"{where}: its parts do not fit together ({error}); raise the stage's version, so that "
            "new rows get a spec of their own"
        ) from error


def _joined(tables: list[pa.Table]) -> pa.Table:
    return pa.concat_tables(tables, promote_options="permissive").combine_chunks()


def _joined_by_column(tables: list[pa.Table]) -> pa.Table:
    """The same, one column after another, so that never all of a large table is there twice."""
    order = dict.fromkeys(name for table in tables for name in table.column_names)
    counts = [len(table) for table in tables]
    columns = [dict(zip(table.column_names, table.columns, strict=True)) for table in tables]
    tables.clear()
    found = []
    for name in order:
        pieces = [held.pop(name, None) for held in columns]
        found.append(_joined([
            pa.table({name: pa.nulls(count) if piece is None else piece})
            for piece, count in zip(pieces, counts, strict=True)
        ])[name])  # fmt: skip
    return pa.table(dict(zip(order, found, strict=True)))


def distinct(table: pa.Table) -> pa.Table:
    """One row an identity, sorted by key and first part: overlapping folds hold rows twice."""
    if not len(table):
        return table
    keys, firsts = _ranks(table["key"]), _ranks(table["first_part"])
    order = np.lexsort((firsts, keys))
    keys, firsts = keys[order], firsts[order]
    new = np.ones(len(order), dtype=bool)
    new[1:] = (keys[1:] != keys[:-1]) | (firsts[1:] != firsts[:-1])
    return table.take(pa.array(order[new]))


def winners(table: pa.Table, columns: Sequence[str] | None = None) -> pa.Table:
    """The row that counts for each key, sorted by key; without tombstones and what they hide.

    ``columns`` are those to give back, so that the others are not copied.
    """
    table = visible(table)
    if HIDES in table.column_names:
        table = table.drop_columns([HIDES])
    given = table if columns is None else table.select(columns)
    keys = table["key"]
    if len(table) < 2 or pc.all(pc.less(keys.slice(0, len(keys) - 1), keys.slice(1))).as_py():
        return given  # a fold's rows come sorted, and mostly one a key
    order = pc.sort_indices(keys)
    keys = keys.take(order)
    same = pc.equal(keys.slice(0, len(keys) - 1), keys.slice(1)).to_numpy()
    del keys
    if not same.any():
        held, schema = given.columns, given.schema
        del table, given
        return _taken(held, schema, order)
    alike = np.zeros(len(order), dtype=bool)  # rows whose key comes more than once
    alike[1:] |= same
    alike[:-1] |= same
    order = order.to_numpy()
    keep = ~alike
    keep[np.flatnonzero(alike)[_best(table.take(pa.array(order[alike])))]] = True
    return given.take(pa.array(order[keep]))


def _taken(columns: list[pa.ChunkedArray], schema: pa.Schema, order: pa.Array) -> pa.Table:
    """The rows in this order, a column after the other, each of which is then let go."""
    columns.reverse()
    return pa.table([columns.pop().take(order) for _ in range(len(columns))], schema=schema)


def _best(table: pa.Table) -> "np.ndarray[Any, np.dtype[np.int64]]":
    """The place of the row that counts, for each key."""
    ranks = _ranks(table["key"])
    order = np.lexsort(
        (
            _ranks(table["first_part"]),
            pc.cast(table["made_at"], pa.int64()).to_numpy(),
            pc.invert(pc.is_in(table["status"], value_set=pa.array(DONE))).to_numpy(),
            ranks,
        )
    )
    ranks = ranks[order]
    best = np.ones(len(order), dtype=bool)
    best[1:] = ranks[1:] != ranks[:-1]
    found: np.ndarray[Any, np.dtype[np.int64]] = order[best]
    return found


def visible(table: pa.Table) -> pa.Table:
    is_tombstone = pc.equal(table["status"], TOMBSTONE)
    if not pc.any(is_tombstone).as_py():
        return table
    stones = table.filter(is_tombstone).combine_chunks()
    rows = table.filter(pc.invert(is_tombstone))
    if HIDES not in stones.column_names:
        return rows
    hides = stones[HIDES].combine_chunks()
    owners = stones["key"].take(pc.list_parent_indices(hides))
    hidden = _identity(owners, pc.list_flatten(hides))
    seen = pc.is_in(_identity(rows["key"], rows["first_part"]), value_set=hidden)
    return rows.filter(pc.invert(seen)).combine_chunks()


def _identity(keys: Any, first_parts: Any) -> Any:
    joined = pc.binary_join_element_wise(keys, first_parts, "|")
    return joined.combine_chunks() if isinstance(joined, pa.ChunkedArray) else joined


def _ranks(column: pa.ChunkedArray) -> "np.ndarray[Any, np.dtype[np.int64]]":
    """For each string its place among the distinct ones: integers sort ten times faster."""
    coded = column.combine_chunks().dictionary_encode()
    if isinstance(coded, pa.ChunkedArray):
        coded = coded.chunk(0)
    place = np.empty(len(coded.dictionary), dtype=np.int64)
    place[pc.sort_indices(coded.dictionary).to_numpy()] = np.arange(len(place))
    ranked: np.ndarray[Any, np.dtype[np.int64]] = place[coded.indices.to_numpy()]
    return ranked


def _set(table: pa.Table, name: str, values: Any) -> pa.Table:
    index = table.schema.get_field_index(name)
    return table.set_column(index, table.schema.field(index).with_type(values.type), values)


def unique(arrays: Iterable[Any]) -> pa.Array:
    """The texts of all arrays, plain or chunked, each once; nulls left out."""
    chunks: list[pa.Array] = []
    for array in arrays:
        chunks += array.chunks if isinstance(array, pa.ChunkedArray) else [array]
    return pc.unique(pa.chunked_array(chunks, pa.string()).drop_null())
