"""The figures of a report as tables, for CSV, Parquet and JSON; shares are 0 to 1."""

import io
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, fields, is_dataclass
from math import isfinite
from typing import Any

import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from varifactory.grid import Stratum
from varifactory.statistics import Interval
from varifactory.study.datasets import DatasetFigures
from varifactory.study.figures import Arm, Comparison, Study

Row = dict[str, Any]


def tables(study: Study, datasets: Sequence[DatasetFigures] = ()) -> Mapping[str, pa.Table]:
    """Name -> table, a row a figure with its factors; a table without rows is left out."""
    rows: dict[str, list[Row]] = {
        "arms": [_arm(one) for one in study.arms],
        "arm_classes": [
            {**_place(one.stratum, one.arm), "class_name": name, "right": right, "answers": answers}
            for one in study.arms
            for name, (right, answers) in one.by_class.items()
        ],
        "curves": [
            {**_place(one.stratum, one.arm), "line": line, "step": step, "validation_top1": top1}
            for one in study.arms
            for line, curve in enumerate(one.curves)
            for step, top1 in curve
        ],
        "comparisons": [_comparison(one) for one in study.comparisons],
        "mcnemar": [
            {**_asked(one), **_seeds(one, at), **asdict(found)}
            for one in study.comparisons
            for at, found in enumerate(one.mcnemar)
        ],
        "classes": _flat(study.classes),
        "scaling": [
            {**_place(one.stratum, one.arm), "edits": edits, **_interval(top1, "top1")}
            for one in study.scaling
            for edits, top1 in one.points
        ],
        "exponents": [
            {**_place(one.stratum, one.arm), **_interval(one.exponent, "exponent")}
            for one in study.scaling
        ],
        "scaling_classes": [
            {**_place(one.stratum, one.arm), "class_name": name, "verdict": verdict}
            for one in study.scaling
            for name, verdict in one.classes.items()
        ],
        "ranking": _flat(study.ranking),
        "checks": _flat(study.checks),
        "confounds": _flat(study.confounds),
    }
    for name in ("yields", "presences", "shared_presences", "pairs", "judge_words", "kappas"):
        rows[name] = [
            {"data_set": one.name, "version": one.version, **row}
            for one in datasets
            for row in _flat(getattr(one, name))
        ]
    rows["confusions"] = [row for one in datasets for row in _confusions(one)]
    rows["masks"] = [
        {"data_set": one.name, "version": one.version, "true_iou": iou}
        for one in datasets
        if one.masks
        for iou in one.masks.ious
    ]
    return {name: pa.Table.from_pylist(found) for name, found in rows.items() if found}


def _place(stratum: Stratum, arm: str) -> Row:
    return {**asdict(stratum), "arm": arm}


def _asked(one: Comparison) -> Row:
    return {
        **_place(one.stratum, one.arm), "other": one.other, "question": one.question,
        "value": one.values[0], "other_value": one.values[1],
    }  # fmt: skip


def _seeds(one: Comparison, at: int) -> Row:
    """Of a pair of cells; unknown where the comparison does not name its pairs."""
    generation, training = one.pairs[at] if one.pairs else (None, None)
    return {"pair": at, "generation_seed": generation, "seed": training}


def _interval(found: Interval | None, name: str) -> Row:
    parts = ("estimate", "low", "high")
    values = [getattr(found, part) for part in parts] if found else [None] * 3
    return dict(zip((name, f"{name}_low", f"{name}_high"), values, strict=True))


def _arm(one: Arm) -> Row:
    flat = _flat_one(one)
    for name in ("by_class", "curves"):
        flat.pop(name)
    return flat


def _comparison(one: Comparison) -> Row:
    flat = _flat_one(one)
    for name in ("effect", "mcnemar", "values", "pairs"):
        flat.pop(name)
    effect = {f"effect_{name}": value for name, value in asdict(one.effect).items()}
    return {**flat, "value": one.values[0], "other_value": one.values[1], **effect}


def _flat(rows: Iterable[Any]) -> list[Row]:
    return [_flat_one(row) for row in rows]


def _flat_one(row: Any) -> Row:
    """A column a field; intervals take three, a stratum one each of its factors."""
    flat: Row = {}
    for column in fields(row):
        value = getattr(row, column.name)
        if isinstance(value, Stratum):
            flat |= asdict(value)
        elif isinstance(value, Interval) or (value is None and _measures(row, column.name)):
            flat |= _interval(value, column.name)
        elif isinstance(value, Mapping):
            flat[column.name] = json.dumps(dict(value), ensure_ascii=False)
        elif isinstance(value, tuple):
            flat[column.name] = ", ".join(map(str, value)) if _plain_row(value) else None
        else:
            flat[column.name] = value
    return flat


def _plain_row(value: tuple[Any, ...]) -> bool:
    return not any(is_dataclass(one) or isinstance(one, tuple) for one in value)


def _measures(row: Any, name: str) -> bool:
    """Whether a field that is None would be an interval."""
    return "Interval" in str(next(one.type for one in fields(row) if one.name == name))


def _confusions(one: DatasetFigures) -> list[Row]:
    return [
        {"data_set": one.name, "version": one.version, "table": found.title, "true": truth,
         "seen": seen, "count": count}
        for found in one.confusions
        for truth, counts in zip(found.truths, found.counts, strict=True)
        for seen, count in zip(found.seen, counts, strict=True)
    ]  # fmt: skip


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


def as_json(study: Study, datasets: Sequence[DatasetFigures], title: str, verdict: str) -> bytes:
    """All figures, for programs; what is not finite is null."""
    told = {
        "title": title,
        "verdict": verdict,
        "study": _finite(asdict(study)),
        "datasets": [_finite(asdict(one)) for one in datasets],
    }
    return json.dumps(told, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()


def _finite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _finite(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(one) for one in value]
    if isinstance(value, float) and not isfinite(value):
        return None
    return value
