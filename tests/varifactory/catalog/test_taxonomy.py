"""Pools a class and attribute."""

from pathlib import Path

import pytest

from varifactory.catalog import load_catalog, load_taxonomy
from varifactory.catalog.phrases import normal_form
from varifactory.errors import RecipeError

PHOTOS = {"cat", "coffee cup", "rocket", "astronaut", "motorcycle", "temple", "flower"}


@pytest.mark.parametrize("name", ["photos", "world"])
def test_shipped_pools_name_values_of_the_catalog_and_share_none(name: str) -> None:
    taxonomy, catalog = load_taxonomy(name), load_catalog()
    for class_name, attributes in [*taxonomy.classes.items(), ("default", taxonomy.default)]:
        for attribute, pools in attributes.items():
            known = catalog.attribute(attribute).values
            assert set(pools.feasible + pools.infeasible) <= set(known), (class_name, attribute)
            forms = [normal_form(value) for value in pools.feasible + pools.infeasible]
            assert len(set(forms)) == len(forms) == 2 * len(pools.feasible)


def test_photographs_have_four_values_a_pool_and_no_known_truth() -> None:
    photos = load_taxonomy("photos")
    assert set(photos.classes) == PHOTOS
    for name in PHOTOS:
        sizes = {len(photos.pools(name, a).feasible) for a in ("background", "color", "texture")}
        assert sizes == {4}
    assert photos.feasibility("cat", "color", "green") == "not judged"


def test_the_drawn_world_knows_its_truth() -> None:
    world = load_taxonomy("world")
    pools = world.pools("cat", "color")
    assert world.feasibility("cat", "color", pools.feasible[0]) == "feasible"
    assert world.feasibility("cat", "color", pools.infeasible[0]) == "infeasible"
    assert world.feasibility("unicorn", "color", "red") == "not judged"


def test_a_class_of_the_users_own_takes_the_default() -> None:
    photos = load_taxonomy("photos")
    assert photos.pools("garden gnome", "color") == photos.default["color"]


@pytest.mark.parametrize(
    ("pools", "told"),
    [
        ("{feasible: [red], infeasible: [red]}", "cannot be both"),
        ("{feasible: [grey], infeasible: [Gray]}", r"\['Gray', 'grey'\] cannot be both"),
        ("{feasible: [red, red], infeasible: [blue, green]}", "names a value twice"),
        ("{feasible: [red], infeasible: []}", "must be of equal size"),
    ],
)
def test_pools_are_disjoint_distinct_and_equal(tmp_path: Path, pools: str, told: str) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(f"classes: {{cat: {{color: {pools}}}}}")
    with pytest.raises(RecipeError, match=rf"mine\.yaml cannot be used(.|\n)*{told}"):
        load_taxonomy(str(path))


def test_an_unknown_taxonomy_is_told_with_the_known_ones() -> None:
    with pytest.raises(RecipeError, match="no taxonomy 'pets': give world, photos, or a path"):
        load_taxonomy("pets")
