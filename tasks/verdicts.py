"""Verdicts: one shard of edits."""

import json
from typing import Any

from prefect import task
from prefect.client.schemas.objects import State

from tasks import policy
from varifactory.catalog import load_catalog
from varifactory.loading import images_of, masks_of
from varifactory.models import Judge, Pixels, Region, registry
from varifactory.recipe import Recipe
from varifactory.shards import ShardRef
from varifactory.stages import Made, Row, Work
from varifactory.store import Store
from varifactory.verdicts import Choices, judge_edits, read_by

EXEMPLARS = "exemplars.json"
"""Run object: [pixel hash, class name, blob] of the real training images a judge may learn from."""
CHOICES = "choices.json"
"""Run object: what all edits of the run may show (``verdicts.Choices``)."""


Inputs = tuple[list[Pixels], list[Region], Judge, Choices]


@task(**policy.stage("verdicts", gpu=True))
def verdict_shard(recipe: Recipe, shard: ShardRef, judge_name: str) -> State[Any]:
    """Let one judge of the recipe judge the missing edits of a shard."""
    catalog = load_catalog(recipe.prompts.catalog)

    def asked(store: Store) -> Judge:
        exemplars = json.loads(store.get_run_object(shard.run, EXEMPLARS))
        judge = registry.judge(
            recipe, tuple(tuple(one) for one in exemplars), shard.store, name=judge_name,
            run=shard.run,
        )  # fmt: skip
        if getattr(judge, "budget", None):
            paid = store.rows("verdicts", shard.spec, columns=["run", "cost_usd"])
            registry.known_spent(judge, paid.to_pylist(), shard.run)
        return judge

    def read(rows: list[Row], store: Store) -> Inputs:
        images, masks = images_of(store, rows, "image_blob"), masks_of(store, rows, "mask_blob")
        shown = json.loads(store.get_run_object(shard.run, CHOICES))
        values = {name: tuple(found) for name, found in shown["values"].items()}
        return images, masks, asked(store), Choices(values, tuple(shown["class_names"]))

    def draw(rows: list[Row], inputs: Inputs) -> list[Made]:
        images, masks, judge, choices = inputs
        return judge_edits(rows, images, masks, judge, catalog, read_by(judge, choices))

    work = Work(read, draw, lambda rows, made: made)
    return policy.run_shard(
        shard, work, batch_size=recipe.run.batch_size, ahead=recipe.run.ahead,
        where=lambda: registry.where(recipe, asked(Store(shard.store))),
    )  # fmt: skip
