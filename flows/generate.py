"""Sources, prompts, masks, edits, verdicts: a recipe becomes a data set version with its gallery.

python -m flows.generate RECIPE [--set key=value ...] [--store URL] [--json]
"""

from typing import Any

from prefect import flow

from flows.dataset import class_prompts, judged_edits, object_masks, publish, source_images
from flows.run import FactoryRun
from flows.showing import show_dataset
from flows.summary import announce, summary
from varifactory.recipe import Recipe
from varifactory.store import Manifest


@flow(name="generate", flow_run_name="generate-{recipe.name}", persist_result=False)
def generate(recipe: Recipe, store: str = "./.varifactory") -> dict[str, Any]:
    """Make a data set version from a recipe, reusing all that the store holds.

    Args:
        recipe: the settings of the data set.
        store: folder or s3:// address that keeps every artifact.
    """
    with FactoryRun.begin("generate", recipe, store) as run:
        manifest = make_dataset(run)
        gallery = show_dataset(run, manifest)
        return announce(run, summary(run, manifest, gallery=gallery))


def make_dataset(run: FactoryRun) -> Manifest:
    """Every stage from the sources to the published version."""
    chosen = source_images(run)
    training = [row for row in chosen if row["split"] == "train"]
    prompts = class_prompts(run, {row["label"] for row in training})
    masks = object_masks(run, training)
    good = [row for row in masks if row["status"] == "ok"]
    judged = judged_edits(run, chosen, good, prompts)
    return publish(run, chosen, masks, judged)


if __name__ == "__main__":
    from flows.command import flow_command

    flow_command("generate", "Make a data set version from a recipe.", lambda: generate)()
