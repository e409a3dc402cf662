"""What a run pays providers: told before it, kept to while it lasts, summed up after it."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from varifactory.catalog import load_catalog
from varifactory.catalog.taxonomy import FEASIBILITIES
from varifactory.models import Judge, JudgeCase, PromptRequest, Writer
from varifactory.models.provider.estimate import Estimate, spent
from varifactory.models.registry.judges import judge
from varifactory.models.registry.writers import writer
from varifactory.recipe import Recipe

PAID = {"prompts": ("writer", "litellm"), "verdicts": ("judge", "vision")}
"""Stage -> the field of its spec that tells who works, and the name of one who asks a provider."""


def expected_costs(recipe: Recipe, class_names: Sequence[str], pictures: int) -> list[Estimate]:
    """What the writer and the judges will ask providers, if nothing is in the store yet.

    Args:
        recipe: of the run.
        class_names: of the images to edit.
        pictures: how many images are edited; masks that fail make it fewer.
    """
    found = []
    if recipe.prompts.writer != "catalog":
        found.append(_of_prompts(recipe, class_names))
    if "vision" in (recipe.verdicts.judge, *recipe.verdicts.panel):
        found.append(_of_verdicts(recipe, class_names, pictures))
    return found


def known_spent(worker: Writer | Judge, rows: Iterable[Mapping[str, Any]], run: str) -> None:
    """Tell a worker's budget what the run's rows in the store cost, whoever made them."""
    budget = getattr(worker, "budget", None)
    if budget is not None:
        budget.known_spent(sum(row["cost_usd"] or 0.0 for row in rows if row.get("run") == run))


def paid(stage: str, fields: Mapping[str, Any], rows: Iterable[dict[str, Any]], run: str) -> str:
    """What a run paid for a stage's rows, one line for people; empty where nobody is paid.

    Args:
        stage: whose rows.
        fields: of its spec.
        rows: all of the store, rows that did not count in the end among them.
        run: whose rows are summed up; the others were paid for before.
    """
    who, name = PAID.get(stage, ("", ""))
    if not who or fields[who]["name"] != name:
        return ""
    return spent(
        f"{stage} by {fields[who]['model']}", [row for row in rows if row.get("run") == run]
    )


def _of_prompts(recipe: Recipe, class_names: Sequence[str]) -> Estimate:
    from varifactory.models.prompts.llm import LitellmWriter

    catalog, worker = load_catalog(recipe.prompts.catalog), writer(recipe)
    assert isinstance(worker, LitellmWriter)
    return worker.estimate(
        [
            PromptRequest(name, catalog.attribute(attribute), feasibility, recipe.prompts.per_pool)
            for name in class_names
            for attribute in recipe.prompts.attributes
            for feasibility in FEASIBILITIES
        ]
    )


def _of_verdicts(recipe: Recipe, class_names: Sequence[str], pictures: int) -> Estimate:
    """The first attempts; at most, every edit is made as often as the recipe allows."""
    from varifactory.models.verdicts.vision import VisionJudge

    worker = judge(recipe, (), "", name="vision")
    assert isinstance(worker, VisionJudge)
    about, most = _judged(recipe, len(class_names), pictures)
    cases = [_case(recipe, attribute, class_names) for attribute in recipe.prompts.attributes]
    first = worker.estimate([(case, about) for case in cases])
    every = worker.estimate([(case, most) for case in cases])
    return replace(first, most_requests=every.most_requests, most_usd=every.most_usd)


def _judged(recipe: Recipe, classes: int, pictures: int) -> tuple[int, int]:
    """Pictures of one attribute that are judged: in the first attempts, and at most."""
    from varifactory.quotas import WIDEST

    edits = recipe.edits
    # Of a drawn world the sources are judged too: their values are known.
    known = pictures if recipe.sources.kind == "world" else 0
    made, wanted = 2 * pictures * edits.per_source, 2 * edits.exact * classes
    further = math.ceil(edits.rounds * WIDEST * wanted)
    return known + max(made, wanted), known + (max(made, wanted) + further) * edits.attempts


def _case(recipe: Recipe, attribute: str, class_names: Sequence[str]) -> JudgeCase:
    """What a judge will be shown, as far as it is known: its size and its choices."""
    entry = load_catalog(recipe.prompts.catalog).attribute(attribute)
    values = list(entry.values)
    if recipe.prompts.writer != "catalog":
        wanted = 2 * recipe.prompts.per_pool * len(class_names)
        values += [f"a phrase that is yet to be written {number}" for number in range(wanted)]
    side = recipe.sources.size
    return JudgeCase(
        image=np.zeros((side, side, 3), np.uint8),
        object_mask=np.ones((side, side), bool),
        attribute=entry,
        values=tuple(values),
        class_names=tuple(class_names),
    )
