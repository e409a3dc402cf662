"""Pages for people: the gallery and the card of a data set, the report of a study."""

from collections.abc import Mapping
from typing import Any

from prefect import task
from prefect.cache_policies import NO_CACHE

from varifactory.loading import items_table, read_blob
from varifactory.recipe import Recipe
from varifactory.store import Store

PAGES: dict[str, Any] = {
    "cache_policy": NO_CACHE,
    "persist_result": False,
    "tags": ["pages", "cpu"],
}


@task(name="gallery", **PAGES)
def write_gallery(recipe: Recipe, store: str, version: int, facts: Mapping[str, str]) -> str:
    """Render the gallery of a data set version into the store; where its first page lies."""
    from varifactory.gallery import render_gallery

    opened = Store(store)
    manifest = opened.dataset(recipe.name, version)
    items = items_table(opened, manifest)
    pages = render_gallery(
        items, lambda blob: read_blob(opened, blob), title=f"{recipe.name} version {version}",
        facts=facts, page_size=recipe.report.gallery_page,
    )  # fmt: skip
    for path, page in pages.items():
        opened.put_export(recipe.name, version, f"gallery/{path}", page)
    return opened.export_path(recipe.name, version, "gallery/index.html")
