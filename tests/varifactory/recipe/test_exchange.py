"""Grids that cannot tell a rate are refused with the key and the value."""

from typing import Any

import pytest

from varifactory.errors import RecipeError
from varifactory.recipe import Recipe

SMALL: dict[str, Any] = {"name": "small", "sources": {"kind": "world"}}


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"mislabelled": 0}, "'exchange.mislabelled' has the value 0: Input should be greater"),
        ({"seeds": [1, 1]}, "seeds names a value twice: [1, 1]"),
        ({"gains": [1, 4]}, "at [4.0] times the base, and real adds at most 2.0: add that to real"),
        ({"generators": ["foreign"]}, "set foreign to the data set that ingest made"),
    ],
)
def test_what_is_wrong_is_named_with_its_value(asked: dict[str, Any], told: str) -> None:
    with pytest.raises(RecipeError) as error:
        Recipe.parse(SMALL | {"exchange": asked})
    assert told in str(error.value)


def test_any_share_of_wrong_labels_above_none_is_taken() -> None:
    for share in (0.01, 1.0):
        found = Recipe.parse(SMALL | {"exchange": {"mislabelled": share}})
        assert found.exchange.mislabelled == share
