"""Pages for people: the gallery and the card of a data set, the report of a study."""

import logging
import re
from collections.abc import Mapping
from typing import Any

from prefect import task
from prefect.artifacts import create_markdown_artifact
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.states import Completed

from varifactory.calibration.kept import latest
from varifactory.card.writing import write_card
from varifactory.datasets import open_dataset
from varifactory.exports import export_gallery
from varifactory.models import registry
from varifactory.recipe import Recipe
from varifactory.store import Store
from varifactory.study.datasets import between_judges

log = logging.getLogger("varifactory")

FRONT_MATTER = re.compile(r"\A---\n.*?\n---\n", re.DOTALL)
"""What a card begins with for programs alone."""
Specs = Mapping[str, Mapping[str, Any]]
"""``stage/spec`` -> fields."""
BUILT_IN = ("small-sam", "small-diffusion", "small-clip")


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
def write_report(store: str, study: str, version: int) -> str:
    """Count a study from its stored predictions and render its report; where it lies."""
    from varifactory.report.recounting import publish_report, recounted

    opened = Store(store)
    return publish_report(opened, recounted(opened, opened.study(study, version)))


def is_machinery(recipe: Recipe) -> bool:
    """Whether the data are the drawn world's: then a report checks the machinery, no more."""
    return recipe.sources.kind == "world"


@task(name="diagnosis", cache_policy=NO_CACHE, persist_result=False)
def write_diagnosis(store: str, dataset: str, version: int, plan: str) -> State[str]:
    """Count a diagnosis from stored vectors and render its page; a state that holds where it lies,
    ``Cached`` where that was there already.

    ``plan`` is the hash under which its plan lies beside the version.
    """
    from varifactory.report.diagnosis.publishing import (
        adopted_diagnosis,
        publish_diagnosis,
        recounted_diagnosis,
    )
    from varifactory.report.diagnosis.summary import summary

    opened = Store(store)
    if where := adopted_diagnosis(opened, dataset, version, plan):
        return _there(where)
    found = recounted_diagnosis(opened, dataset, version, plan)
    where = publish_diagnosis(opened, found)
    create_markdown_artifact(
        summary(found.diagnosis, where), key="diagnosis",
        description=f"What is wrong with {dataset} version {version}",
    )  # fmt: skip
    return Completed(message=f"counted: {where}", data=where)


@task(name="exchange-rate", cache_policy=NO_CACHE, persist_result=False)
def write_exchange(store: str, dataset: str, version: int, plan: str) -> State[str]:
    """Count an exchange rate from stored answers and render its page; a state that holds where it
    lies, ``Cached`` where that was there already.

    ``plan`` is the hash under which its plan lies beside the version.
    """
    from varifactory.report.exchange.publishing import (
        adopted_exchange,
        publish_exchange,
        recount_exchange,
    )
    from varifactory.report.exchange.summary import summary

    opened = Store(store)
    if where := adopted_exchange(opened, dataset, version, plan):
        return _there(where)
    found = recount_exchange(opened, dataset, version, plan)
    where = publish_exchange(opened, found)
    create_markdown_artifact(
        summary(found.rate, where), key="exchange-rate",
        description=f"What images of {dataset} version {version} are worth in real ones",
    )  # fmt: skip
    return Completed(message=f"counted: {where}", data=where)


def _there(where: str) -> State[str]:
    told = f"the page was there, of the same plan and the same rows: {where}"
    log.info("%s", told)
    return Completed(name="Cached", message=told, data=where)
