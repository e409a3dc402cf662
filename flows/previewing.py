"""A few source images first, for real: what was made counts for the whole."""

from typing import Any

from flows.dataset import Dataset, make_dataset
from flows.run import FactoryRun
from flows.showing import show_dataset
from flows.summary import announce, summary
from varifactory.recipe import Recipe
from varifactory.runs.previews import preview_name


def make_preview(
    recipe: Recipe, url: str, images: int, *, trains: bool = False
) -> tuple[Dataset, dict[str, Any]]:
    """Make so many source images' edits and publish them as ``NAME-preview``.

    Keys and artifacts are those of the whole, so the whole finds them made.
    """
    small = recipe.model_copy(update={"name": preview_name(recipe.name)})
    with FactoryRun.begin("preview", small, url, beside="preview") as run:
        made = make_dataset(run, trains=trains, preview=images)
        gallery = show_dataset(run, made)
        return made, announce(run, summary(run, made.manifest, gallery=gallery))
