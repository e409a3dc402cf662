"""Verdicts: one shard of edits."""

import threading
from collections.abc import Sequence
from typing import Any

from prefect import task
from prefect.client.schemas.objects import State

from tasks import policy
from varifactory.catalog import load_catalog
from varifactory.loading import images_of, maybe_masks_of
from varifactory.models import Judge, Pixels, Region, registry
from varifactory.recipe import Recipe
from varifactory.shards.planning import ShardRef
from varifactory.stages import Made, Row, Work
from varifactory.store import Store
from varifactory.verdicts import asked
from varifactory.verdicts.judging import judge_edits
from varifactory.verdicts.planning import Choices, read_by

EXEMPLARS, CHOICES = asked.EXEMPLARS, asked.CHOICES

Inputs = tuple[list[Pixels], Sequence[Region | None]]


@task(**policy.stage("verdicts", gpu=True))
def verdict_shard(recipe: Recipe, shard: ShardRef, judge_name: str) -> State[Any]:
    """Let one judge of the recipe judge the missing edits of a shard."""
    catalog = load_catalog(recipe.prompts.catalog)
    asked = _Asked(recipe, shard, judge_name)

    def read(rows: list[Row], store: Store) -> Inputs:
        # Before the first picture: a judge that cannot be built should cost no download.
        asked.found()
        return images_of(store, rows, "image_blob"), maybe_masks_of(store, rows, "mask_blob")

    def draw(rows: list[Row], inputs: Inputs) -> list[Made]:
        images, masks = inputs
        judge, choices = asked.found()
        return judge_edits(rows, images, masks, judge, catalog, read_by(judge, choices))

    work = Work(read, draw, lambda rows, made: made)
    return policy.run_shard(
        shard, work, batch_size=recipe.run.batch_size, ahead=recipe.run.ahead,
        where=lambda: registry.where(recipe, asked.found()[0]),
    )  # fmt: skip


class _Asked:
    """Who judges a shard, and what its answers may be: looked up once, whoever asks first.

    Batches are read by several threads. Nothing is looked up for a shard that has no work.
    """

    def __init__(self, recipe: Recipe, shard: ShardRef, name: str) -> None:
        self._recipe, self._shard, self._name = recipe, shard, name
        self._found: tuple[Judge, Choices] | None = None
        self._lock = threading.Lock()

    def found(self) -> tuple[Judge, Choices]:
        """The judge, told what the run has paid so far, and the choices of the whole run."""
        with self._lock:
            if self._found is None:
                store = Store(self._shard.store)
                self._found = self._judge(store), asked.choices(store, self._shard.run)
            return self._found

    def _judge(self, store: Store) -> Judge:
        run, spec = self._shard.run, self._shard.spec
        judge = registry.judge(
            self._recipe, asked.exemplars(store, run), self._shard.store,
            name=self._name, run=run,
        )  # fmt: skip
        if getattr(judge, "budget", None):
            paid = store.rows("verdicts", spec, columns=["run", "cost_usd"])
            registry.known_spent(judge, paid.to_pylist(), run)
        return judge
