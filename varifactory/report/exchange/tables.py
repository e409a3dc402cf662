"""The figures of an exchange rate as tables, for CSV, Parquet and JSON; shares are 0 to 1."""

from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from varifactory.exchange.figures import Curve, ExchangeRate, Fit, Substitution
from varifactory.report.packing import (
    Row,
    as_json,
    flat,
    flat_row,
    interval_columns,
    packed_files,
)

PAGE, TOLD = "exchange-rate.html", "exchange-rate.json"
"""The page, and all its figures for programs; beside them lie the tables."""


def exchange_files(found: ExchangeRate) -> dict[str, bytes]:
    """Path beside the page -> file: every table as CSV and Parquet, and all figures as JSON."""
    return packed_files(tables(found), TOLD, as_json({"verdict": found.verdict, "rate": found}))


def tables(found: ExchangeRate) -> Mapping[str, pa.Table]:
    """Name -> table, a row a figure; a table without rows is left out."""
    rows: dict[str, list[Row]] = {
        "rates": flat(found.rates),
        "curves": [row for one in found.curves for row in _measured(one)],
        "fitted": [
            {"pool": one.pool, "base": one.base, "multiple": multiple, "top1": top1}
            for one in found.curves
            for multiple, top1 in one.fitted
        ],
        "fits": [_fit(one) for one in found.fits],
        "parameters": [
            {"pool": one.pool, "form": one.form, **flat_row(parameter)}
            for one in found.fits
            for parameter in one.parameters
        ],
        "ceilings": [{"pool": row.pop("name"), **row} for row in map(flat_row, found.ceilings)],
        "substitutions": [_substitution(one, found.confidence) for one in found.substitutions],
        "controls": flat(found.controls),
        "more_seeds": [
            {"pool": pool, "seeds": len(found.seeds), "further_seeds": more}
            for pool, more in found.more_seeds.items()
        ],
    }
    return {name: pa.Table.from_pylist(told) for name, told in rows.items() if told}


def _measured(one: Curve) -> list[Row]:
    return [
        {"pool": one.pool, "base": one.base, "multiple": multiple,
         **interval_columns(top1, "top1")}
        for multiple, top1 in one.points
    ]  # fmt: skip


def _fit(one: Fit) -> Row:
    row = flat_row(one)
    row.pop("parameters")
    return row


def _substitution(one: Substitution, confidence: float) -> Row:
    row: dict[str, Any] = {"pool": one.pool, "base": one.base, "share": one.share}
    return {**row, **interval_columns(one.effect.interval(confidence), "difference"),
            **interval_columns(one.worth, "worth")}  # fmt: skip
