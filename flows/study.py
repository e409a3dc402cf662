"""Generate, train every arm, report: what the edits of a recipe are worth.

python -m flows.study RECIPE [--set key=value ...] [--store URL] [--preview N] [--json]
"""

from typing import Any

from prefect import flow

from flows.holding import held
from flows.parameters import Preview, RecipeFile, Settings, StoreUrl, settled, store_url
from flows.run import FactoryRun
from flows.studying import compared, registered, study_datasets
from flows.summary import announce
from varifactory.recipe import Recipe


@flow(name="study", flow_run_name="study-{recipe.name}", persist_result=False)
def study(
    recipe: RecipeFile, store: StoreUrl = "", settings: Settings = (), preview: Preview = 0
) -> dict[str, Any]:
    """Make the data sets, train every cell of the grid, and write the report.

    Args:
        recipe: Path of a YAML file on the worker, such as deployments/recipes/quickstart.yaml.
        store: Folder, or such as s3://team/store; empty takes the worker's VARIFACTORY_STORE.
        settings: Keys of the recipe to change for this run, such as edits.per_source=2.
        preview: Source images of a quick first look, such as 8; 0 makes the whole.
    """
    recipe, url = settled(recipe, settings), store_url(store)
    return held(recipe, url, preview, lambda: _whole(recipe, url), trains=True)


def _whole(recipe: Recipe, url: str) -> dict[str, Any]:
    with FactoryRun.begin("study", recipe, url) as run:
        plan = registered(run)
        studied = study_datasets(run)
        return announce(run, compared(run, plan, studied))


if __name__ == "__main__":
    from flows.command import flow_command

    flow_command(
        "study", "Make a data set, train every arm and report.", lambda: study, previews=True
    )()
