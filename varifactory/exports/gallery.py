"""A data set's gallery, written beside it in the store."""

from collections.abc import Mapping
from functools import partial
from typing import Any

import pyarrow as pa

from varifactory.calibration.figures import CalibrationFigures
from varifactory.calibration.kept import latest
from varifactory.calibration.wording import percent_of
from varifactory.datasets import Dataset
from varifactory.gallery import gallery_pages
from varifactory.loading import read_blob
from varifactory.store import Manifest

SHOWN = 16
"""Digits of a hash that a page shows."""


def export_gallery(data: Dataset, page_size: int = 200) -> str:
    """Write the pages of a version's gallery; returns where its first page lies."""
    manifest, store = data.manifest, data.store
    pages = gallery_pages(
        data.table(),
        partial(read_blob, store),
        title=f"{manifest.name}, version {manifest.version}",
        facts=gallery_facts(manifest, data.table(), latest(store, manifest.name, manifest.version)),
        page_size=page_size,
    )
    # The first page comes last: who finds it finds the others.
    _, first = next(pages)
    for path, page in pages:
        store.put_export(manifest.name, manifest.version, f"gallery/{path}", page)
    return store.put_export(manifest.name, manifest.version, "gallery/index.html", first)


def gallery_facts(
    manifest: Manifest, items: pa.Table, people: CalibrationFigures | None = None
) -> Mapping[str, str]:
    """What the head of a gallery says of its data set, and of what people found in it."""
    edits = items.filter(pa.compute.equal(items["kind"], "edit"))
    recipe: Mapping[str, Any] = manifest.recipe
    named = {
        "segmenter": (recipe.get("masks") or {}).get("segmenter"),
        "editor": (recipe.get("edits") or {}).get("editor"),
        "judge": judges_named(recipe.get("verdicts") or {}),
        "checked by people": people
        and f"{people.labelled:,} edits, precision {percent_of(people.precision)}",
    }
    return {
        "edits": f"{len(edits):,} of {len(set(edits['source_key'].to_pylist())):,} source images",
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
