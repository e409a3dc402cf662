"""What studies say of training cells, and what a study is made of."""

import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

from varifactory.history.ledger import Found, Ledger
from varifactory.history.lineage import SHOWN
from varifactory.history.story import Story
from varifactory.store import Store, StoreError, StudyCell, StudyManifest

FACTORS = ("dataset", "sweep", "trainee", "augmentation", "attribute", "per_source", "schedule",
           "generation_seed")  # fmt: skip
"""Columns of a cell that are told where they say something."""
NAMED = re.compile(
    r"(?:.*/)?studies/(?P<path>[^/]+/[0-9]+)(?:/.*|\.json)?|(?P<name>[^/@]+@v?[0-9]+)"
)
"""A study's version as ``pets@2``, or a file of it, such as its report."""


def study_named(store: Store, text: str) -> StudyManifest | None:
    """The study that a person means: ``pets@2``, ``pets``, or the place of its report.

    None where no study is called so: then an item may be meant.
    """
    found = NAMED.fullmatch(text.strip())
    name, _, version = (found["path"] or found["name"]).replace("/", "@").partition("@") if found \
        else (text.strip(), "", "")  # fmt: skip
    there = dict(store.studies())
    if name not in there:
        return None
    return store.study(name, version or None)


def study_story(ledger: Ledger, study: StudyManifest) -> Story:
    """A study: its plan, its data sets, and every cell that its report rests on."""
    store = ledger.store
    facts = {
        "plan": {name: value for name, value in study.plan.items() if not isinstance(value, list)},
        "made": f"{study.created_at:%Y-%m-%d %H:%M} by {study.actor}, run {study.run_id}",
        "hash": study.study_hash,
        "recipe": study.recipe.get("name"),
        "report": store.study_path(study.name, study.version, "report.html"),
        "files": store.study_files(study.name, study.version),
    }
    title = f"study {study.name}@{study.version}: {len(study.cells)} cells"
    since = {cell.key for cell in store.trained_since(study)}
    parts = [*_datasets(store, study), *_cells(ledger, study, since)]
    return Story("study", f"{study.name}@{study.version}", title, facts, parts)


def _datasets(store: Store, study: StudyManifest) -> Iterator[Story]:
    told = {(str(one["name"]), int(one["version"])): one for one in study.datasets}
    for name, version in sorted(study.dataset_versions()):
        facts = {key: value for key, value in told.get((name, version), {}).items()
                 if key not in ("name", "version")}  # fmt: skip
        with suppress(StoreError):
            held = store.dataset(name, version)
            facts["made"] = f"{held.created_at:%Y-%m-%d %H:%M} by {held.actor}, run {held.run_id}"
        yield Story("version", f"{name}@{version}", f"on data set {name}@{version}", facts)


def _cells(ledger: Ledger, study: StudyManifest, since: set[str]) -> Iterator[Story]:
    rows = ledger.of_keys("training", [cell.key for cell in study.cells])
    for cell in study.cells:
        found = rows.get(cell.key)
        facts: dict[str, Any] = {
            "factors": factors(cell),
            "data set": f"{cell.name}@{cell.version}",
        }
        if found is None:
            facts["status"] = "its row is not in the store any more"
        else:
            facts |= {"test_top1": found.row.get("test_top1"), "run": found.row.get("run")}
        if cell.key in since:
            facts["since"] = "trained again, and came out otherwise than when it was compared"
        yield Story("training cell", cell.key,
                    f"cell {cell.key[:SHOWN]}: {cell.arm}, seed {cell.seed}", facts)  # fmt: skip


def factors(cell: StudyCell) -> Mapping[str, Any]:
    """What a cell varies, beside its arm and training seed."""
    told = {name: getattr(cell, name) for name in FACTORS}
    return {name: value for name, value in told.items() if value not in ("", 0, None)}


def studies_of(ledger: Ledger, found: Found) -> list[Story]:
    """The studies that compare a cell, with its place in their grids; of a cell of none the data
    set that its run ended in."""
    if found.stage != "training":
        return []
    told = [
        Story("study", f"{study.name}@{study.version}", f"compared in {study.name}@{study.version}",
              {"factors": factors(cell), "data set": f"{cell.name}@{cell.version}",
               "made": f"{study.created_at:%Y-%m-%d %H:%M} by {study.actor}"})
        for study in ledger.studies
        for cell in study.cells
        if cell.key == found.key
    ]  # fmt: skip
    held = ledger.run(found.row.get("run") or "").get("dataset")
    if not told and isinstance(held, dict):
        name = f"{held.get('name')}@{held.get('version')}"
        told.append(Story("version", name, f"trained by a run that ended in {name}"))
    return told
