"""Sources, prompts, masks, edits, verdicts: a recipe becomes a data set version with its gallery.

python -m flows.generate RECIPE [--set key=value ...] [--store URL] [--json]
"""

from typing import Any

from prefect import flow

from flows.dataset import make_dataset
from flows.run import FactoryRun
from flows.showing import show_dataset
from flows.summary import announce, summary
from varifactory.recipe import Recipe


@flow(name="generate", flow_run_name="generate-{recipe.name}", persist_result=False)
def generate(recipe: Recipe, store: str = "./.varifactory") -> dict[str, Any]:
    """Make a data set version from a recipe, reusing all that the store holds.

    Args:
        recipe: the settings of the data set.
        store: folder or s3:// address that keeps every artifact.
    """
    with FactoryRun.begin("generate", recipe, store) as run:
        made = make_dataset(run)
        gallery = show_dataset(run, made)
        return announce(run, summary(run, made.manifest, gallery=gallery))


if __name__ == "__main__":
    from flows.command import flow_command

    flow_command("generate", "Make a data set version from a recipe.", lambda: generate)()
