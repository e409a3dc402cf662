"""Leakage: one check of the training images against the test images."""

from typing import Any

from prefect import task
from prefect.client.schemas.objects import State

from tasks import policy
from varifactory.leakage import find_leaks, made_check, read_pictures
from varifactory.loading import read_image
from varifactory.recipe import Recipe
from varifactory.shards import ShardRef
from varifactory.stages import Made, Row
from varifactory.store import Store

PICTURES = "pictures.json"
"""Run object: key, label, hashes and blob of the training and of the test images."""


@task(**policy.stage("leakage"))
def leakage_shard(recipe: Recipe, shard: ShardRef) -> State[Any]:
    """Look for copies of test images among the training images."""

    def make(rows: list[Row], store: Store) -> list[Made]:
        training, test = read_pictures(store.get_run_object(shard.run, PICTURES))
        leaks = find_leaks(training, test, lambda row: read_image(store, row["image_blob"]))
        return [made_check(row, leaks) for row in rows]

    return policy.run_shard(shard, make, batch_size=1)
