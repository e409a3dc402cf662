"""The figures of a diagnosis as tables and JSON; shares are 0 to 1."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any

import pyarrow as pa

from varifactory.diagnosis.figures import Diagnosis
from varifactory.metrics import Measure
from varifactory.report.diagnosis.opening import headline, opening
from varifactory.report.packing import Row, as_json, flat_row, packed_files

ALL = "diagnosis.json"
"""All figures, beside the page."""


def diagnosis_files(found: Diagnosis) -> Mapping[str, bytes]:
    """Path beside the page -> file: every table as CSV and Parquet, and all figures as JSON."""
    everything = as_json({"verdict": headline(found), **asdict(found)})
    return packed_files(tables(found), ALL, everything)


def tables(found: Diagnosis) -> Mapping[str, pa.Table]:
    """Name -> table, a row a figure; a table without rows is left out."""
    rows: dict[str, list[Row]] = {
        "flags": [{"class": one.label, "attribute": one.attribute, "issue": one.issue,
                   "kind": one.kind, "sentence": one.sentence, "advice": one.advice}
                  for one in found.flags],
        "evidence": [
            {"class": one.label, "attribute": one.attribute, "issue": one.issue, **row}
            for one in found.flags for row in _measures(one.evidence)
        ],
        "images": [
            {"class": one.label, "attribute": one.attribute, "issue": one.issue,
             "image": seen.pixels, "blob": seen.blob, "said": seen.said}
            for one in found.flags for seen in one.images
        ],
        "measures": [
            {"class": one.label, "attribute": one.attribute, **row}
            for one in found.groups for row in _measures(one.measures.values())
        ],
        "confusers": [
            {"class": one.label, "attribute": one.attribute, "taken_for": name, "share": share}
            for one in found.groups for name, share in one.confusers
        ],
        "whole": _measures(found.whole),
        "geometry": _measures(found.geometry),
        "copies": [asdict(one) for one in found.copies],
        "memorised": _measures([found.memorised] if found.memorised else []),
        "curve": [
            {"fraction": one.fraction, "kept": one.n, **flat_row(one.overlap)}
            for one in found.curve
        ],
        "realism": [{"image": one.pixels, "class": one.label, "realism": one.realism}
                    for one in found.realism],
        "senses": [
            {"class": name, "sense": sense, "margin": margin}
            for name, sense, margin in found.senses
        ],
    }  # fmt: skip
    return {name: pa.Table.from_pylist(some) for name, some in rows.items() if some}


def told(found: Diagnosis) -> dict[str, Any]:
    """What the head of the page says, and the flags with their figures, for programs."""
    head = opening(found)
    return {
        "diagnosis": found.title,
        "verdict": head.headline,
        "lead": list(head.lead),
        "encoder": found.encoder,
        "synthetic": found.n,
        "real": found.n_real,
        "flags": [
            {"class": one.label, "attribute": one.attribute, "issue": one.issue, "kind": one.kind,
             "sentence": one.sentence, "advice": one.advice, "evidence": _measures(one.evidence),
             "images": [seen.pixels for seen in one.images]}
            for one in found.flags
        ],
        "whole": _measures(found.whole),
        "copies": len(found.copies),
        "notes": list(found.notes),
    }  # fmt: skip


def _measures(found: Iterable[Measure]) -> list[Row]:
    return [flat_row(one) for one in found]
