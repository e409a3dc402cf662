"""What is said of a data set whatever was trained on it: yields, the judge, masks, people."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from varifactory.calibration.figures import CalibrationFigures
from varifactory.calibration.kept import latest
from varifactory.loading import items_table
from varifactory.statistics.kappa import Kappa, unpacked
from varifactory.store import Manifest, Store, StoreError, StoreMissing
from varifactory.yields import (
    Confusion,
    JudgeWords,
    Pairs,
    Presence,
    Yield,
    confusion_of_counts,
    edits_of,
    feasibility_confusion,
    judge_words,
    pairs,
    presences,
    presences_of_rates,
    yields,
)

JUDGES = "judges.json"
"""Export of a version: how far its judges agree."""
ANSWERS = "answers.json"
"""Export of a version: how judge, editors and truth agree, as counts."""
GOOD_IOU = 0.7
MASKS = ("source_key", "predicted_iou", "true_iou")


@dataclass(frozen=True, slots=True)
class MaskFigures:
    """Masks against the exact ones, where a truth is known."""

    count: int
    mean_iou: float
    median_iou: float
    share_good: float
    """Share with an IoU of at least ``GOOD_IOU``."""
    correlation: float | None
    """Of the segmenter's own estimate with the true IoU (Pearson)."""
    ious: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class DatasetFigures:
    """All that is said of one data set version."""

    name: str
    version: int
    dataset_hash: str
    yields: tuple[Yield, ...]
    presences: tuple[Presence, ...]
    shared_presences: tuple[Presence, ...]
    """Of the edits that every editor made."""
    pairs: tuple[Pairs, ...]
    masks: MaskFigures | None
    confusions: tuple[Confusion, ...]
    first_attempts: bool
    """Whether presences are of first attempts, not of those that were kept, which flatter an
    editor that was let try again."""
    kappas: tuple[Kappa, ...]
    """How far the judges of a panel agree."""
    judge_words: tuple[JudgeWords, ...]
    people: CalibrationFigures | None
    """What people's labels of a sample say of the judge."""
    confidence: float


def dataset_figures(
    store: Store, name: str, version: int, confidence: float = 0.95
) -> DatasetFigures:
    """Count them from the store alone; of what it does not hold nothing is said.

    Raises:
        StoreError: no such version, or a part of it is gone or damaged.
    """
    manifest = store.dataset(name, version)
    items = items_table(store, manifest)
    return figures_of(
        manifest,
        items,
        masks=_masks_of(store, manifest, items),
        answers=_answers(store, manifest),
        kappas=between_judges(store, name, version),
        people=latest(store, name, version),
        confidence=confidence,
    )


def figures_of(
    manifest: Manifest,
    items: pa.Table,
    *,
    masks: pa.Table | None = None,
    answers: Mapping[str, Any] | None = None,
    kappas: Sequence[Kappa] = (),
    people: CalibrationFigures | None = None,
    confidence: float = 0.95,
) -> DatasetFigures:
    """The same of what was read before.

    Args:
        manifest: of the version.
        items: its rows, ``records.STAGES["items"]``.
        masks: rows of that stage, of its sources.
        answers: what ``ANSWERS`` holds: rates of first attempts, and controls against the truth.
        kappas: how far its judges agree.
        people: what people's labels of a sample say of the judge.
        confidence: of all intervals.
    """
    edits, told = edits_of(items), answers or {}
    asked = feasibility_confusion(edits)
    rates, shared = told.get("rates") or (), told.get("shared_rates") or ()
    return DatasetFigures(
        name=manifest.name,
        version=manifest.version,
        dataset_hash=manifest.dataset_hash,
        yields=tuple(yields(edits, confidence)),
        presences=tuple(
            presences_of_rates(rates, confidence) if rates else presences(edits, confidence)
        ),
        shared_presences=tuple(
            presences_of_rates(shared, confidence)
            if shared
            else presences(edits, confidence, shared=True)
        ),
        pairs=tuple(pairs(edits)),
        masks=mask_figures(masks),
        confusions=(*_confusions(told), *([asked] if asked else [])),
        first_attempts=bool(rates),
        kappas=tuple(kappas),
        judge_words=tuple(judge_words(edits, confidence)),
        people=people,
        confidence=confidence,
    )


def between_judges(store: Store, name: str, version: int) -> list[Kappa]:
    """How far the judges of a version agree; empty where one alone was asked."""
    try:
        return unpacked(store.get_export(name, version, JUDGES))
    except StoreMissing:
        return []


def _answers(store: Store, manifest: Manifest) -> Mapping[str, Any]:
    try:
        found = json.loads(store.get_export(manifest.name, manifest.version, ANSWERS))
    except StoreMissing:
        return {}
    except (ValueError, RecursionError) as error:
        found = error
    if not isinstance(found, dict):
        raise StoreError(
            f"{ANSWERS} of {manifest.name} version {manifest.version} is no JSON object: remove it "
            "and run the study again, which writes it anew"
        )
    return found


def _masks_of(store: Store, manifest: Manifest, items: pa.Table) -> pa.Table | None:
    """The masks of the version's sources, as the run made them that published it."""
    specs = [name.partition("/")[2] for name in store.specs_of(manifest.run_id)
             if name.startswith("masks/")]  # fmt: skip
    if not specs:
        return None
    found = pa.concat_tables([store.rows("masks", spec, MASKS) for spec in sorted(specs)],
                             promote_options="permissive")  # fmt: skip
    return found.filter(pc.is_in(found["source_key"], value_set=pc.unique(items["source_key"])))


def mask_figures(masks: pa.Table | None) -> MaskFigures | None:
    """None where no mask has an exact one to stand beside."""
    rows = masks.select(MASKS[1:]).to_pylist() if masks is not None else []
    known = [row for row in rows if row["true_iou"] is not None]
    if not known:
        return None
    ious = np.array([row["true_iou"] for row in known], dtype=float)
    both = [
        (row["predicted_iou"], row["true_iou"]) for row in known if row["predicted_iou"] is not None
    ]
    guess = np.array(both, dtype=float).reshape(-1, 2)
    varied = len(guess) > 2 and guess.std(axis=0).min() > 1e-9
    return MaskFigures(
        count=len(known),
        mean_iou=float(ious.mean()),
        median_iou=float(np.median(ious)),
        share_good=float((ious >= GOOD_IOU).mean()),
        correlation=float(np.corrcoef(guess.T)[0, 1]) if varied else None,
        ious=tuple(float(iou) for iou in ious),
    )


def _confusions(answers: Mapping[str, Any]) -> list[Confusion]:
    return [
        confusion_of_counts(
            f"{attribute}: what was drawn, and what the judge measured", counts,
            "Of unedited training images, whose values are known exactly.",
        )
        for attribute, counts in (answers.get("controls") or {}).items()
    ]  # fmt: skip
