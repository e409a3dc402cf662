"""The pages of a run, rendered by tasks; a page whose content is unchanged is not made again."""

import json
from collections.abc import Mapping
from typing import Any

from flows.dataset import Dataset
from flows.editing import Judged
from flows.run import FactoryRun
from tasks.report import write_gallery, write_report
from varifactory import __version__
from varifactory.calibration.kept import LATEST
from varifactory.keys import digest
from varifactory.statistics.kappa import packed
from varifactory.store import Manifest, StoreMissing, StudyManifest
from varifactory.study.datasets import ANSWERS, JUDGES
from varifactory.verdicts import agreement
from varifactory.verdicts.panel import as_json

REPORT = "report.html"


def show_dataset(run: FactoryRun, made: Dataset) -> str:
    """The gallery and the card of a version; where the gallery's first page lies."""
    _keep_agreement(run, made)
    _keep_answers(run, made)
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


def show_study(run: FactoryRun, study: StudyManifest) -> str:
    """The report of a study; where it lies."""
    sets = [run.store.dataset(str(one["name"]), int(one["version"])) for one in study.datasets]
    content = {
        "study": study.study_hash,
        "answers": [_trust(run, manifest) for manifest in sets],
    }
    mark = digest([__version__, content]).encode()
    place = (study.name, study.version)
    try:
        if run.store.get_study_file(*place, _mark(REPORT)) == mark:
            return run.store.study_path(*place, REPORT)
    except StoreMissing:
        pass
    shown = write_report(run.store.url, *place)
    run.store.put_study_file(*place, _mark(REPORT), mark)
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


def _keep_answers(run: FactoryRun, made: Dataset) -> None:
    """How judge, editors and truth agree, beside the version: reports and people read it."""
    answers = _answers(made.judged)
    if _is_new(run, made.manifest, ANSWERS, answers):
        data = json.dumps(answers).encode()
        run.store.put_export(made.manifest.name, made.manifest.version, ANSWERS, data)
        _remember(run, made.manifest, ANSWERS, answers)


def _trust(run: FactoryRun, manifest: Manifest) -> list[str]:
    """What is known of the judges, as hashes: other labels make the pages anew."""
    found = []
    for path in (JUDGES, LATEST, ANSWERS):
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
