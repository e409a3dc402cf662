"""Training: one cell (an arm and a seed) a task, resumed from its last checkpoint."""

from collections.abc import Sequence
from typing import Any

from prefect import task
from prefect.client.schemas.objects import State

from tasks import policy
from varifactory.cells import CellData, Examples
from varifactory.keeping import keep_rows
from varifactory.keys import item_key
from varifactory.loading import images_of, items_of, read_blob
from varifactory.models import registry
from varifactory.recipe import Recipe
from varifactory.shards import ShardRef
from varifactory.stages import Made, Row
from varifactory.store import Store
from varifactory.training import held_out, mixture, source_key, train_cell


@task(**policy.stage("training", gpu=True))
def training_shard(recipe: Recipe, shard: ShardRef, dataset: str, version: int) -> State[Any]:
    """Train the missing cells of a shard on a data set version."""

    def make(rows: list[Row], store: Store) -> list[Made]:
        return [
            _train(row, recipe, shard, store, items_of(store, dataset, version)) for row in rows
        ]

    def where() -> str:
        return registry.where(recipe, registry.trainee(recipe))

    return policy.run_shard(shard, make, batch_size=1, where=where)


def _train(row: Row, recipe: Recipe, shard: ShardRef, store: Store, items: list[Row]) -> Made:
    def save(step: int, progress: bytes) -> None:
        key = item_key(row["key"], step=step)
        kept = {"key": key, "status": "ok", "label": "", "training_key": row["key"], "step": step}
        made = Made(kept, {"checkpoint_blob": progress})
        keep_rows(store, "checkpoints", shard.spec, shard.run, [made])

    made, predictions = train_cell(
        row, _data(row, recipe, store, items), registry.trainee(recipe),
        resume=_last_checkpoint(store, shard.spec, row["key"]), save=save,
    )  # fmt: skip
    # Predictions first: a cell counts as done only when every one of them is kept.
    keep_rows(store, "predictions", shard.spec, shard.run, [Made(each) for each in predictions])
    return made


def _data(row: Row, recipe: Recipe, store: Store, items: list[Row]) -> CellData:
    found = mixture(row["arm"], items, items, row["seed"], editor=recipe.edits.editor)
    return CellData(
        real=_examples(store, found.real),
        edits=_examples(store, found.edits),
        validation=_examples(store, held_out(items, "validation")),
        test=_examples(store, held_out(items, "test")),
    )


def _examples(store: Store, rows: Sequence[Row]) -> Examples:
    return Examples(
        images=images_of(store, rows, "image_blob"),
        labels=[row["label"] for row in rows],
        keys=[source_key(row) for row in rows],
    )


def _last_checkpoint(store: Store, spec: str, cell: str) -> bytes | None:
    wanted = ["key", "training_key", "step", "checkpoint_blob"]
    rows = store.rows("checkpoints", spec, columns=wanted).to_pylist()
    mine = [row for row in rows if row["training_key"] == cell]
    if not mine:
        return None
    return read_blob(store, max(mine, key=lambda row: row["step"])["checkpoint_blob"])
