"""Edits: one shard of planned edits of one editor."""

from typing import Any

from prefect import task
from prefect.client.schemas.objects import State

from tasks import policy
from varifactory.catalog import load_catalog
from varifactory.edits import make_edits
from varifactory.loading import images_of, masks_of
from varifactory.models import registry
from varifactory.recipe import Recipe
from varifactory.shards import ShardRef
from varifactory.stages import Made, Row
from varifactory.store import Store


@task(**policy.stage("edits", gpu=True))
def edit_shard(recipe: Recipe, shard: ShardRef, editor: str) -> State[Any]:
    """Make the missing edits of a shard."""
    catalog = load_catalog(recipe.prompts.catalog)

    def make(rows: list[Row], store: Store) -> list[Made]:
        images = images_of(store, rows, "source_blob")
        masks = masks_of(store, rows, "mask_blob")
        inpainter = registry.inpainter(recipe, editor)
        return make_edits(rows, images, masks, inpainter, catalog, recipe.edits)

    return policy.run_shard(shard, make, batch_size=recipe.run.batch_size)
