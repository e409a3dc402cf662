"""A diagnosis counted anew from stored vectors, and its page: no model, no server."""

import posixpath
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from varifactory.diagnosis.counting import diagnose
from varifactory.diagnosis.figures import Diagnosis
from varifactory.diagnosis.plan import FOLDER, DiagnosisPlan, read_plan
from varifactory.diagnosis.population import population, population_of_table
from varifactory.history.versions import in_words, is_drawn, title
from varifactory.loading import items_table, read_blob
from varifactory.recipe.diagnosis import Diagnosis as Settings
from varifactory.report.adopting import GALLERY, adopted, has_gallery, mark, remember
from varifactory.report.diagnosis.page import render_diagnosis
from varifactory.report.diagnosis.tables import diagnosis_files
from varifactory.report.writing import made_by, publish_files, write_files
from varifactory.store import Manifest, Store
from varifactory.store.instruments import InstrumentPlan
from varifactory.study.origins import BUILT_IN

PAGE = "diagnosis.html"


@dataclass(frozen=True, slots=True)
class Recounted:
    """What a diagnosis says, and what it was counted from."""

    manifest: Manifest
    plan: DiagnosisPlan
    diagnosis: Diagnosis
    made_of: bytes
    """As ``adopting.mark`` tells it."""


def adopted_diagnosis(store: Store, name: str, version: int, plan: str) -> str:
    """Where the page of a plan lies, if it is what would be made now; else empty.

    ``plan`` is the beginning of its hash.

    Raises:
        PopulationError: there is no such plan.
        StoreError: something that it compares is gone or damaged.
    """
    manifest = store.dataset(name, version)
    return adopted(store, manifest, _kept(manifest, read_plan(store, manifest, plan)), PAGE)


def _kept(manifest: Manifest, plan: DiagnosisPlan) -> InstrumentPlan:
    text = plan.model_dump_json()
    return InstrumentPlan(manifest.name, manifest.version, FOLDER, plan.hash12, text)


def recounted_diagnosis(
    store: Store, name: str, version: str | int | None = None, plan: str = ""
) -> Recounted:
    """Count the newest diagnosis of a data set version from what the store holds.

    ``plan`` is the beginning of the hash of another one's plan.

    Raises:
        PopulationError: it was never diagnosed, or its images cannot be diagnosed.
        StoreError: something that it rests on is gone or damaged.
    """
    manifest = store.dataset(name, version)
    kept = read_plan(store, manifest, plan)
    made_of = mark(store, manifest, _kept(manifest, kept))
    found = diagnose(population(store, manifest, kept), kept.settings)
    return Recounted(manifest, kept, replace(found, title=in_words(manifest)), made_of)


def diagnose_vectors(path: str, settings: Settings) -> Diagnosis:
    """A diagnosis of a user's own table of vectors.

    Raises:
        PopulationError: the table cannot be diagnosed; the message names the first fault.
    """
    return diagnose(population_of_table(path), settings)


def publish_diagnosis(store: Store, found: Recounted) -> str:
    """Write tables and page beside the data set version, where the plan lies; where the page is."""
    manifest, folder = found.manifest, found.plan.folder
    page = store.export_path(manifest.name, manifest.version, f"{folder}/{PAGE}")
    gallery = _gallery(store, manifest)
    near = posixpath.relpath(gallery, posixpath.dirname(page)) if gallery else ""
    files = _files(store, found, near)
    where = publish_files(store, manifest.name, manifest.version, folder, files, PAGE)
    remember(store, _kept(manifest, found.plan), PAGE, found.made_of)
    return where


def write_diagnosis(store: Store, found: Recounted, folder: str) -> str:
    """Write tables and page into a folder; where the page lies.

    Raises:
        FactoryError: the folder cannot be written.
    """
    gallery = _gallery(store, found.manifest)
    far = gallery if "://" in gallery or not gallery else Path(gallery).resolve().as_uri()
    return write_files(_files(store, found, far), PAGE, folder)


def write_vectors_diagnosis(found: Diagnosis, folder: str) -> str:
    """The same of a user's own vectors, whose images are named and not shown.

    Raises:
        FactoryError: the folder cannot be written.
    """
    files = diagnosis_files(found)
    return write_files({**files, PAGE: render_diagnosis(found, files=files)}, PAGE, folder)


def _files(store: Store, found: Recounted, gallery: str) -> dict[str, bytes]:
    """Path -> file of the page and the tables beside it."""
    manifest, plan = found.manifest, found.plan
    files = diagnosis_files(found.diagnosis)
    page = render_diagnosis(
        found.diagnosis,
        dataset=title(manifest),
        store=store.backend.show(""),
        plan=plan.hash12,
        machinery=is_drawn(manifest),
        small_model=plan.encoder in BUILT_IN,
        provenance=_provenance(store, manifest, plan),
        gallery=gallery,
        blobs=_blobs(items_table(store, manifest)),
        read=partial(read_blob, store),
        files=files,
    )
    return {**files, PAGE: page}


def _blobs(items: pa.Table) -> dict[str, str]:
    """Pixels -> PNG of all items that have a picture."""
    there = items.filter(
        pc.and_(pc.is_valid(items["pixel_sha256"]), pc.is_valid(items["image_blob"]))
    )
    return dict(
        zip(there["pixel_sha256"].to_pylist(), there["image_blob"].to_pylist(), strict=True)
    )


def _gallery(store: Store, manifest: Manifest) -> str:
    """Where the data set's gallery lies; empty where there is none."""
    if not has_gallery(store, manifest):
        return ""
    return store.export_path(manifest.name, manifest.version, GALLERY)


def _provenance(
    store: Store, manifest: Manifest, plan: DiagnosisPlan
) -> Mapping[str, list[tuple[str, str]]]:
    senses = ", ".join(name for name, given in plan.senses.items() if given)
    target = f"{plan.target.name}@{plan.target.version}" if plan.target else ""
    again = shlex.join(["varifactory", "diagnose", store.backend.show(""), title(manifest),
                        "--plan", plan.hash12])  # fmt: skip
    return {
        "Data set": [
            *made_by(manifest),
            *([("target", target)] if target else []),
        ],
        "Vectors": [
            ("of pictures", f"stage embeddings, spec {plan.embeddings}"),
            ("of texts", f"stage texts, spec {plan.texts}" if plan.texts else
                         "none: the encoder takes no texts"),
            ("a class name as text", plan.template),
            ("senses given of", senses or "no class"),
        ],
        "Count it again": [("command", again)],
    }  # fmt: skip
