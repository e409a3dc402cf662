"""From ``recipe.prompts`` to who writes the prompts."""

import threading
from functools import cache

from varifactory.catalog import load_catalog, load_taxonomy
from varifactory.models import Writer
from varifactory.models.provider.budget import shared
from varifactory.recipe import Prompts, Recipe

_BUILDING = threading.Lock()


def writer(recipe: Recipe, *, run: str = "") -> Writer:
    """Who writes the prompts: the catalog itself, or a language model by its litellm name.

    ``run`` names whose budget is spent; all writers of a run share it.
    """
    # One object a run, as of judges: a cache alone lets threads that ask first at once build two.
    with _BUILDING:
        return _writer(recipe.prompts, run)


@cache
def _writer(prompts: Prompts, run: str) -> Writer:
    catalog = load_catalog(prompts.catalog)
    if prompts.writer == "catalog":
        from varifactory.models.prompts.catalog import CatalogWriter

        return CatalogWriter(catalog, load_taxonomy(prompts.taxonomy))
    from varifactory.models.prompts.llm import LitellmWriter

    return LitellmWriter(
        prompts.writer,
        base_url=prompts.base_url or None,
        key_variable=prompts.key_variable or None,
        budget=shared(run, "prompts", prompts.max_usd, prompts.max_requests),
        prices=prompts.prices,
    )
