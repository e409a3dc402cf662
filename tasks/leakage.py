"""Leakage: one check of training images, or of edits, against the test images."""

from typing import Any

from prefect import task
from prefect.client.schemas.objects import State

from tasks import policy
from varifactory.embeddings import read_embeddings
from varifactory.leakage import find_leaks, made_check, read_pictures
from varifactory.loading import read_image
from varifactory.neighbours import find_neighbours
from varifactory.recipe import Recipe
from varifactory.shards import ShardRef
from varifactory.stages import Made, Row
from varifactory.store import Store

PICTURES = "pictures.json"
"""Run object: key, label, hashes and blob of the training and of the test images."""


@task(**policy.stage("leakage"))
def leakage_shard(recipe: Recipe, shard: ShardRef, embeddings: str = "") -> State[Any]:
    """Look for copies of test images among the training images.

    With the spec of ``embeddings`` among their neighbours, else by hashes and thumbnails.
    """

    def make(rows: list[Row], store: Store) -> list[Made]:
        training, test = read_pictures(store.get_run_object(shard.run, PICTURES))

        def load(row: Row) -> Any:
            return read_image(store, row["image_blob"])

        if embeddings:
            vectors = read_embeddings(store, embeddings).of
            leaks = find_neighbours(training, test, vectors, load)
        else:
            leaks = find_leaks(training, test, load)
        return [made_check(row, leaks) for row in rows]

    return policy.run_shard(shard, make, batch_size=1)
