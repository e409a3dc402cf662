"""Pages for people: the gallery and the card of a data set, the report of a study."""

import json
import re
from collections.abc import Mapping
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from prefect import task
from prefect.artifacts import create_markdown_artifact
from prefect.cache_policies import NO_CACHE

from varifactory.calibration.kept import latest
from varifactory.card_writing import as_yaml, write_card
from varifactory.datasets import open_dataset
from varifactory.exports import export_gallery, judges_named
from varifactory.kappa import Kappa, unpacked
from varifactory.loading import items_table
from varifactory.models import registry
from varifactory.recipe import Recipe
from varifactory.store import Manifest, Store, StoreMissing
from varifactory.study import StudyTables
from varifactory.yields import Confusion, confusion_of_counts

FRONT_MATTER = re.compile(r"\A---\n.*?\n---\n", re.DOTALL)
"""What a card begins with for programs alone."""
Specs = Mapping[str, Mapping[str, Any]]
"""``stage/spec`` -> fields."""
BUILT_IN = ("small-sam", "small-diffusion", "small-clip")
JUDGES = "judges.json"
"""Export of a version: how far its judges agree."""
ANSWERS, CELLS = "answers.json", "cells.json"
"""Run objects: how judge, editors and truth agree; keys of the cells a report compares."""


@task(name="gallery", cache_policy=NO_CACHE, persist_result=False)
def write_gallery(recipe: Recipe, store: str, version: int, specs: Specs) -> str:
    """Render gallery and card of a data set version into the store; the gallery's first page.

    ``specs`` are those the run used: ``stage/spec`` -> fields.
    """
    data = open_dataset(store, recipe.name, version)
    shown = export_gallery(data, recipe.report.gallery_page)
    card = write_card(
        data, specs, recipe, cards=registry.cards(BUILT_IN), machinery=is_machinery(recipe),
        judges=between_judges(data.store, recipe.name, version),
        people=latest(data.store, recipe.name, version),
    )  # fmt: skip
    told = f"{recipe.name} version {version}"
    create_markdown_artifact(FRONT_MATTER.sub("", card), key="data-set-card", description=told)
    return shown


@task(name="report", cache_policy=NO_CACHE, persist_result=False)
def write_report(
    recipe: Recipe, store: str, version: int, run: str, training: str, masks: str
) -> str:
    """Render the report of a study into the store; where it lies.

    ``training`` and ``masks`` are the specs whose rows it shows.
    """
    from varifactory.report import render_report

    opened = Store(store)
    manifest = opened.dataset(recipe.name, version)
    page = render_report(
        study_tables(opened, manifest, run, training, masks),
        title=recipe.name,
        machinery=is_machinery(recipe),
        provenance=provenance(recipe, manifest, run),
        gallery="gallery/index.html",
        confidence=recipe.report.confidence,
    )
    opened.put_export(
        recipe.name, version, "study-recipe.yaml", as_yaml(recipe.model_dump(mode="json"))
    )
    return opened.put_export(recipe.name, version, "report.html", page)


def study_tables(
    store: Store, manifest: Manifest, run: str, training: str, masks: str
) -> StudyTables:
    """All a report rests on, read from the store."""
    cells = pa.array(json.loads(store.get_run_object(run, CELLS)), pa.string())
    answers = json.loads(store.get_run_object(run, ANSWERS))
    trained = store.rows("training", training)
    predictions = store.rows("predictions", training)
    if "training_key" in predictions.column_names:
        predictions = predictions.filter(pc.is_in(predictions["training_key"], cells))
    items = items_table(store, manifest)
    found = store.rows("masks", masks)
    own = pc.is_in(found["source_key"], value_set=items["source_key"].combine_chunks())
    return StudyTables(
        items=items,
        training=trained.filter(pc.is_in(trained["key"], cells)),
        predictions=predictions,
        masks=found.filter(own),
        confusions=_confusions(answers),
        rates=answers["rates"],
        shared_rates=answers["shared_rates"],
        kappas=between_judges(store, manifest.name, manifest.version),
        people=latest(store, manifest.name, manifest.version),
    )


def between_judges(store: Store, name: str, version: int) -> list[Kappa]:
    """How far the judges of a version agree; empty where one alone was asked."""
    try:
        return unpacked(store.get_export(name, version, JUDGES))
    except StoreMissing:
        return []


def _confusions(answers: dict[str, Any]) -> list[Confusion]:
    return [
        confusion_of_counts(
            f"{attribute}: what was drawn, and what the judge measured", counts,
            "Of unedited training images, whose values are known exactly.",
        )
        for attribute, counts in answers["controls"].items()
    ]  # fmt: skip


def is_machinery(recipe: Recipe) -> bool:
    """Whether the data are the drawn world's: then a report checks the machinery, no more."""
    return recipe.sources.kind == "world"


def provenance(recipe: Recipe, manifest: Manifest, run: str) -> dict[str, str]:
    """What a reader needs to make it again."""
    return {
        "Data set": f"{manifest.name} version {manifest.version}",
        "Data set hash": manifest.dataset_hash,
        "Recipe fingerprint": recipe.fingerprint(),
        "Generation seed": str(recipe.seed),
        "Training seeds": ", ".join(str(seed) for seed in recipe.training.seeds),
        "Editors": ", ".join(
            [recipe.edits.editor] + [recipe.edits.compare.editor] * bool(recipe.edits.compare.count)
        ),
        "Judge": judges_named(recipe.verdicts.model_dump()),
        "Segmenter": recipe.masks.segmenter,
        "Classifier": recipe.training.clip,
        "Run": run,
        "Made by": manifest.actor,
    }
