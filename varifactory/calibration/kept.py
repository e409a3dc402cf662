"""Where samples, labels and figures are kept: beside the data set version they speak of."""

import json
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from varifactory.calibration.figures import CalibrationFigures, figures_of
from varifactory.calibration.labels import Labels
from varifactory.calibration.sampling import CalibrationError, Sample
from varifactory.store import Store, StoreMissing

FOLDER = "calibration"
LATEST = f"{FOLDER}/figures.json"
"""The figures that a card and a report show: of the sheet that was read last."""


def keep_sample(store: Store, sample: Sample) -> str:
    """Keep what was drawn, with the chances that people are not shown; where it lies."""
    data = sample.model_dump_json(indent=1).encode()
    return store.put_export(sample.dataset, sample.version, _path(sample.id, "sample.json"), data)


def read_sample(store: Store, dataset: str, version: int, sample: str) -> Sample:
    """What was drawn.

    Raises:
        CalibrationError: no such sample in this store, or it cannot be read.
    """
    path = _path(sample, "sample.json")
    try:
        return Sample.model_validate_json(store.get_export(dataset, version, path))
    except StoreMissing:
        raise CalibrationError(
            f"the sheet is of the sample {dataset}@{version}/{sample}, which this store does not "
            "have: give the store it was drawn from (--store)"
        ) from None
    except ValidationError as error:
        raise CalibrationError(f"{path} is no sample of this version: {error}") from None


def keep_figures(store: Store, sample: Sample, labels: Labels, figures: CalibrationFigures) -> str:
    """Keep labels and figures; where the figures lie."""
    said = {"labels": labels.by_rater, "missing": labels.missing}
    found = json.dumps(figures.as_json(), indent=1).encode()
    name, version = sample.dataset, sample.version
    store.put_export(name, version, _path(sample.id, "labels.json"), _json(said))
    store.put_export(name, version, _path(sample.id, "figures.json"), found)
    return store.put_export(name, version, LATEST, found)


def latest(store: Store, dataset: str, version: int) -> CalibrationFigures | None:
    """The figures of a version; None where nobody labelled any of it."""
    try:
        return figures_of(json.loads(store.get_export(dataset, version, LATEST)))
    except StoreMissing:
        return None
    except (ValueError, KeyError, TypeError) as error:
        raise CalibrationError(
            f"{store.export_path(dataset, version, LATEST)} cannot be read ({error}): read the "
            "sheet again (varifactory calibrate read)"
        ) from None


def _path(sample: str, name: str) -> str:
    return f"{FOLDER}/{sample}/{name}"


def _json(data: Mapping[str, Any]) -> bytes:
    return json.dumps(data, indent=1, ensure_ascii=False).encode()
