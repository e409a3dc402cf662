"""The shipped recipes: they load, and every line says what it is for."""

from pathlib import Path

import pytest

from tests.deployments.pinning import pinned
from varifactory.catalog import load_catalog, load_taxonomy
from varifactory.models import registry
from varifactory.recipe import Recipe

FOLDER = Path(__file__).parents[2] / "deployments/recipes"
RECIPES = sorted(FOLDER.rglob("*.yaml"))


def test_there_are_recipes_and_no_two_share_a_name() -> None:
    names = [path.stem for path in RECIPES]
    assert {"quickstart", "matched", "pets", "aircraft", "cars"} <= set(names)
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_a_recipe_loads_under_the_name_of_its_file(path: Path) -> None:
    recipe = Recipe.read(path)
    assert recipe.name == path.stem


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_what_a_recipe_names_is_there(path: Path) -> None:
    """Models are built, which loads nothing; a judge needs images, so its name is looked up."""
    recipe = pinned(path)
    catalog = load_catalog(recipe.prompts.catalog)
    assert all(name in catalog.attributes for name in recipe.prompts.attributes)
    assert load_taxonomy(recipe.prompts.taxonomy).classes
    assert registry.segmenter(recipe).identity
    for editor in {recipe.edits.editor, recipe.edits.compare.editor}:
        assert registry.inpainter(recipe, editor).identity["name"] == editor
    assert recipe.verdicts.judge in {*registry.JUDGES, "none"}


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_every_line_carries_a_comment(path: Path) -> None:
    bare = [
        f"{number}: {line}"
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if line.strip() and not line.strip().startswith("#") and " # " not in line
    ]
    assert bare == []


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_comments_are_words(path: Path) -> None:
    comments = [line.split("#", 1)[1].strip() for line in path.read_text().splitlines()
                if "#" in line]  # fmt: skip
    assert all(len(comment) >= 5 for comment in comments)
