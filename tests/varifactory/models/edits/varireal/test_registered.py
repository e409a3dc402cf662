"""How a recipe names the editor."""

import pytest

from tests.varifactory.models.edits.varireal.conftest import build
from varifactory.errors import ModelError
from varifactory.models import registry
from varifactory.recipe import Recipe


def recipe(weights: dict[str, str], **edits) -> Recipe:
    parts = {name: {"name": place, "dtype": "float32"} for name, place in weights.items()}
    inpainting = parts.pop("inpainting")
    return Recipe.parse({
        "name": "tiny",
        "sources": {"kind": "world"},
        "edits": {"editor": "varireal", "side": 32, "batch": 2, "checkpoint": inpainting,
                  "varireal": parts} | edits,
    })  # fmt: skip


def test_a_recipe_builds_the_editor_it_describes(weights):
    made = registry.inpainter(recipe(weights, varireal={
        name: {"name": place, "dtype": "float32"}
        for name, place in weights.items() if name != "inpainting"
    } | {"background_steps": 2, "sheet_steps": 2, "guided_steps": 2}), "varireal")  # fmt: skip
    assert made.identity == build(weights).identity


def test_recipes_that_differ_in_other_things_share_what_is_loaded(weights):
    first = registry.inpainter(recipe(weights), "varireal")
    assert registry.inpainter(recipe(weights, per_source=7, strength=0.4), "varireal") is first
    assert registry.inpainter(recipe(weights, batch=4), "varireal") is not first


def test_as_a_second_editor_it_has_a_checkpoint_of_its_own(weights):
    inpainting = {"name": weights["inpainting"], "dtype": "float32"}
    second = recipe(weights, editor="compositor", checkpoint={},
                    compare={"editor": "varireal", "checkpoint": inpainting})  # fmt: skip
    found = registry.inpainter(second, "varireal").sources.found["inpainting"]
    assert (found.place, found.key) == (weights["inpainting"], "edits.compare.checkpoint")


@pytest.mark.parametrize(
    ("name", "value"), [("scheduler", "lcm"), ("distilled", {"checkpoint": {"name": "a/b"}})]
)
def test_few_step_schedules_are_not_for_it(weights, name, value):
    with pytest.raises(ModelError, match=f"samplers of its own: clear edits.{name}"):
        registry.inpainter(recipe(weights, **{name: value}), "varireal")
