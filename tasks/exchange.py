"""Exchange: one shard of cells, each a training on real images and what was added to them."""

import platform
from collections.abc import Sequence
from typing import Any

from prefect import task
from prefect.client.schemas.objects import State

from tasks import policy
from varifactory.embeddings import embedding_spec, vectors_of
from varifactory.exchange.cell_training import Contents, Show, train_exchange
from varifactory.exchange.estimators import shrunk
from varifactory.exchange.grid import ESTIMATOR
from varifactory.keys import spec_of
from varifactory.loading import images_of
from varifactory.models import Shown, Trainee, registry
from varifactory.recipe import Recipe
from varifactory.shards.planning import ShardRef
from varifactory.stages import Made, Row
from varifactory.store import Store

CONTENTS = "exchange.json"
"""Run object: which images every planned cell trains on (``Contents.pack``)."""
SLOW = frozenset({"clip-lora", "classifier"})
"""Trainees that are whole networks: a cell takes seconds at least, and is kept as soon as it is
trained. Of others it takes milliseconds."""
KEPT_AT_ONCE = 32
"""Cells of a quick trainee a part of rows."""
DECODED = 64
"""Images that are in memory at their stored size at once, where they are then shown small."""


@task(**policy.stage("exchange", gpu=True))
def exchange_shard(recipe: Recipe, shard: ShardRef) -> State[Any]:
    """Train the missing cells of a shard."""
    kind = recipe.exchange.trainee
    bench: list[_Bench] = []
    trainees: list[Trainee] = []

    def make(rows: list[Row], store: Store) -> list[Made]:
        if not bench:
            bench.append(_Bench(recipe, store, shard.run))
        made = []
        for row in rows:
            # Fresh for every cell: cells may be trained side by side.
            trainees[:] = [] if kind == ESTIMATOR else [registry.trainee(recipe, kind)]
            made.append(
                train_exchange(row, bench[0].contents, bench[0].show, next(iter(trainees), None))
            )
        return made

    def where() -> str:
        return registry.where(recipe, trainees[0]) if trainees else platform.machine()

    together = 1 if kind in SLOW else KEPT_AT_ONCE
    return policy.run_shard(shard, make, batch_size=together, where=where)


class _Bench:
    """What the cells of one shard share: their images, as the trainee takes them."""

    def __init__(self, recipe: Recipe, store: Store, run: str) -> None:
        self.contents = Contents.read(store.get_run_object(run, CONTENTS))
        self._recipe, self._store = recipe, store
        self._small: dict[str, Shown] = {}
        self.show = self._way()

    def _way(self) -> Show:
        kind = self._recipe.exchange.trainee
        if kind == ESTIMATOR:
            return self._shrunk
        if registry.trainee(self._recipe, kind).takes == "vectors":
            return self._vectors
        return self._pixels

    def _vectors(self, hashes: Sequence[str]) -> Sequence[Shown]:
        fields = embedding_spec(registry.encoder(self._recipe))
        if missing := self._missing(hashes):
            found = vectors_of(self._store, spec_of("embeddings", fields), missing)
            self._small |= dict(zip(missing, found, strict=True))
        return [self._small[one] for one in hashes]

    def _shrunk(self, hashes: Sequence[str]) -> Sequence[Shown]:
        missing = self._missing(hashes)
        side = self._recipe.exchange.pixels
        for at in range(0, len(missing), DECODED):
            some = missing[at : at + DECODED]
            for one, image in zip(some, self._pixels(some), strict=True):
                self._small[one] = shrunk(image, side)
        return [self._small[one] for one in hashes]

    def _missing(self, hashes: Sequence[str]) -> list[str]:
        return [one for one in dict.fromkeys(hashes) if one not in self._small]

    def _pixels(self, hashes: Sequence[str]) -> Sequence[Shown]:
        rows = [{"image_blob": self.contents.blobs[one]} for one in hashes]
        return images_of(self._store, rows, "image_blob")
