"""What a flow is asked: the same words on the command line, in a deployment and in its form."""

import os
from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, WithJsonSchema

from varifactory.answering import DEFAULT_STORE
from varifactory.errors import RecipeError
from varifactory.history.versions import named
from varifactory.recipe import Recipe
from varifactory.store import Manifest, Store, StoreMissing

STORE = "VARIFACTORY_STORE"
"""Environment variable that names the store where nothing else does."""


def _read(given: Any) -> Any:
    return Recipe.read(given) if isinstance(given, str) else given


RecipeFile = Annotated[
    Recipe,
    BeforeValidator(_read),
    WithJsonSchema({"type": "string", "title": "Recipe", "examples": ["recipes/ours.yaml"]}),
]
"""A recipe, or the path of its YAML file as the worker that runs the flow sees it."""

Settings = Annotated[tuple[str, ...], Field(title="Settings", examples=[["edits.per_source=2"]])]
"""Keys of the recipe laid over it, ``key.inner=value`` each."""

StoreUrl = Annotated[str, Field(title="Store", examples=["s3://team/store"])]
"""Folder or ``s3://bucket/prefix``; empty takes the worker's ``VARIFACTORY_STORE``."""

Preview = Annotated[int, Field(ge=0, le=100_000, title="Preview")]
"""Source images of a preview; 0 makes the whole."""


def settled(recipe: Recipe, settings: Sequence[str]) -> Recipe:
    """The recipe with ``key.inner=value`` settings laid over it.

    Raises:
        RecipeError: unknown key, or a value that is not allowed.
    """
    return recipe.overlaid(settings) if settings else recipe


def store_url(given: str) -> str:
    """The store that was asked for, else the environment's, else a folder here."""
    return given or os.environ.get(STORE) or DEFAULT_STORE


def anywhere(url: str) -> str:
    """A store's URL that means the same in another working folder."""
    return url if "://" in url else os.path.abspath(os.path.expanduser(url))


def data_set(store: Store, key: str, name: str) -> Manifest:
    """The data set version that a key of the recipe names, ``NAME`` or ``NAME@VERSION``.

    Raises:
        RecipeError: there is none, which is asked before hours of work.
    """
    try:
        return named(store, name)
    except StoreMissing as error:
        raise RecipeError(f"{key} is {name!r}: {error}") from None
