"""Texts: one shard of class names, prompts and senses."""

from typing import Any

from prefect import task
from prefect.client.schemas.objects import State

from tasks import policy
from varifactory.embeddings import Vectors
from varifactory.models import registry
from varifactory.recipe import Recipe
from varifactory.shards.planning import ShardRef
from varifactory.stages import Row, Work
from varifactory.store import Store
from varifactory.texts import BATCH, encode, finish_texts


@task(**policy.stage("texts", gpu=True))
def text_shard(recipe: Recipe, shard: ShardRef) -> State[Any]:
    """Encode the missing texts of a shard."""

    def read(rows: list[Row], store: Store) -> list[str]:
        del store  # a planned row holds its text
        return [str(row["text"]) for row in rows]

    def draw(rows: list[Row], texts: list[str]) -> Vectors:
        del rows
        return encode(texts, registry.encoder(recipe))

    work = Work(read, draw, finish_texts)
    return policy.run_shard(
        shard, work, batch_size=BATCH, ahead=recipe.run.ahead,
        where=lambda: registry.where(recipe, registry.encoder(recipe)),
    )  # fmt: skip
