"""Fine-tune the generator on a few real shots, without making edits yet.

python -m flows.adapt RECIPE [--set adaptation.scope=dataset] [--store URL] [--json]

`flows.generate` does the same first where `adaptation.scope` is not `none`, and finds these.
"""

import logging
from typing import Any

from prefect import flow
from prefect.artifacts import create_table_artifact
from prefect.runtime import flow_run

from flows.adapting import tuned_adapters
from flows.dataset import source_images
from flows.parameters import RecipeFile, Settings, StoreUrl, settled, store_url
from flows.run import FactoryRun
from varifactory.adapters import shown
from varifactory.errors import RecipeError
from varifactory.stages import Row

log = logging.getLogger("varifactory")


@flow(name="adapt", flow_run_name="adapt-{recipe.name}", persist_result=False)
def adapt(recipe: RecipeFile, store: StoreUrl = "", settings: Settings = ()) -> dict[str, Any]:
    """Tune the adapters of a recipe's generator, reusing those that the store holds.

    Args:
        recipe: Path of a YAML file on the worker; its `adaptation.scope` is `class` or `dataset`.
        store: Folder, or such as s3://team/store; empty takes the worker's VARIFACTORY_STORE.
        settings: Keys of the recipe to change for this run, such as edits.per_source=2.

    Raises:
        RecipeError: `adaptation.scope` is `none`.
    """
    recipe = settled(recipe, settings)
    if recipe.adaptation.scope == "none":
        raise RecipeError(
            "adaptation.scope is 'none', which asks for no adapter: set it to class or dataset"
        )
    with FactoryRun.begin("adapt", recipe, store_url(store)) as run:
        return _announced(run, tuned_adapters(run, source_images(run)))


def _announced(run: FactoryRun, rows: list[Row]) -> dict[str, Any]:
    """What the run says at its end; on the screen and in Prefect's UI too."""
    table = [shown(row) for row in rows]
    for notice in run.notices:
        log.warning("note: %s", notice)
    if flow_run.id:
        create_table_artifact(
            key="adapters", table=table, description="Loss on fixed shots, noise and times"
        )
    tally = run.stages["adapters"]
    counts = run.counts()
    return {
        "run": run.id,
        "adapters": table,
        "counts": counts,
        "failed": sum(statuses.get("failed", 0) for statuses in counts.values()),
        "items": run.items(),
        "reused": run.reused(),
        "made": run.items() - run.reused(),
        "seconds": round(run.seconds(), 1),
        "notices": run.notices,
        "lines": [
            f"adapters: {tally.items}, of which {tally.reused} reused, in {run.seconds():.1f} s",
            *(_line(each) for each in table),
        ],
    }


def _line(adapter: dict[str, Any]) -> str:
    if adapter["status"] != "ok":
        return f"{adapter['class']}: {adapter['status']}: {adapter['reason']}"
    return (
        f"{adapter['class']}: {adapter['shots']} shots, {adapter['steps']} steps, loss "
        f"{adapter['loss before']:.4f} -> {adapter['loss after']:.4f}, {adapter['adapter']}"
    )


if __name__ == "__main__":
    from flows.command import flow_command

    flow_command("adapt", "Fine-tune the generator on a few real shots.", lambda: adapt)()
