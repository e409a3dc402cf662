"""Embeddings: one shard of pictures."""

from typing import Any

from prefect import task
from prefect.client.schemas.objects import State

from tasks import policy
from varifactory.embeddings import BATCH, Vectors, embed, finish_embeddings
from varifactory.loading import images_of
from varifactory.models import Pixels, registry
from varifactory.recipe import Recipe
from varifactory.shards.planning import ShardRef
from varifactory.stages import Row, Work
from varifactory.store import Store


@task(**policy.stage("embeddings", gpu=True))
def embedding_shard(recipe: Recipe, shard: ShardRef) -> State[Any]:
    """Embed the missing pictures of a shard."""

    def read(rows: list[Row], store: Store) -> list[Pixels]:
        return images_of(store, rows, "image_blob")

    def draw(rows: list[Row], images: list[Pixels]) -> Vectors:
        del rows
        return embed(images, registry.encoder(recipe))

    work = Work(read, draw, finish_embeddings)
    return policy.run_shard(
        shard, work, batch_size=BATCH, ahead=recipe.run.ahead,
        where=lambda: registry.where(recipe, registry.encoder(recipe)),
    )  # fmt: skip
