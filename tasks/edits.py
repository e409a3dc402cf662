"""Edits: one shard of planned edits of one editor."""

from typing import Any

from prefect import task
from prefect.client.schemas.objects import State

from tasks import policy
from varifactory.catalog import load_catalog
from varifactory.edits import Drawn, draw_edits, finish_edits
from varifactory.loading import images_of, masks_of
from varifactory.models import Pixels, Region, registry
from varifactory.recipe import Recipe
from varifactory.shards import ShardRef
from varifactory.stages import Row, Work
from varifactory.store import Store

Inputs = tuple[list[Pixels], list[Region]]


@task(**policy.stage("edits", gpu=True))
def edit_shard(recipe: Recipe, shard: ShardRef, editor: str) -> State[Any]:
    """Make the missing edits of a shard."""
    catalog = load_catalog(recipe.prompts.catalog)

    def read(rows: list[Row], store: Store) -> Inputs:
        return images_of(store, rows, "source_blob"), masks_of(store, rows, "mask_blob")

    def draw(rows: list[Row], inputs: Inputs) -> Drawn:
        inpainter = registry.inpainter(recipe, editor)
        return draw_edits(rows, *inputs, inpainter, catalog, recipe.edits)

    work = Work(read, draw, finish_edits)
    return policy.run_shard(shard, work, batch_size=recipe.run.batch_size, ahead=recipe.run.ahead)
