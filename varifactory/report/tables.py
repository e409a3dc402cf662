"""The figures of a report as tables, for CSV, Parquet and JSON; shares are 0 to 1."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict

import pyarrow as pa

from varifactory.report.packing import Row, as_json, flat, flat_row, interval_columns
from varifactory.study.datasets import DatasetFigures
from varifactory.study.figures import Arm, Comparison, Study
from varifactory.training.grid import Stratum


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
        "classes": flat(study.classes),
        "scaling": [
            {**_place(one.stratum, one.arm), "edits": edits, **interval_columns(top1, "top1")}
            for one in study.scaling
            for edits, top1 in one.points
        ],
        "exponents": [
            {**_place(one.stratum, one.arm), **interval_columns(one.exponent, "exponent")}
            for one in study.scaling
        ],
        "scaling_classes": [
            {**_place(one.stratum, one.arm), "class_name": name, "verdict": verdict}
            for one in study.scaling
            for name, verdict in one.classes.items()
        ],
        "ranking": flat(study.ranking),
        "checks": flat(study.checks),
        "confounds": flat(study.confounds),
    }
    for name in ("yields", "presences", "shared_presences", "pairs", "judge_words", "kappas"):
        rows[name] = [
            {"data_set": one.name, "version": one.version, **row}
            for one in datasets
            for row in flat(getattr(one, name))
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


def _arm(one: Arm) -> Row:
    found = flat_row(one)
    for name in ("by_class", "curves"):
        found.pop(name)
    return found


def _comparison(one: Comparison) -> Row:
    found = flat_row(one)
    for name in ("effect", "mcnemar", "values", "pairs"):
        found.pop(name)
    effect = {f"effect_{name}": value for name, value in asdict(one.effect).items()}
    return {**found, "value": one.values[0], "other_value": one.values[1], **effect}


def _confusions(one: DatasetFigures) -> list[Row]:
    return [
        {"data_set": one.name, "version": one.version, "table": found.title, "true": truth,
         "seen": seen, "count": count}
        for found in one.confusions
        for truth, counts in zip(found.truths, found.counts, strict=True)
        for seen, count in zip(found.seen, counts, strict=True)
    ]  # fmt: skip


def study_json(study: Study, datasets: Sequence[DatasetFigures], title: str, verdict: str) -> bytes:
    """All figures, for programs."""
    return as_json({"title": title, "verdict": verdict, "study": study, "datasets": datasets})
