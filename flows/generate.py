"""Sources, prompts, masks, edits, verdicts: a recipe becomes a data set version with its gallery.

python -m flows.generate RECIPE [--set key=value ...] [--store URL] [--preview N] [--json]
"""

from typing import Any

from prefect import flow

from flows.dataset import make_dataset
from flows.holding import held
from flows.parameters import Preview, RecipeFile, Settings, StoreUrl, settled, store_url
from flows.run import FactoryRun
from flows.showing import show_dataset
from flows.summary import announce, summary
from varifactory.recipe import Recipe


@flow(name="generate", flow_run_name="generate-{recipe.name}", persist_result=False)
def generate(
    recipe: RecipeFile, store: StoreUrl = "", settings: Settings = (), preview: Preview = 0
) -> dict[str, Any]:
    """Make a data set version from a recipe, reusing all that the store holds.

    Args:
        recipe: Path of a YAML file on the worker, such as deployments/recipes/quickstart.yaml.
        store: Folder, or such as s3://team/store; empty takes the worker's VARIFACTORY_STORE.
        settings: Keys of the recipe to change for this run, such as edits.per_source=2.
        preview: Source images of a quick first look, such as 8; 0 makes the whole.
    """
    recipe, url = settled(recipe, settings), store_url(store)
    return held(recipe, url, preview, lambda: _whole(recipe, url))


def _whole(recipe: Recipe, url: str) -> dict[str, Any]:
    with FactoryRun.begin("generate", recipe, url) as run:
        made = make_dataset(run)
        gallery = show_dataset(run, made)
        return announce(run, summary(run, made.manifest, gallery=gallery))


if __name__ == "__main__":
    from flows.command import flow_command

    flow_command(
        "generate", "Make a data set version from a recipe.", lambda: generate, previews=True
    )()
