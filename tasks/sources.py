"""Sources: one shard of users' files, table rows or drawn scenes."""

from typing import Any

from prefect import task
from prefect.client.schemas.objects import State

from tasks import policy
from varifactory.recipe import Recipe
from varifactory.shards.planning import ShardRef
from varifactory.sources import read_sources
from varifactory.stages import Made, Row
from varifactory.store import Store


@task(**policy.stage("sources"))
def source_shard(recipe: Recipe, shard: ShardRef) -> State[Any]:
    """Read, check and keep the missing images of a shard."""

    def make(rows: list[Row], store: Store) -> list[Made]:
        return read_sources(rows, recipe.sources)

    return policy.run_shard(shard, make, batch_size=recipe.run.batch_size)
