"""Training: one cell of the grid a task, resumed from its last checkpoint."""

import platform
from collections.abc import Sequence
from typing import Any

from prefect import task
from prefect.client.schemas.objects import State

from tasks import policy
from varifactory.embeddings import embedding_spec, vectors_of
from varifactory.keys import item_key, spec_of
from varifactory.loading import images_of, items_of, read_blob
from varifactory.models import Shown, Trainee, registry
from varifactory.recipe import Recipe
from varifactory.shards.keeping import keep_rows
from varifactory.shards.planning import ShardRef
from varifactory.stages import Made, Row
from varifactory.store import Store
from varifactory.training.arms import held_out, mixture, source_key
from varifactory.training.cells import CellData, CellSettings, Examples
from varifactory.training.making import train_cell


@task(**policy.stage("training", gpu=True))
def training_shard(recipe: Recipe, shard: ShardRef, dataset: str, version: int) -> State[Any]:
    """Train the missing cells of a shard on a data set version; each says its own trainee."""
    trainees: list[Trainee] = []

    def make(rows: list[Row], store: Store) -> list[Made]:
        items = items_of(store, dataset, version)
        made = []
        for row in rows:
            # Fresh for every cell: cells may be trained side by side.
            trainees[:] = [registry.trainee(recipe, CellSettings.read(row["settings"]).trainee)]
            made.append(_train(row, recipe, trainees[0], shard, store, items))
        return made

    def where() -> str:
        return registry.where(recipe, trainees[0]) if trainees else platform.machine()

    return policy.run_shard(shard, make, batch_size=1, where=where)


def _train(
    row: Row, recipe: Recipe, trainee: Trainee, shard: ShardRef, store: Store, items: list[Row]
) -> Made:
    def save(step: int, progress: bytes) -> None:
        key = item_key(row["key"], step=step)
        kept = {"key": key, "status": "ok", "label": "", "training_key": row["key"], "step": step}
        made = Made(kept, {"checkpoint_blob": progress})
        keep_rows(store, "checkpoints", shard.spec, shard.run, [made])

    made, predictions = train_cell(
        row, _data(row, recipe, trainee, store, items), trainee,
        resume=_last_checkpoint(store, shard.spec, row["key"]), save=save,
    )  # fmt: skip
    # Predictions first: a cell counts as done only when every one of them is kept.
    keep_rows(store, "predictions", shard.spec, shard.run, [Made(each) for each in predictions])
    return made


def _data(row: Row, recipe: Recipe, trainee: Trainee, store: Store, items: list[Row]) -> CellData:
    """What a cell is shown: real images and edits go the same way, from PNG or from vectors."""
    settings = CellSettings.read(row["settings"])
    found = mixture(
        row["arm"], items, items, row["seed"], editor=settings.editor, **settings.chosen_edits
    )
    parts = (found.real, found.edits, held_out(items, "validation"), held_out(items, "test"))
    spec = ""
    if trainee.takes == "vectors":
        spec = spec_of("embeddings", embedding_spec(registry.encoder(recipe)))
    return CellData(*(_examples(store, rows, spec) for rows in parts))


def _examples(store: Store, rows: Sequence[Row], embeddings: str) -> Examples:
    """With a spec of ``embeddings`` the vectors of the same pixels in place of them."""
    images: Sequence[Shown]
    if embeddings:
        images = list(vectors_of(store, embeddings, [row["pixel_sha256"] for row in rows]))
    else:
        images = images_of(store, rows, "image_blob")
    return Examples(
        images=images,
        labels=[row["label"] for row in rows],
        keys=[source_key(row) for row in rows],
        hashes=[row["pixel_sha256"] for row in rows],
    )


def _last_checkpoint(store: Store, spec: str, cell: str) -> bytes | None:
    wanted = ["key", "training_key", "step", "checkpoint_blob"]
    rows = store.rows("checkpoints", spec, columns=wanted).to_pylist()
    mine = [row for row in rows if row["training_key"] == cell]
    if not mine:
        return None
    return read_blob(store, max(mine, key=lambda row: row["step"])["checkpoint_blob"])
