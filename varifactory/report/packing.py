"""Figures as files: frozen dataclasses become flat rows, tables CSV and Parquet, all of it JSON."""

import io
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, fields, is_dataclass
from math import isfinite
from typing import Any

import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from varifactory.statistics import Interval
from varifactory.training.grid import Stratum

Row = dict[str, Any]
FOLDER = "tables"
"""Beside the page."""


def packed_files(found: Mapping[str, pa.Table], named: str, everything: bytes) -> dict[str, bytes]:
    """Path beside a page -> file: every table as CSV and Parquet, all figures as ``named``."""
    files = {}
    for name, table in found.items():
        files[f"{FOLDER}/{name}.csv"] = as_csv(table)
        files[f"{FOLDER}/{name}.parquet"] = as_parquet(table)
    return {**files, named: everything}


def interval_columns(found: Interval | None, name: str) -> Row:
    """An interval as three columns, null where there is none."""
    parts = ("estimate", "low", "high")
    values = [getattr(found, part) for part in parts] if found else [None] * 3
    return dict(zip((name, f"{name}_low", f"{name}_high"), values, strict=True))


def flat(rows: Iterable[Any]) -> list[Row]:
    """Each as ``flat_row`` tells it."""
    return [flat_row(row) for row in rows]


def flat_row(row: Any) -> Row:
    """A column a field; intervals take three, a stratum one each of its factors."""
    found: Row = {}
    for column in fields(row):
        value = getattr(row, column.name)
        if isinstance(value, Stratum):
            found |= asdict(value)
        elif isinstance(value, Interval) or (value is None and _measures(row, column.name)):
            found |= interval_columns(value, column.name)
        elif isinstance(value, Mapping):
            found[column.name] = json.dumps(dict(value), ensure_ascii=False)
        elif isinstance(value, tuple):
            found[column.name] = ", ".join(map(str, value)) if _plain_row(value) else None
        else:
            found[column.name] = value
    return found


def _plain_row(value: tuple[Any, ...]) -> bool:
    return not any(is_dataclass(one) or isinstance(one, tuple) for one in value)


def _measures(row: Any, name: str) -> bool:
    """Whether a field that is None would be an interval."""
    return "Interval" in str(next(one.type for one in fields(row) if one.name == name))


def as_csv(table: pa.Table) -> bytes:
    """A table as CSV with a head."""
    stream = io.BytesIO()
    pa_csv.write_csv(table, stream)
    return stream.getvalue()


def as_parquet(table: pa.Table) -> bytes:
    """A table as Parquet."""
    stream = io.BytesIO()
    pq.write_table(table, stream, compression="zstd")
    return stream.getvalue()


def as_json(told: Mapping[str, Any]) -> bytes:
    """Figures, dataclasses among them, for programs; what is not finite is null."""
    found = _finite(told)
    return json.dumps(found, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()


def _finite(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return _finite(asdict(value))
    if isinstance(value, Mapping):
        return {str(key): _finite(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(one) for one in value]
    if isinstance(value, float) and not isfinite(value):
        return None
    return value
