"""Closed: one shard of images of generators that saw a base and nothing else."""

from typing import Any

from prefect import task
from prefect.client.schemas.objects import State

from tasks import policy
from varifactory.exchange.closed_set import ClassGaussian, make_closed, packed_hashes, read_bases
from varifactory.loading import read_image
from varifactory.recipe import Recipe
from varifactory.shards.planning import ShardRef
from varifactory.stages import Made, Row
from varifactory.store import Store

BASES = "closed.json"
"""Run object: what every generator is trained on (``ClosedPlan.pack``)."""
BATCH = 256
"""Images a part of rows: each costs about a millisecond."""


@task(**policy.stage("closed"))
def closed_shard(recipe: Recipe, shard: ShardRef) -> State[Any]:
    """Train the generators of a shard and draw their missing images."""
    del recipe  # every setting is in the spec
    trained: dict[str, ClassGaussian] = {}

    def make(rows: list[Row], store: Store) -> list[Made]:
        bases, blobs = read_bases(store.get_run_object(shard.run, BASES))
        for name in {row["generator"] for row in rows} - trained.keys():
            store.put_blob(packed_hashes(bases[name]), "json")
            images = [read_image(store, blobs[pixels]) for pixels, _ in bases[name]]
            trained[name] = ClassGaussian.trained(images, [label for _, label in bases[name]])
        return make_closed(rows, trained)

    return policy.run_shard(shard, make, batch_size=BATCH)
