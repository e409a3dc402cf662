"""The report of a study, counted anew from the store: no training, no models, no server."""

import json
import posixpath
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from varifactory.history.versions import is_drawn
from varifactory.report.downloads import report_files
from varifactory.report.opening import opening
from varifactory.report.page import render_study
from varifactory.report.writing import write_files
from varifactory.store import Store
from varifactory.store.studies import StudyManifest
from varifactory.study.counting import count_study
from varifactory.study.datasets import DatasetFigures, dataset_figures
from varifactory.study.figures import Comparison, Missing, Study
from varifactory.study.provenance import provenance, small_models

PAGE, TOLD = "report.html", "report.json"
"""The page, and what its head says, for programs; beside them lie the tables."""
GALLERY = "gallery/index.html"


@dataclass(frozen=True, slots=True)
class Report:
    """What a study says, and what it was counted for."""

    manifest: StudyManifest
    study: Study
    datasets: tuple[DatasetFigures, ...]
    machinery: bool
    """Whether all images of it are the built-in world's: then it checks the machinery, no more. Of
    some data sets alone, an alarm of the study names these."""

    @property
    def title(self) -> str:
        return f"{self.manifest.name}, version {self.manifest.version}"

    def told(self) -> dict[str, Any]:
        """What its head says, and the primary comparisons; shares 0 to 1."""
        head = opening(self.study)
        return {
            "study": self.manifest.name,
            "version": self.manifest.version,
            "verdict": head.headline,
            "lead": list(head.lead),
            "alarms": list(head.alarms),
            "machinery": self.machinery,
            "cells": self.study.cells,
            "test_images": dict(self.study.test_images),
            "primary": [_told(one) for one in self.study.comparisons if one.primary],
            "missing": [_lacking(one) for one in self.study.missing],
            "notes": list(self.study.notes),
            "remarks": list(self.study.remarks),
        }


def recounted(store: Store, manifest: StudyManifest) -> Report:
    """Count a study and its data sets from what the store holds.

    Raises:
        StudyError: predictions that contradict themselves.
        StoreError: something that the study rests on is gone or damaged.
    """
    study, places = count_study(store, manifest), sorted(manifest.dataset_versions())
    datasets = tuple(
        dataset_figures(store, name, version, study.plan.confidence) for name, version in places
    )
    drawn = [place for place in places if is_drawn(store.dataset(*place))]
    whole = bool(places) and len(drawn) == len(places)
    if drawn and not whole:
        names = ", ".join(f"{name}, version {version}" for name, version in drawn)
        told = f"Drawn by a program, and no photographs, are the images of {names}."
        study = replace(study, alarms=(*study.alarms, told))
    return Report(manifest, study, datasets, machinery=whole)


def pages_of(store: Store, report: Report, galleries: Mapping[str, str]) -> dict[str, bytes]:
    """Path -> file of the page, what its head says, and the tables beside it.

    ``galleries`` are their addresses as the page links to them.
    """
    files = report_files(report.study, report.datasets, report.title)
    page = render_study(
        report.study,
        report.datasets,
        title=report.title,
        machinery=report.machinery,
        provenance=provenance(store, report.manifest),
        galleries=galleries,
        small_models=small_models(store, report.manifest),
        files=files,
    )
    head = json.dumps(report.told(), ensure_ascii=False, indent=1).encode()
    return {**files, TOLD: head, PAGE: page}


def publish_report(store: Store, report: Report) -> str:
    """Write the report beside the study's version; where its page lies."""
    name, version = report.manifest.name, report.manifest.version
    start = posixpath.dirname(store.study_path(name, version, PAGE))
    near = {
        one: posixpath.relpath(address, start) for one, address in galleries(store, report).items()
    }
    where = ""
    for path, data in pages_of(store, report, near).items():  # the page last: it links to the rest
        where = store.put_study_file(name, version, path, data)
    return where


def write_report(store: Store, report: Report, folder: str) -> str:
    """Write the report into a folder; where its page lies.

    Raises:
        FactoryError: the folder cannot be written.
    """
    found = {one: _address(where) for one, where in galleries(store, report).items()}
    return write_files(pages_of(store, report, found), PAGE, folder)


def galleries(store: Store, report: Report) -> dict[str, str]:
    """Data set -> where its gallery lies in the store, of those that have one."""
    places = sorted(report.manifest.dataset_versions())
    return {
        name: store.export_path(name, version, GALLERY)
        for name, version in places
        if GALLERY in {f"gallery/{one}" for one in store.export_files(name, version, "gallery")}
    }


def _address(where: str) -> str:
    return where if "://" in where else Path(where).resolve().as_uri()


def _told(one: Comparison) -> dict[str, Any]:
    return {
        "question": one.question, "dataset": one.stratum.dataset, "arm": one.arm,
        "other": one.other, "estimate": one.interval.estimate, "low": one.interval.low,
        "high": one.interval.high, "p_holm": one.p_holm, "verdict": one.verdict,
        "winner": one.winner, "detectable": one.detectable, "seeds_needed": one.seeds_needed,
        "generations_needed": one.generations_needed, "images_needed": one.images_needed,
        "spread_known": one.spread_known, "comparisons_corrected_for": one.family_size,
    }  # fmt: skip


def _lacking(one: Missing) -> dict[str, Any]:
    return {
        "question": one.question, "dataset": one.stratum.dataset, "arm": one.arm,
        "other": one.other, "why": one.why,
    }  # fmt: skip
