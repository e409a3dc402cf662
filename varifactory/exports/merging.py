"""A trained cell of a store as a checkpoint that stock libraries read."""

from pathlib import Path
from typing import Any

from varifactory.errors import FactoryError
from varifactory.loading import read_blob
from varifactory.store import Store

SHORTEST_KEY = 8
"""Digits of a key that are enough where one cell alone begins so."""


def adapter_of(store: Store, cell: str) -> tuple[bytes, dict[str, Any]]:
    """The adapter of a trained cell, and the cell's row.

    Args:
        store: where it was trained.
        cell: its key, or the beginning of one.

    Raises:
        FactoryError: no cell, or more than one, begins so, or it trained nothing.
    """
    rows = [row for spec in store.specs("training")
            for row in store.rows("training", spec).to_pylist()]  # fmt: skip
    found = [row for row in rows if row["key"].startswith(cell)]
    if len(cell) < SHORTEST_KEY or len(found) != 1:
        known = ", ".join(f"{row['key'][:16]} ({row['arm']}, seed {row['seed']})"
                          for row in rows if row["status"] == "ok")  # fmt: skip
        raise FactoryError(
            f"key {cell!r} names {len(found)} trained cells: give one's key, at least its first "
            f"{SHORTEST_KEY} digits; there are {known or 'none'}"
        )
    if not found[0].get("adapter_blob"):
        raise FactoryError(
            f"cell {found[0]['key'][:16]} ({found[0]['arm']}, {found[0]['status']}) has no "
            "adapter: zero-shot and failed cells trained nothing"
        )
    return read_blob(store, found[0]["adapter_blob"]), found[0]


def export_adapter(
    store: Store, cell: str, folder: Path, library: str, base: str = ""
) -> dict[str, Any]:
    """Merge a cell's adapter into its base and write it for ``library``.

    Args:
        store: where it was trained.
        cell: as ``adapter_of`` takes it.
        folder: where to; must not be there yet.
        library: ``open_clip`` or ``transformers``.
        base: the CLIP it was trained on; empty: as the adapter names it.

    Raises:
        FactoryError: as ``adapter_of``.
        ModelError: the base cannot be had or is another one, or the folder is there.
    """
    from varifactory.models.clip.adapter import read_manifest
    from varifactory.models.clip.bases import find_base
    from varifactory.models.clip.export import export

    adapter, row = adapter_of(store, cell)
    manifest = read_manifest(adapter)
    if manifest["kind"] != "adapter":
        raise FactoryError(
            f"cell {row['key'][:16]} trained a {manifest['kind']}, which is no adapter of a CLIP: "
            f"its whole weights lie in the store as {row['adapter_blob']}, safetensors under the "
            "names of its library"
        )
    named = find_base(base or manifest["base"], key="--base")
    told = export(named, folder, library, adapter)
    return {"folder": str(folder), "cell": row["key"], "arm": row["arm"], "seed": row["seed"],
            "library": library, "base": told["base"], "weights": told["weights"],
            "classes": told["adapter"]["class_names"]}  # fmt: skip
