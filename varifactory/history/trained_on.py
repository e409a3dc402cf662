"""Training cells that saw an item: those of studies, and those that other runs planned."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from varifactory.errors import FactoryError
from varifactory.history.ledger import Found, Ledger
from varifactory.history.lineage import SHOWN
from varifactory.history.story import Story
from varifactory.history.versions import title
from varifactory.loading import items_table
from varifactory.recipe import Recipe
from varifactory.stages import Row
from varifactory.store import Manifest
from varifactory.training.arms import ARMS, held_out, mixture
from varifactory.training.cells import CellSettings
from varifactory.training.planning import plan_cells

DRAWN = ("mixed", "unfiltered")
"""Kinds of edits of which the training seed draws some."""


def cells_that_saw(ledger: Ledger, found: Found, versions: Iterable[Manifest]) -> list[Story]:
    """A part a cell that trained on an edit or source image, or was scored on it.

    Args:
        ledger: of the store.
        found: the edit or source image.
        versions: data set versions that hold it as good.
    """
    if found.stage not in ("edits", "sources") or "training" not in ledger.stages():
        return []
    told: dict[str, Story] = {}
    for manifest in versions:
        seen = _Seen(manifest, items_table(ledger.store, manifest).to_pylist())
        for key, (cell, studies) in _trained(ledger, seen).items():
            if key not in told and found.key in seen.of(cell.row):
                told[key] = _told(cell, manifest, studies)
    return list(told.values())


@dataclass(slots=True)
class _Seen:
    """Which items of a version cells saw."""

    manifest: Manifest
    items: list[Row]
    known: dict[tuple[Any, ...], frozenset[str]] = field(default_factory=dict)

    def of(self, cell: Row) -> frozenset[str]:
        """Keys of the edits and source images that a cell trained on or was scored on."""
        told = CellSettings.read(cell["settings"]) if cell.get("settings") else None
        chosen = told.chosen_edits if told else {}
        editor = (told.editor if told else "") or _editor(self.manifest)
        seed = cell["seed"] if ARMS[cell["arm"]].synthetic in DRAWN else None
        place = (cell["arm"], editor, seed, *sorted(chosen.items()))
        if place not in self.known:
            images = mixture(cell["arm"], self.items, self.items, cell["seed"], editor=editor,
                             **chosen)  # fmt: skip
            rows = [*images.real, *images.edits]
            rows += [row for split in ("validation", "test") for row in held_out(self.items, split)]
            self.known[place] = frozenset(str(row["edit_key"] or row["source_key"]) for row in rows)
        return self.known[place]


def _editor(manifest: Manifest) -> str:
    return str((manifest.recipe.get("edits") or {}).get("editor") or "")


def _trained(ledger: Ledger, seen: _Seen) -> dict[str, tuple[Found, list[str]]]:
    """Cell's key -> the cell and the studies it is in, of all trained on a data set version."""
    manifest, of = seen.manifest, defaultdict(list)
    studies = ledger.studies
    for study in studies:
        for cell in study.cells:
            if (cell.name, cell.version) == (manifest.name, manifest.version):
                of[cell.key].append(f"{study.name}@{study.version}")
    known = {study.run_id for study in studies}
    for run in ledger.runs:
        if run not in known:
            of |= {key: of.get(key, []) for key in _planned(ledger, seen, ledger.run(run))}
    found = ledger.of_keys("training", of)
    return {key: (found[key], of[key]) for key in of if key in found}


def _planned(ledger: Ledger, seen: _Seen, record: Mapping[str, Any]) -> Iterator[str]:
    """Keys of the cells that a run without a study planned on a version's data set."""
    specs = [name.split("/")[1] for name in record.get("specs") or {}
             if name.startswith("training/")]  # fmt: skip
    recipe = record.get("recipe") or {}
    if specs and recipe.get("name") == seen.manifest.name:
        try:
            planned = plan_cells(specs[0], Recipe.parse(recipe), seen.items, seen.items)
        except FactoryError:
            return  # of other keys of the recipe, or a data set that it cannot train on
        yield from (str(cell["key"]) for cell in planned)


def _told(cell: Found, manifest: Manifest, studies: list[str]) -> Story:
    row = cell.row
    facts = {"test_top1": row.get("test_top1"), "run": row.get("run"),
             "data set": title(manifest), "studies": studies}  # fmt: skip
    return Story(
        "training cell", cell.key, f"trained on in cell {cell.key[:SHOWN]}: {row['arm']}, "
        f"seed {row['seed']}, {row['status']}", facts,
    )  # fmt: skip
