"""Masks: one shard of source images."""

from typing import Any

from prefect import task
from prefect.client.schemas.objects import State

from tasks import policy
from varifactory.loading import images_of, maybe_masks_of
from varifactory.masks import Drawn, draw_masks, finish_masks
from varifactory.models import Pixels, Region, registry
from varifactory.recipe import Recipe
from varifactory.shards.planning import ShardRef
from varifactory.stages import Row, Work
from varifactory.store import Store

Inputs = tuple[list[Pixels], list[Region | None]]


@task(**policy.stage("masks", gpu=True))
def mask_shard(recipe: Recipe, shard: ShardRef) -> State[Any]:
    """Find and measure the missing masks of a shard."""

    def read(rows: list[Row], store: Store) -> Inputs:
        return images_of(store, rows, "image_blob"), maybe_masks_of(store, rows, "truth_mask_blob")

    def draw(rows: list[Row], inputs: Inputs) -> list[Drawn]:
        images, truths = inputs
        return draw_masks(rows, images, registry.segmenter(recipe), truths)

    work = Work(read, draw, finish_masks)
    return policy.run_shard(
        shard, work, batch_size=recipe.run.batch_size, ahead=recipe.run.ahead,
        where=lambda: registry.where(recipe, registry.segmenter(recipe)),
    )  # fmt: skip
