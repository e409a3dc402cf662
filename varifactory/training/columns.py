"""The factors of training cells as columns, so that a condition can choose among them."""

import json
from typing import Any

import pyarrow as pa

from varifactory.store import Store, StoreError, StudyCell

OF_SETTINGS = ("trainee", "schedule", "attribute", "per_source")
"""What a cell's settings tell of its place in a grid."""
OF_DATASET = ("dataset", "sweep", "generation_seed")
"""What only a study tells of it: null of a cell that none has compared."""


def with_factors(table: pa.Table, store: Store, study: str) -> pa.Table:
    """Rows of the stage ``training`` with what the cells vary beside arm and seed.

    ``study`` is the name of the study that compares them, if any does.
    """
    told = [_settings(text) for text in _texts(table)]
    columns: dict[str, list[Any]] = {name: [one.get(name) for one in told] for name in OF_SETTINGS}
    columns["augmentation"] = [(one.get("lora") or {}).get("augmentation") for one in told]
    cells = _compared(store, study)
    for name in OF_DATASET:
        columns[name] = [getattr(cells.get(key), name, None) for key in table["key"].to_pylist()]
    kinds = {"per_source": pa.int32(), "generation_seed": pa.int64()}
    for name, values in columns.items():
        if name not in table.column_names:
            table = table.append_column(name, pa.array(values, kinds.get(name, pa.string())))
    return table


def _texts(table: pa.Table) -> list[Any]:
    there = "settings" in table.column_names
    return table["settings"].to_pylist() if there else [None] * len(table)


def _settings(text: str | None) -> dict[str, Any]:
    found = json.loads(text or "{}")
    return found if isinstance(found, dict) else {}


def _compared(store: Store, study: str) -> dict[str, StudyCell]:
    """Key -> cell, as the newest version has it."""
    found: dict[str, StudyCell] = {}
    for number in dict(store.studies()).get(study, []):
        try:
            found |= {cell.key: cell for cell in store.study(study, number).cells}
        except StoreError:
            continue  # `verify` tells of a damaged one
    return found
