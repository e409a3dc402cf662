"""Prompts: one shard of the pools of classes and attributes."""

from typing import Any

from prefect import task
from prefect.client.schemas.objects import State

from tasks import policy
from varifactory.catalog import load_catalog
from varifactory.models import registry
from varifactory.prompts import write_prompts
from varifactory.recipe import Recipe
from varifactory.shards.planning import ShardRef
from varifactory.stages import Made, Row
from varifactory.store import Store


@task(**policy.stage("prompts"))
def prompt_shard(recipe: Recipe, shard: ShardRef) -> State[Any]:
    """Write the missing prompts of a shard."""
    catalog = load_catalog(recipe.prompts.catalog)

    def make(rows: list[Row], store: Store) -> list[Made]:
        standing = store.rows("prompts", shard.spec).to_pylist()
        writer = registry.writer(recipe, run=shard.run)
        registry.known_spent(writer, standing, shard.run)
        return write_prompts(rows, writer, catalog, standing)

    # Both pools of a class and attribute are compared with each other: a batch is a whole shard.
    return policy.run_shard(shard, make, batch_size=max(1, shard.items))
