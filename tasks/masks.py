"""Masks: one shard of source images."""

from typing import Any

from prefect import task
from prefect.client.schemas.objects import State

from tasks import policy
from varifactory.loading import images_of, maybe_masks_of
from varifactory.masks import find_masks
from varifactory.models import registry
from varifactory.recipe import Recipe
from varifactory.shards import ShardRef
from varifactory.stages import Made, Row
from varifactory.store import Store


@task(**policy.stage("masks", gpu=True))
def mask_shard(recipe: Recipe, shard: ShardRef) -> State[Any]:
    """Find and measure the missing masks of a shard."""

    def make(rows: list[Row], store: Store) -> list[Made]:
        images = images_of(store, rows, "image_blob")
        truths = maybe_masks_of(store, rows, "truth_mask_blob")
        return find_masks(rows, images, registry.segmenter(recipe), truths)

    return policy.run_shard(shard, make, batch_size=recipe.run.batch_size)
