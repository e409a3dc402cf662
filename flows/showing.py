"""The pages of a run, rendered by tasks; a page whose content is unchanged is not made again."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from flows.dataset import Dataset
from flows.editing import Judged
from flows.run import FactoryRun
from tasks.report import ANSWERS, CELLS, JUDGES, write_gallery, write_report
from varifactory import __version__, agreement
from varifactory.calibration.kept import LATEST
from varifactory.kappa import packed
from varifactory.keys import digest
from varifactory.panel import as_json
from varifactory.stages import Row
from varifactory.store import Manifest, StoreMissing


def show_dataset(run: FactoryRun, made: Dataset) -> str:
    """The gallery and the card of a version; where the gallery's first page lies."""
    _keep_agreement(run, made)
    content = {
        "page": run.recipe.report.gallery_page,
        "hash": made.manifest.dataset_hash,
        "trust": _trust(run, made.manifest),
    }
    page = "gallery/index.html"
    if not _is_new(run, made.manifest, page, content):
        return run.store.export_path(made.manifest.name, made.manifest.version, page)
    shown = write_gallery(run.recipe, run.store.url, made.manifest.version, run.specs)
    _remember(run, made.manifest, page, content)
    return shown


def show_study(run: FactoryRun, made: Dataset, cells: Sequence[Row]) -> str:
    """The report of a study; where it lies."""
    answers = _answers(made.judged)
    keys = sorted(cell["key"] for cell in cells)
    ended = sorted([cell["key"], cell["status"], str(cell["test_top1"])] for cell in cells)
    report = run.recipe.report.model_dump(mode="json")
    trust = _trust(run, made.manifest)
    content = {"cells": ended, "answers": answers, "report": report, "trust": trust}
    if not _is_new(run, made.manifest, "report.html", content):
        return run.store.export_path(made.manifest.name, made.manifest.version, "report.html")
    run.store.put_run_object(run.id, ANSWERS, json.dumps(answers).encode())
    run.store.put_run_object(run.id, CELLS, json.dumps(keys).encode())
    specs = {name.split("/")[0]: name.split("/")[1] for name in run.specs}
    shown = write_report(
        run.recipe, run.store.url, made.manifest.version, run.id, specs["training"], specs["masks"]
    )
    _remember(run, made.manifest, "report.html", content)
    return shown


def _answers(judged: Judged) -> dict[str, Any]:
    """How judge, editors and truth agree, as plain counts: small, whatever the data set's size."""
    asked = {
        (row["source_key"], row["attribute"], row["feasibility"], row["index"], row["editor"])
        for row in judged.edits
        if row["attempt"] == 0
    }
    editors = {row["editor"] for row in judged.edits}
    shared = [
        row
        for row in judged.edits
        if all(
            (row["source_key"], row["attribute"], row["feasibility"], row["index"], one) in asked
            for one in editors
        )
    ]
    controls = agreement.values(judged.controls, judged.control_outcomes)
    return {
        "rates": agreement.presence(judged.edits, judged.outcomes),
        "shared_rates": agreement.presence(shared, judged.outcomes) if len(editors) > 1 else [],
        "controls": controls.get(agreement.CONTROL, {}),
        "control_classes": agreement.classes(judged.controls, judged.control_outcomes).get(
            agreement.CONTROL, {}
        ),
    }


def _keep_agreement(run: FactoryRun, made: Dataset) -> None:
    """How far the judges of a panel agree, beside the version: its card and report show it."""
    judged, confidence = made.judged, run.recipe.report.confidence
    words = sorted([key, as_json(found.judgements)] for key, found in judged.outcomes.items())
    content = {"words": digest(words), "confidence": confidence}
    if not _is_new(run, made.manifest, JUDGES, content):
        return
    kappas = agreement.between_judges(judged.edits, judged.outcomes, confidence)
    run.store.put_export(made.manifest.name, made.manifest.version, JUDGES, packed(kappas))
    _remember(run, made.manifest, JUDGES, content)


def _trust(run: FactoryRun, manifest: Manifest) -> list[str]:
    """What is known of the judges, as hashes: other labels make the pages anew."""
    found = []
    for path in (JUDGES, LATEST):
        try:
            data = run.store.get_export(manifest.name, manifest.version, path)
        except StoreMissing:
            data = b""
        found.append(digest(data.decode()))
    return found


def _mark(page: str) -> str:
    return f"{page.replace('/', '-')}.key"


def _is_new(run: FactoryRun, manifest: Manifest, page: str, content: Mapping[str, Any]) -> bool:
    try:
        known = run.store.get_export(manifest.name, manifest.version, _mark(page))
    except StoreMissing:
        return True
    return known.decode() != digest([__version__, content])


def _remember(run: FactoryRun, manifest: Manifest, page: str, content: Mapping[str, Any]) -> None:
    mark = digest([__version__, content]).encode()
    run.store.put_export(manifest.name, manifest.version, _mark(page), mark)
