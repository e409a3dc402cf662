"""Edits: one shard of planned edits of one editor."""

from typing import Any

from prefect import task
from prefect.client.schemas.objects import State

from tasks import policy
from varifactory.catalog import load_catalog
from varifactory.edits import Drawn, Edge, draw_edits, edges_of, finish_edits
from varifactory.loading import images_of, masks_of, weights_of
from varifactory.models import Pixels, Region, Weights, registry
from varifactory.recipe import Recipe
from varifactory.shards.planning import ShardRef
from varifactory.stages import Row, Work
from varifactory.store import Store

Inputs = tuple[list[Pixels], list[Region], list[Edge | None], dict[str, Weights]]


@task(**policy.stage("edits", gpu=True))
def edit_shard(recipe: Recipe, shard: ShardRef, editor: str) -> State[Any]:
    """Make the missing edits of a shard."""
    catalog = load_catalog(recipe.prompts.catalog)
    known: dict[str, Weights] = {}  # rows come by class, so neighbouring batches share adapters

    def read(rows: list[Row], store: Store) -> Inputs:
        images, masks = images_of(store, rows, "source_blob"), masks_of(store, rows, "mask_blob")
        edges = edges_of(rows, masks, catalog, recipe.edits)
        return images, masks, edges, weights_of(store, rows, "adapter_blob", known)

    def draw(rows: list[Row], inputs: Inputs) -> Drawn:
        inpainter = registry.inpainter(recipe, editor)
        images, masks, edges, weights = inputs
        return draw_edits(rows, images, masks, inpainter, catalog, recipe.edits, weights, edges)

    work = Work(read, draw, finish_edits)
    return policy.run_shard(
        shard, work, batch_size=recipe.run.batch_size, ahead=recipe.run.ahead,
        where=lambda: registry.where(recipe, registry.inpainter(recipe, editor)),
    )  # fmt: skip
