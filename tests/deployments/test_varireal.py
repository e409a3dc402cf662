"""The recipes of the paper: its numbers under ``faithful``, equal arms under ``matched``."""

from pathlib import Path

import pytest

from tests.deployments.pinning import pinned
from varifactory.catalog import load_catalog
from varifactory.catalog.taxonomy import FEASIBILITIES
from varifactory.edits import plan_edits
from varifactory.errors import RecipeError
from varifactory.models import registry
from varifactory.prompts import plan_prompts, write_prompts
from varifactory.recipe import Recipe
from varifactory.recipe.edits import Knobs
from varifactory.stages import Row

FOLDER = Path(__file__).parents[2] / "deployments/recipes/varireal"
EDITOR = "varireal"
FAITHFUL = ("pets", "aircraft", "cars")
KNOBS = set(Knobs.model_fields)
# Of the authors' code: guidance, steps, strength of inpainting, and what else a recipe reads.
BACKGROUND = {"pets": (40, 30, 0.99, 120), "aircraft": (7.5, 30, 0.95, 50),
              "cars": (7.5, 30, 0.90, 25)}  # fmt: skip
COLOR = {
    ("pets", "feasible"): (12, 20, 0.30, 0.30, 0.7),
    ("pets", "infeasible"): (12, 20, 0.30, 0.50, 0.7),
    ("aircraft", "feasible"): (12, 20, 0.80, 0.60, 0.4),
    ("aircraft", "infeasible"): (12, 20, 0.80, 0.65, 0.4),
    ("cars", "feasible"): (30, 20, 0.85, 0.60, 0.4),
    ("cars", "infeasible"): (30, 20, 0.85, 0.60, 0.4),
}
TEXTURE = {
    ("pets", "feasible"): (12, 20, 0.30, 0.50, 0.20),
    ("pets", "infeasible"): (12, 20, 0.30, 0.40, 0.50),
    ("aircraft", "feasible"): (8, 20, 0.65, 0.50, 0.65),
    ("aircraft", "infeasible"): (8, 20, 0.30, 0.65, 0.40),
    ("cars", "feasible"): (30, 20, 0.65, 0.65, 0.65),
    ("cars", "infeasible"): (8, 20, 0.30, 0.65, 0.40),
}


def read(name: str) -> Recipe:
    return Recipe.read(FOLDER / f"{name}.yaml")


def numbers(recipe: Recipe, attribute: str, feasibility: str) -> dict[str, object]:
    settings = recipe.edits.settings_of(attribute, feasibility)
    return {name: value for name, value in settings.items() if name in KNOBS}


@pytest.mark.parametrize("feasibility", FEASIBILITIES)
@pytest.mark.parametrize("name", FAITHFUL)
def test_faithful_has_the_paper_s_numbers(name: str, feasibility: str) -> None:
    recipe = read(name)
    assert recipe.edits.preset == "faithful"
    assert numbers(recipe, "background", feasibility) == dict(
        zip(("guidance", "steps", "strength", "dilate"), BACKGROUND[name], strict=True)
    )
    names = ("guidance", "steps", "strength", "alpha", "image_scale")
    for attribute, table in (("color", COLOR), ("texture", TEXTURE)):
        wanted = dict(zip(names, table[name, feasibility], strict=True))
        assert numbers(recipe, attribute, feasibility) == wanted


@pytest.mark.parametrize("name", [*FAITHFUL, "matched"])
def test_what_all_data_sets_share(name: str) -> None:
    edits = read(name).edits
    parts = edits.varireal
    assert edits.editor == EDITOR
    assert (edits.side, edits.per_source) == (1024, 5)
    assert (parts.background_steps, parts.sheet_steps) == (20, 15)
    assert (parts.guided_steps, parts.guided_guidance, parts.control_scale) == (25, 7.5, 1.0)
    assert edits.checkpoint.name == "diffusers/stable-diffusion-xl-1.0-inpainting-0.1"
    assert parts.base.name == "SG161222/RealVisXL_V4.0"


def test_matched_gives_both_arms_the_same_settings() -> None:
    recipe = read("matched")
    assert recipe.edits.preset == "matched"
    assert len(recipe.edits.by_attribute) == 3
    for attribute in recipe.prompts.attributes:
        feasible, infeasible = (numbers(recipe, attribute, arm) for arm in FEASIBILITIES)
        assert feasible == infeasible
        assert {"guidance", "steps", "strength"} < set(feasible)


def test_matched_refuses_settings_of_one_arm() -> None:
    data = read("pets").model_dump()
    data["edits"]["preset"] = "matched"
    with pytest.raises(RecipeError, match="preset matched gives both arms the same"):
        Recipe.parse(data)


def planned(name: str) -> list[Row]:
    """Edits of one source, with the catalog's words instead of a language model's."""
    recipe, catalog = pinned(FOLDER / f"{name}.yaml"), load_catalog()
    settings = recipe.prompts.model_copy(update={"writer": "catalog", "per_pool": 4})
    writer = registry.writer(recipe.model_copy(update={"prompts": settings}))
    prompts = plan_prompts("spec", ["cat"], catalog, settings, writer)
    written = [made.row for made in write_prompts(prompts, writer, catalog)]
    mask = {"key": "m", "label": "cat", "source_key": "s", "source_pixels": "p", "image_blob": "i",
            "mask_sha256": "h", "mask_blob": "b"}  # fmt: skip
    return plan_edits("spec", [mask], written, recipe, catalog, registry.inpainter(recipe, EDITOR))


@pytest.mark.parametrize("name", ["matched", "cars"])
def test_arms_share_noise_and_have_pools_of_equal_size(name: str) -> None:
    rows = planned(name)
    arms = {arm: [row for row in rows if row["feasibility"] == arm] for arm in FEASIBILITIES}
    assert len(arms["feasible"]) == len(arms["infeasible"]) == 15
    for one, two in zip(*(sorted(rows, key=place) for rows in arms.values()), strict=True):
        assert place(one) == place(two)
        assert one["seed"] == two["seed"]
        assert one["settings"] == two["settings"] or name != "matched"
        assert one["value"] != two["value"]
    for attribute in ("background", "color", "texture"):
        pools = [{row["value"] for row in rows if row["attribute"] == attribute}
                 for rows in arms.values()]  # fmt: skip
        assert len(pools[0]) == len(pools[1]) == 4
        assert pools[0].isdisjoint(pools[1])


def place(row: Row) -> tuple[object, object]:
    return row["attribute"], row["index"]


def test_the_arms_of_the_paper_do_differ() -> None:
    """What makes the preset faithful unfit for a finding on feasibility."""
    recipe = read("cars")
    assert numbers(recipe, "texture", "feasible") != numbers(recipe, "texture", "infeasible")
