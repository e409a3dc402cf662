"""One arm of a recipe: adapters and scores on the newest version of its data set.

python -m flows.train RECIPE --set training.arms='[real+feasible]' [--store URL] [--json]
"""

from typing import Any

from prefect import flow

from flows.dataset import make_dataset
from flows.embedding import embed_items
from flows.leaks import refuse_edits
from flows.parameters import RecipeFile, Settings, StoreUrl, settled, store_url
from flows.run import FactoryRun
from flows.summary import announce, summary
from flows.tally import StageFailed
from tasks.training import training_shard
from varifactory.errors import RecipeError
from varifactory.keys import spec_of
from varifactory.loading import items_of
from varifactory.models import registry
from varifactory.stages import Row
from varifactory.store import Manifest
from varifactory.training.planning import plan_cells, training_spec


@flow(name="train", flow_run_name="train-{recipe.name}", persist_result=False)
def train(recipe: RecipeFile, store: StoreUrl = "", settings: Settings = ()) -> dict[str, Any]:
    """Train one arm on every training seed of the recipe; its data set is made if need be.

    Args:
        recipe: Path of a YAML file on the worker; its `training.arms` names exactly one arm.
        store: Folder, or such as s3://team/store; empty takes the worker's VARIFACTORY_STORE.
        settings: Keys of the recipe to change for this run, such as edits.per_source=2.

    Raises:
        RecipeError: the recipe names several arms; a study trains those.
    """
    recipe = settled(recipe, settings)
    if len(recipe.training.arms) != 1:
        raise RecipeError(
            f"training.arms is {list(recipe.training.arms)}: flows.train takes one arm, such as "
            "--set training.arms='[real]'; flows.study trains them all"
        )
    with FactoryRun.begin("train", recipe, store_url(store)) as run:
        made = make_dataset(run, trains=True)
        cells = train_cells(run, made.manifest)
        return announce(
            run, summary(run, made.manifest) | {"cells": [_shown(cell) for cell in cells]}
        )


def train_cells(run: FactoryRun, manifest: Manifest) -> list[Row]:
    """The cells of all arms and seeds of the recipe, each a Prefect task.

    Raises:
        Leaked: edits of the data set show test images.
        StageFailed: no cell was trained, or the check for leaks failed.
    """
    items = items_of(run.store, manifest.name, manifest.version)
    embed_items(run, items)
    refuse_edits(run, items, f"{manifest.name}@{manifest.version}")
    fields = training_spec(run.recipe, registry.trainee(run.recipe))
    planned = plan_cells(spec_of("training", fields), run.recipe, items, items)
    extra = {"dataset": manifest.name, "version": manifest.version}
    cells = run.stage(training_shard, "training", fields, planned, size=1, extra=extra)
    bad = [cell for cell in cells if cell["status"] != "ok"]
    run.notices += [
        f"arm {cell['arm']}, seed {cell['seed']} {cell['status']}: {cell['reason']}" for cell in bad
    ]
    if len(bad) == len(cells):
        raise StageFailed(f"no cell was trained; the first said: {bad[0]['reason']}")
    return cells


def _shown(cell: Row) -> dict[str, Any]:
    names = ("arm", "seed", "test_top1", "validation_top1", "chosen_step", "adapter_blob")
    return {name: cell[name] for name in names}


if __name__ == "__main__":
    from flows.command import flow_command

    flow_command("train", "Train one arm of a recipe.", lambda: train)()
