"""Expressions of people over the rows of a stage."""

import pyarrow as pa
import pytest

from varifactory.runs.where import WhereError, matching

ROWS = pa.table({
    "key": ["a", "b", "c"],
    "status": ["ok", "failed", "failed"],
    "error_type": [None, "BlobLost", "ValueError"],
    "seed": [1, 2, 3],
})  # fmt: skip


@pytest.mark.parametrize(
    ("expression", "found"),
    [
        ("error_type = 'BlobLost'", {"b"}),
        ("status = 'failed' and seed > 2", {"c"}),
        ("key in ('a', 'c') or seed = 2", {"a", "b", "c"}),
        ("error_type like 'Blob%'", {"b"}),
        ("seed = (select max(seed) from ledger)", {"c"}),
        ("error_type is null and false", set()),
    ],
)
def test_a_condition_finds_rows(expression: str, found: set[str]) -> None:
    assert matching(ROWS, expression, "edits") == found


@pytest.mark.parametrize(
    ("expression", "told"),
    [
        ("colour = 'red'", "colour"),
        ("seed = = 2", "syntax error"),
        ("seed > 1) or (true", "syntax error"),
        ("seed > 1; drop table ledger", "expression"),
        ("true limit 1", "expression"),
        ("count(*) > 1", "aggregates"),
        ("sed > 2", "sed"),
    ],
)
def test_what_is_wrong_is_told_with_the_columns(expression: str, told: str) -> None:
    with pytest.raises(WhereError, match=r"columns of stage edits: key, status") as error:
        matching(ROWS, expression, "edits")
    assert told in str(error.value)
    assert repr(expression) in str(error.value)


SECRET = {"key": ["never shown"]}


@pytest.mark.parametrize(
    "expression",
    [
        "(select content from read_text('/etc/hostname')) is not null",
        "exists (select * from '/etc/hostname')",
        "exists (select * from read_csv('/etc/hostname'))",
        "exists (select * from glob('/etc/*'))",
        "exists (select * from 'https://127.0.0.1:1/rows.parquet')",
        "exists (select * from ROWS)",
        "getenv('HOME') is not null",
        "set enable_external_access = true",
    ],
)
def test_nothing_but_the_rows_is_in_reach(expression: str) -> None:
    with pytest.raises(WhereError):
        matching(ROWS, expression, "edits")


def test_what_takes_too_long_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("varifactory.runs.where.SECONDS", 0.2)
    endless = "(select count(*) from range(1000000) a, range(1000000) b) > 1"
    with pytest.raises(WhereError, match=r"not done within 0 s"):
        matching(ROWS, endless, "edits")
