"""Rows in which two versions differ."""

from typing import Any

import pyarrow as pa

from varifactory import records
from varifactory.changes import changes


def items(*rows: dict[str, Any]) -> pa.Table:
    return records.table("items", [{"kind": "edit", "status": "ok", **row} for row in rows])


def test_equal_rows_are_the_same_whatever_their_order_and_provenance() -> None:
    first = items({"key": "a", "run": "one"}, {"key": "b"})
    second = items({"key": "b"}, {"key": "a", "run": "two", "seconds": 3.0})
    found = changes(first, second)
    assert (found.rows, found.same) == ((), 2)


def test_what_is_gone_added_and_altered_is_told_apart() -> None:
    first = items({"key": "a"}, {"key": "b", "reason": "then"}, {"key": "c"}, {"key": "d"})
    second = items({"key": "b", "reason": "now"}, {"key": "c"}, {"key": "d", "presence": 0.5},
                   {"key": "e"})  # fmt: skip
    found = changes(first, second)
    assert [row["key"] for row in found.gone] == ["a"]
    assert [row["key"] for row in found.added] == ["e"]
    assert [(row["key"], row["reason"]) for row in found.altered] == [("b", "now"), ("d", None)]
    assert found.same == 1


def test_a_column_that_an_old_version_lacks_is_null_there() -> None:
    old = items({"key": "a"}, {"key": "b"}).drop_columns(["judgements"])
    new = items({"key": "a"}, {"key": "b", "judgements": "[]"})
    assert [row["key"] for row in changes(old, new).altered] == ["b"]
