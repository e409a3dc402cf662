"""Leakage: checks of training images, of validation images or of edits against the test images."""

from collections.abc import Sequence
from itertools import chain
from typing import Any

from prefect import task
from prefect.client.schemas.objects import State

from tasks import policy
from varifactory.embeddings import read_embeddings
from varifactory.leakage.copies import Leak, find_leaks, made_check, read_pictures
from varifactory.leakage.neighbours import find_neighbours
from varifactory.loading import read_image
from varifactory.recipe import Recipe
from varifactory.shards.planning import ShardRef
from varifactory.stages import Made, Row
from varifactory.store import Store

PICTURES = "pictures.json"
"""Run object: key, label, hashes and blob of the images of each check and of the test images."""
CHECKS = 2
"""Checks a task, training and validation images: what is looked at of a test image serves both."""


@task(**policy.stage("leakage"))
def leakage_shard(recipe: Recipe, shard: ShardRef, embeddings: str = "") -> State[Any]:
    """Look for copies of test images.

    With the spec of ``embeddings`` among their neighbours, else by hashes and thumbnails.
    """

    def make(rows: list[Row], store: Store) -> list[Made]:
        looked_at, test = read_pictures(store.get_run_object(shard.run, PICTURES))
        images = {row["key"]: looked_at[row["key"]] for row in rows}
        leaks = _leaks(store, list(chain.from_iterable(images.values())), test, embeddings)
        keys = {key: {one["key"] for one in each} for key, each in images.items()}
        return [
            made_check(row, [leak for leak in leaks if leak.train_key in keys[row["key"]]])
            for row in rows
        ]

    return policy.run_shard(shard, make, batch_size=CHECKS)


def _leaks(store: Store, images: Sequence[Row], test: Sequence[Row], embeddings: str) -> list[Leak]:
    """Of all checks in one: each image is compared for itself."""

    def load(row: Row) -> Any:
        return read_image(store, row["image_blob"])

    if embeddings:
        return find_neighbours(images, test, read_embeddings(store, embeddings).of, load)
    return find_leaks(images, test, load)
