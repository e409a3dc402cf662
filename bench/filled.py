"""A store that holds all of a recipe, as a run would leave it, without a model having worked.

The run's own functions plan every row; each is then written down as made, with hashes of its key
in place of hashes of pixels. So a store of a hundred thousand items is there within a minute.
"""

import hashlib
import json
from dataclasses import dataclass, field
from typing import Any

from flows.dataset import made_items
from flows.run import FactoryRun
from flows.stage_work import StageWork
from flows.tally import StageTally
from varifactory.catalog import load_catalog
from varifactory.recipe import Recipe
from varifactory.runs.unmade import HASHES
from varifactory.shards.keeping import keep_rows
from varifactory.sources.drawn import truth_of
from varifactory.stages import Made, Row
from varifactory.store import Store

RECIPE: dict[str, Any] = {
    "name": "filled",
    "sources": {"kind": "world", "shots": 0,
                "world": {"classes": 12, "train": 290, "validation": 20, "test": 20}},
    "edits": {"per_source": 2},
}  # fmt: skip
"""About 100,000 items: 3,960 sources, 3,480 masks, 41,760 edits and 52,200 verdicts."""
MEASURED: dict[str, Row] = {
    "sources": {"width": 96, "height": 96},
    "masks": {"area": 0.3, "components": 1, "border": 0.0, "predicted_iou": 0.9, "method": "sam",
              "choice": ""},
    "edits": {"change_inside": 40.0, "change_outside": 0.0, "region_share": 0.3},
}  # fmt: skip


def fill(url: str) -> Recipe:
    """Fill a store; returns the recipe of which it holds everything."""
    recipe = Recipe.parse(RECIPE)
    store = Store(url)
    store.prepare()
    record = {"actor": "ada", "began_at": "2026-11-20T09:00:00+00:00", "flow": "generate"}
    store.write_run("earlier", {**record, "recipe": recipe.model_dump(mode="json")})
    run = Filling("generate", recipe, store, "earlier")
    made_items(run, trains=False, preview=0)
    ended = {"specs": run.specs, "seconds": 100.0}
    store.put_run_object("earlier", "ended.json", json.dumps(ended).encode())
    return recipe


@dataclass(slots=True)
class Filling(FactoryRun):
    """A run whose stages write down what was planned as made."""

    asked: dict[str, str] = field(default_factory=dict)
    """Edit or control -> the value that was asked for."""

    def _staged(self, asked: StageWork) -> list[Row]:
        """Keep a row an item, a part a shard."""
        stage = asked.stage
        made = [self._made(stage, row) for row in asked.rows]
        for start in range(0, len(made), self.recipe.run.shard_size):
            piece = made[start : start + self.recipe.run.shard_size]
            keep_rows(self.store, stage, asked.spec, self.id, [Made(row) for row in piece], 0.01)
        self.stages[stage] = StageTally(len(made), 0, {"ok": len(made)}, 0.0)
        return made

    def _made(self, stage: str, row: Row) -> Row:
        key = str(row["key"])
        name = hashlib.sha256(key.encode()).hexdigest()
        made = {**row, "status": "ok", "reason": "", **MEASURED.get(stage, {})}
        for column in HASHES.get(stage, ()):
            if not made.get(column):
                made[column] = f"{name}.png" if column.endswith("_blob") else name
        if stage in ("sources", "edits"):
            made["phash"] = key[:16]
        if stage == "sources":
            made["truth"] = truth_of(row, self.recipe.sources)
        if stage == "edits":
            self.asked[key] = str(row["value"])
        if stage == "leakage":
            made["pairs"] = "[]"
        return made | self._said(row) if stage == "verdicts" else made

    def _said(self, row: Row) -> Row:
        """A verdict as long as a real one, that finds what was asked for."""
        values = load_catalog("").attribute(row["attribute"]).values
        seen = self.asked.get(row["edit_key"], next(iter(values)))
        scores = {name: 0.9 if name == seen else round(0.1 / len(values), 6) for name in values}
        return {
            "measured_value": seen, "value_scores": json.dumps(scores),
            "measured_class": row["label"], "class_scores": json.dumps({row["label"]: 0.8}),
            "judge": "measured", "raw": json.dumps({"scores": scores}),
        }  # fmt: skip
