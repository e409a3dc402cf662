"""A data set's gallery, written beside it in the store.

exports/<name>/<version>/gallery/index.html, page-2.html, ...
exports/<name>/<version>/gallery/pages.json     hash and size of each page, written last
"""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

import pyarrow as pa

from varifactory.calibration.figures import CalibrationFigures
from varifactory.calibration.kept import latest
from varifactory.calibration.wording import percent_of
from varifactory.datasets import Dataset
from varifactory.gallery.page import gallery_pages
from varifactory.loading import read_blob
from varifactory.store import Manifest, Store, StoreError, StoreMissing
from varifactory.yields import edits_of, foreign_of, unchanged_of

PAGES = "gallery/pages.json"
PAGE = re.compile(r"index\.html|page-[1-9][0-9]{0,6}\.html")
LARGEST = 64 * 2**20
"""Bytes of a page; ours have a few MB at most."""
SHOWN = 16
"""Digits of a hash that a page shows."""


def export_gallery(data: Dataset, page_size: int = 200) -> str:
    """Write the pages of a version's gallery that are not there yet; where its first page lies.

    Pages are compared by their hashes, thumbnails come from this disk where they were made before:
    a gallery that is built again costs what is new in it.
    """
    manifest, store = data.manifest, data.store
    try:
        there = set(store.export_files(manifest.name, manifest.version, "gallery"))
        listed = known_pages(store, manifest)
        known = {path: page for path, page in listed.items() if path in there}
    except StoreError:
        known = {}  # made anew
    said: dict[str, dict[str, Any]] = {}

    def put(path: str, page: bytes) -> None:
        said[path] = {"sha256": hashlib.sha256(page).hexdigest(), "bytes": len(page)}
        if known.get(path) != said[path]:
            store.put_export(manifest.name, manifest.version, f"gallery/{path}", page)

    pages = pages_of(data, page_size)
    # The first page comes last: who finds it finds the others.
    _, first = next(pages)
    for path, page in pages:
        put(path, page)
    put("index.html", first)
    if said != known:
        told = json.dumps(said, indent=1, sort_keys=True).encode()
        store.put_export(manifest.name, manifest.version, PAGES, told)
    return store.export_path(manifest.name, manifest.version, "gallery/index.html")


def pages_of(data: Dataset, page_size: int = 200) -> Iterator[tuple[str, bytes]]:
    """Path and content of every page, the first one first."""
    manifest, store = data.manifest, data.store
    return gallery_pages(
        data.table(),
        partial(read_blob, store),
        title=f"{manifest.name}, version {manifest.version}",
        facts=gallery_facts(manifest, data.table(), latest(store, manifest.name, manifest.version)),
        page_size=page_size,
        keep=True,
    )


def known_pages(store: Store, manifest: Manifest) -> dict[str, dict[str, Any]]:
    """Path -> hash and bytes of the pages a whole gallery in the store has; none: there is none.

    Raises:
        StoreError: the list is not one of ours.
    """
    try:
        data = store.get_export(manifest.name, manifest.version, PAGES)
    except StoreMissing:
        return {}
    try:
        found: dict[str, dict[str, Any]] = json.loads(data)
        whole = "index.html" in found and all(
            PAGE.fullmatch(path) and re.fullmatch("[0-9a-f]{64}", page["sha256"])
            and 0 < int(page["bytes"]) <= LARGEST
            for path, page in found.items()
        )  # fmt: skip
    except (ValueError, TypeError, KeyError):
        whole = False
    if not whole:
        where = store.export_path(manifest.name, manifest.version, PAGES)
        raise StoreError(f"{where} is no list of a gallery's pages: run with --again")
    return found


def gallery_facts(
    manifest: Manifest, items: pa.Table, people: CalibrationFigures | None = None
) -> Mapping[str, str]:
    """What the head of a gallery says of its data set, and of what people found in it."""
    edits = edits_of(items)
    beside = len(unchanged_of(items))
    recipe: Mapping[str, Any] = manifest.recipe
    named = {
        "segmenter": (recipe.get("masks") or {}).get("segmenter"),
        "editor": (recipe.get("edits") or {}).get("editor"),
        "judge": judges_named(recipe.get("verdicts") or {}),
        "checked by people": people
        and f"{people.labelled:,} edits, precision {percent_of(people.precision)}",
    }
    foreign = foreign_of(items)
    generators = ", ".join(sorted({str(row["editor"]) for row in foreign}))
    made = f"{len(edits):,} of {len({row['source_key'] for row in edits}):,} source images"
    counted = {
        "edits": made + (f", and {beside:,} unchanged" if beside else ""),
        "foreign images": f"{len(foreign):,} by {generators}",
    }
    if foreign and not edits:
        named = {}  # of the recipe that made the data set beside them
    return {
        **{
            name: text
            for name, text in counted.items()
            if (foreign if name == "foreign images" else edits or not foreign)
        },
        **{name: str(value) for name, value in named.items() if value},
        "made": f"{manifest.created_at:%d %B %Y}",
        "data set hash": manifest.dataset_hash[:SHOWN],
    }


def judges_named(verdicts: Mapping[str, Any]) -> str:
    """Who judged, by the ``verdicts`` of a recipe: the first judge, its panel, and the rule."""
    first, panel = verdicts.get("judge"), verdicts.get("panel") or ()
    if not panel:
        return str(first or "")
    return f"{', '.join([str(first), *panel])} (decision: {verdicts.get('decision')})"
