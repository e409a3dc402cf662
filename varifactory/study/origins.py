"""What the store holds of a study: its data sets, specs, models, and the rows that went into it."""

from collections.abc import Iterator
from functools import cached_property
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from varifactory.embeddings import PICTURES
from varifactory.history.costs import selected_rows
from varifactory.history.ledger import Ledger
from varifactory.history.models_used import ModelNote, model_notes
from varifactory.loading import items_table
from varifactory.records import COMMON, STAGES
from varifactory.store import Manifest, Store, StudyManifest

BUILT_IN = ("small-clip", "small-sam", "small-diffusion")
"""Models that come with varifactory, trained on a small drawn world."""
BY_KEYS = {"training": "key", "predictions": "training_key", "checkpoints": "training_key"}
"""Stages of a study's cells, and the column that names the cell."""


def title_of(version: Manifest) -> str:
    """``NAME@VERSION``."""
    return f"{version.name}@{version.version}"


class Origins:
    """What the store holds of a study; each table is read once."""

    def __init__(self, store: Store, manifest: StudyManifest) -> None:
        self.store, self.manifest = store, manifest
        self.ledger = Ledger(store)

    @cached_property
    def versions(self) -> list[Manifest]:
        """Its data sets."""
        wanted = sorted(self.manifest.dataset_versions())
        return [self.store.dataset(name, version) for name, version in wanted]

    @cached_property
    def items(self) -> dict[str, pa.Table]:
        """``NAME@VERSION`` -> its items."""
        return {title_of(one): items_table(self.store, one) for one in self.versions}

    @cached_property
    def specs(self) -> dict[str, dict[str, Any]]:
        """``stage/spec`` -> fields, of its data sets' runs and of its own cells."""
        found: dict[str, dict[str, Any]] = {}
        for run in [*(one.run_id for one in self.versions), self.manifest.run_id]:
            found |= self.ledger.run(run).get("specs") or {}
        mine = {cell.spec for cell in self.manifest.cells}
        others = {
            name: fields
            for name, fields in found.items()
            if name.partition("/")[0] not in BY_KEYS or name.partition("/")[2] in mine
        }
        return others | self.manifest.specs

    @cached_property
    def models(self) -> list[ModelNote]:
        from varifactory.models import registry

        return model_notes(self.specs, registry.cards(BUILT_IN))

    @cached_property
    def rows(self) -> dict[str, pa.Table]:
        """Stage -> the rows that went into the study, each once, whoever made them."""
        items = pa.concat_tables(self.items.values(), promote_options="default")
        found = selected_rows(self.ledger, items, self.specs)
        pictures = [chunk for name, _ in PICTURES if name in items.column_names
                    for chunk in items[name].chunks]  # fmt: skip
        for stage, column, values in (
            ("embeddings", "pixel_sha256", pa.chunked_array(pictures, pa.string())),
            *((stage, column, self._cells) for stage, column in BY_KEYS.items()),
            ("leakage", "", None), ("adapters", "", None),
        ):  # fmt: skip
            tables = [table for table in self._tables(stage) if len(table)]
            if tables:
                whole = pa.concat_tables(tables, promote_options="permissive")
                found[stage] = _of(whole, column, values) if column else whole
        return {stage: found[stage] for stage in STAGES if stage in found and len(found[stage])}

    @property
    def _cells(self) -> pa.ChunkedArray:
        return pa.chunked_array([[cell.key for cell in self.manifest.cells]], pa.string())

    def _tables(self, stage: str) -> Iterator[pa.Table]:
        about = ["status", "label", "run", "seconds", "device", "versions"]
        columns = [*about, "pixel_sha256", *BY_KEYS.values()]
        for name in self.specs:
            of, _, spec = name.partition("/")
            if of == stage:  # without vectors and logits, which are large
                there = [c for c in dict.fromkeys(columns) if c in _columns(stage)]
                yield self.store.rows(stage, spec, there)


def _columns(stage: str) -> set[str]:
    return {name for name, _, _ in [*COMMON, *STAGES[stage]]}


def _of(table: pa.Table, column: str, values: pa.ChunkedArray) -> pa.Table:
    wanted = pc.unique(values.drop_null())
    return table.filter(pc.fill_null(pc.is_in(table[column], value_set=wanted), False))
