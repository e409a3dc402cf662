"""Where an item came from: up to the user's file, the prompt, the models, the run, the person."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from varifactory.history.ledger import Found, Ledger
from varifactory.history.story import REPEATED, Story
from varifactory.loading import read_blob
from varifactory.stages import Row
from varifactory.store import BlobError, names
from varifactory.store.rows import TOMBSTONE

SHOWN = 16
"""Digits of a key in a title."""
PICTURED = ("sources", "masks", "edits", "foreign", "closed")
"""Stages whose items are a picture."""
NAMES = {"sources": "source", "prompts": "prompt", "masks": "mask", "edits": "edit",
         "verdicts": "verdict", "training": "training cell", "adapters": "adapter",
         "leakage": "leakage check", "embeddings": "embedding", "texts": "text",
         "foreign": "foreign image", "closed": "closed-set image", "exchange": "exchange cell",
         "decisions": "decision", "items": "item"}  # fmt: skip
"""Stage -> what one of its items is called."""
ABOUT = {
    "sources": ("uri", "bytes_sha256", "split", "width", "height", "truth"),
    "prompts": ("attribute", "feasibility", "value", "text", "index", "cost_usd"),
    "masks": ("method", "area", "components", "predicted_iou", "true_iou", "choice"),
    "edits": ("attribute", "feasibility", "value", "editor", "index", "attempt", "seed", "kind",
              "change_inside", "region_share"),
    "verdicts": ("judge", "attribute", "measured_value", "measured_class", "possible", "cost_usd"),
    "training": ("arm", "seed", "steps", "chosen_step", "train_real", "train_edits",
                 "validation_top1", "test_top1"),
    "adapters": ("scope", "steps", "first_loss", "last_loss"),
    "decisions": ("decision", "who", "note"),
    "embeddings": ("pixel_sha256", "encoder"),
    "texts": ("text", "encoder"),
    "foreign": ("uri", "bytes_sha256", "width", "height", "generator", "prompt"),
    "closed": ("generator", "index", "seed"),
    "exchange": ("trainee", "seed", "train_images", "steps", "test_sha256"),
}  # fmt: skip
"""Stage -> columns that are told as they are."""
AS_JSON = {"edits": ("settings",), "verdicts": ("value_scores", "class_scores", "raw"),
           "training": ("settings",), "adapters": ("settings",),
           "prompts": ("raw",), "exchange": ("lineage", "settings")}  # fmt: skip
"""Stage -> columns that hold JSON, told as such; empty ones are left out."""


class Teller:
    """Tells the stories of a store's items."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger

    def story(self, found: Found) -> Story:
        """An item with all it was made from."""
        told = self.alone(found)
        told.parts += self._hidden(found)
        told.parts += self._above(found)
        return told

    def alone(self, found: Found) -> Story:
        """An item without what it was made from."""
        row, stage = found.row, found.stage
        name = NAMES.get(stage, stage)
        facts: dict[str, Any] = {"label": row.get("label")}
        facts |= {column: row.get(column) for column in ABOUT.get(stage, ())}
        facts |= {column: _read(row[column]) for column in AS_JSON.get(stage, ())
                  if row.get(column)}  # fmt: skip
        facts |= self._trained_on(row)
        facts["status"] = _status(found)
        facts |= self._file(row, stage)
        facts["made"] = self.made(row)
        facts[REPEATED] = _read(row.get("versions") or "{}")
        facts["by"] = self.ledger.spec_fields(stage, found.spec, row.get("run") or "")
        return Story(name, found.key, f"{name} {found.key[:SHOWN]}{_brief(found)}", facts)

    def _trained_on(self, row: Row) -> dict[str, Any]:
        """How many images a generator was trained on; all their hashes would fill the screen."""
        told = row.get("trained_on")
        if blob := row.get("trained_on_blob"):
            try:
                told = read_blob(self.ledger.store, blob).decode()
            except BlobError as error:
                return {"trained on": str(error)}
        found = _read(told) if told else None
        return {"trained on": f"{len(found):,} images"} if isinstance(found, list) else {}

    def made(self, row: Row) -> dict[str, Any]:
        """When, by whom, in which run and where."""
        run = self.ledger.run(row.get("run") or "")
        return {
            "at": f"{row['made_at']:%Y-%m-%d %H:%M:%S} UTC",
            "person": run.get("actor"),
            "run": row.get("run"),
            "flow": run.get("flow"),
            "device": row.get("device"),
            "seconds": row.get("seconds"),
        }

    def _file(self, row: Row, stage: str) -> dict[str, str]:
        column = "mask_blob" if stage == "masks" else "image_blob"
        blob = row.get(column) if stage in PICTURED else None
        if not blob:
            return {}
        path = self.ledger.store.backend.show(names.blob(*names.split_blob(blob)))
        return {"file": path, "pixels": row.get("pixel_sha256") or row.get("mask_sha256") or ""}

    def _hidden(self, found: Found) -> list[Story]:
        """Rows of the same key that do not count: hidden ones, failures before it."""
        told = []
        for row in self.ledger.hidden(found.stage, found.spec, found.key):
            stone = row["status"] == TOMBSTONE
            what = "hidden" if stone else f"another row of it: {row['status']}"
            facts = {"at": f"{row['made_at']:%Y-%m-%d %H:%M:%S} UTC", "reason": row["reason"],
                     "run": None if stone else row.get("run")}  # fmt: skip
            told.append(Story("earlier", found.key, what, facts))
        return told

    def _up(self, stage: str, key: str | None) -> list[Story]:
        found = self.ledger.one(stage, key)
        if found is None:
            lost = f"{NAMES[stage]} {str(key)[:SHOWN]}: its row is not in the store any more"
            return [Story(NAMES[stage], str(key), lost)] if key else []
        return [self.story(found)]

    def _above(self, found: Found) -> list[Story]:
        parents: Mapping[str, Callable[[Row], list[Story]]] = {
            "masks": self._of_mask, "edits": self._of_edit, "verdicts": self._of_verdict,
        }  # fmt: skip
        tell = parents.get(found.stage)
        return tell(found.row) if tell else []

    def _of_mask(self, row: Row) -> list[Story]:
        return self._up("sources", row["source_key"])

    def _of_edit(self, row: Row) -> list[Story]:
        mask = self.ledger.one("masks", row["mask_key"])
        told = [*self._up("sources", row["source_key"]), *self._up("prompts", row["prompt_key"])]
        told += [self.alone(mask)] if mask else self._up("masks", row["mask_key"])
        if row.get("adapter_blob"):
            tuned = self.ledger.where("adapters", "adapter_blob", {row["adapter_blob"]})
            told += [self.alone(one) for one in tuned[:1]]
        return told

    def _of_verdict(self, row: Row) -> list[Story]:
        return self._up("edits", row["edit_key"])


def _status(found: Found) -> str:
    row = found.row
    error = f" ({row['error_type']})" if row.get("error_type") else ""
    told = f"{row['status']}{error}" + (f": {row['reason']}" if row.get("reason") else "")
    return told if found.counts else f"{told}; hidden, the next run makes it again"


def _brief(found: Found) -> str:
    row = found.row
    if found.stage == "edits":
        return f": {row['attribute']} {row['value']!r} ({row['feasibility']}) of {row['label']!r}"
    if found.stage == "prompts":
        return f": {row['text']!r}"
    if found.stage == "sources":
        return f": {row['label']!r}"
    if found.stage in ("foreign", "closed"):
        return f": {row['label']!r} by {row['generator']}"
    if found.stage == "texts":
        return f": {row['text']!r}"
    if found.stage == "exchange":
        return f": {row['trainee']} on {row['train_images']} images, seed {row['seed']}"
    if found.stage == "training":
        return f": {row['arm']}, seed {row['seed']}"
    if found.stage == "decisions":
        return f": {row['decision']} by {row['who']}"
    return f" by {row['judge']}" if row.get("judge") else ""


def _read(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text
