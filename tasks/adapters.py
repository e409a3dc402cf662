"""Adapters: one of the generator a task, tuned on a few real training images."""

from typing import Any

from prefect import task
from prefect.client.schemas.objects import State

from tasks import policy
from varifactory.adapters import read_album, tune_adapters
from varifactory.loading import read_image
from varifactory.models import registry
from varifactory.recipe import Recipe
from varifactory.shards.planning import ShardRef
from varifactory.stages import Made, Row
from varifactory.store import Store

ALBUM = "album.json"
"""Run object: pixel hash -> blob of the real training images that may be shots."""


@task(**policy.stage("adapters", gpu=True))
def adapter_shard(recipe: Recipe, shard: ShardRef) -> State[Any]:
    """Tune the missing adapters of a shard; a stop waits for the one under way."""

    def make(rows: list[Row], store: Store) -> list[Made]:
        album = read_album(store.get_run_object(shard.run, ALBUM))
        return tune_adapters(
            rows, lambda pixels: read_image(store, album[pixels]), registry.tuner(recipe),
            recipe.adaptation,
        )  # fmt: skip

    def where() -> str:
        return registry.where(recipe, registry.tuner(recipe))

    return policy.run_shard(shard, make, batch_size=1, where=where)
