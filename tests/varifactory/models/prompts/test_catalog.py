"""The writer without a model."""

from pathlib import Path

import pytest

from varifactory.catalog import load_catalog, load_taxonomy
from varifactory.errors import RecipeError
from varifactory.models import PromptRequest
from varifactory.models.prompts.catalog import CatalogWriter


def test_values_come_in_file_order_without_those_taken() -> None:
    writer = CatalogWriter(load_catalog(), load_taxonomy("photos"))
    color = load_catalog().attribute("color")
    written = writer.write(PromptRequest("cat", color, "feasible", 2, ("orange",)))
    assert [one.value for one in written] == ["black", "gray"]
    assert [one.phrase for one in written] == ["jet black", "plain gray"]
    assert {one.cost_usd for one in written} == {0.0}


def test_a_value_that_the_attribute_lacks_is_named(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("classes: {cat: {color: {feasible: [mauve], infeasible: [red]}}}")
    writer = CatalogWriter(load_catalog(), load_taxonomy(str(path)))
    color = load_catalog().attribute("color")
    with pytest.raises(RecipeError, match=r"class 'cat' the color 'mauve', which.*lacks; it has"):
        writer.write(PromptRequest("cat", color, "feasible", 1))
