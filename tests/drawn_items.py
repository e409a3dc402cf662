"""Items with drawn pictures, as a run would leave them: for tests of pages and cards."""

import hashlib
import json
import random
from typing import Any

import numpy as np
import pyarrow as pa

from varifactory import records
from varifactory.images import encode_png

CLASSES = ("kettle", "lantern", "anchor", "owl")
COLORS = {
    "red": (190, 40, 45), "blue": (45, 80, 180), "gold": (210, 170, 60), "pink": (230, 130, 170),
}  # fmt: skip
ATTRIBUTES = ("background", "color", "texture")

Blobs = dict[str, bytes]
Row = dict[str, Any]


class Drawn:
    """Rows of the items table, and the blobs that they name."""

    def __init__(
        self, classes: tuple[str, ...] = CLASSES, sources: int = 2, side: int = 96
    ) -> None:
        self.blobs: Blobs = {}
        self.rows: list[Row] = []
        self.side = side
        for number, label in enumerate(classes):
            for at in range(sources):
                self._source(label, number, at)

    @property
    def items(self) -> pa.Table:
        """The table."""
        return records.table("items", self.rows)

    def read(self, name: str) -> bytes:
        """A blob's bytes."""
        return self.blobs[name]

    def keep(self, data: bytes) -> str:
        """Name of a kept blob."""
        name = f"{hashlib.sha256(data).hexdigest()}.png"
        self.blobs[name] = data
        return name

    def _source(self, label: str, number: int, at: int) -> None:
        dice = random.Random(f"{label}/{at}")
        mask = _shape(self.side, number, dice)
        pixels = _painted(mask, (120, 110, 100), dice)
        key = hashlib.sha256(f"{label}/{at}".encode()).hexdigest()
        source, region = self.keep(encode_png(pixels)), self.keep(encode_png(mask))
        shared = {
            "label": label, "source_key": key, "source_blob": source, "mask_blob": region,
            "split": "train", "predicted_iou": 0.5 + dice.random() / 2, "reason": "",
        }  # fmt: skip
        self.rows.append(
            {**shared, "kind": "source", "key": key, "status": "ok", "image_blob": source}
        )
        for attribute in ATTRIBUTES:
            for index in range(2):
                self._pair(shared, attribute, index, mask, "compositor", dice)
                if at == 0 and index == 0:
                    self._pair(shared, attribute, index, mask, "small-diffusion", dice)

    def _pair(
        self, shared: Row, attribute: str, index: int, mask: Any, editor: str, dice: random.Random
    ) -> None:
        pair = []
        for side, names in (("feasible", ("red", "gold")), ("infeasible", ("blue", "pink"))):
            value = names[index % 2]
            area = ~mask if attribute == "background" else mask
            pixels = _painted(area, COLORS[value], dice)
            status, reason = _ending(dice, value)
            made = status in ("ok", "rejected")
            pair.append({
                **shared, "kind": "edit", "attribute": attribute, "feasibility": side,
                "value": value, "prompt": f"a {value} {shared['label']}", "editor": editor,
                "index": index, "attempt": 0, "status": status, "reason": reason,
                "key": hashlib.sha256(f"{shared['source_key']}{attribute}{side}{index}{editor}"
                                      .encode()).hexdigest(),
                "image_blob": self.keep(encode_png(pixels)) if made else None,
                "measured_value": ("blue" if status == "rejected" else value) if made else None,
                "presence": (0.12 if status == "rejected" else 0.81) if made else None,
                "measured_class": shared["label"] if made else None,
                "class_score": 0.97 if made else None, "forced": False,
                "judged_feasibility": side if made else None,
                "change_inside": 41.0 if made else None,
            })  # fmt: skip
        paired = all(row["status"] == "ok" for row in pair)
        self.rows += [{**row, "edit_key": row["key"], "paired": paired} for row in pair]


def _ending(dice: random.Random, value: str) -> tuple[str, str]:
    luck = dice.random()
    if luck < 0.75:
        return "ok", ""
    if luck < 0.93:
        return "rejected", (
            f"attribute not seen: color {value!r} scored 0.12, below 0.3; the judge saw 'blue'"
        )
    if luck < 0.97:
        return "failed", "out of memory"
    return "skipped", "mask rejected: area 0.01 is below 0.03"


def _shape(side: int, number: int, dice: random.Random) -> Any:
    y, x = np.mgrid[:side, :side] / side - 0.5
    x, y = x - dice.uniform(-0.1, 0.1), y - dice.uniform(-0.1, 0.1)
    radius = 0.26 + 0.07 * np.cos((number + 2) * np.arctan2(y, x))
    return np.hypot(x, y) < radius


def _painted(region: Any, color: tuple[int, int, int], dice: random.Random) -> Any:
    side = len(region)
    noise = np.random.default_rng(dice.randrange(2**32))
    y, x = np.mgrid[:side, :side] / side
    ground = np.stack([150 + 60 * y, 160 + 40 * x, 150 + 20 * np.sin(9 * x)], axis=-1)
    ground[region] = np.array(color) * (0.7 + 0.5 * (1 - y[region]))[:, None]
    ground += noise.normal(0, 4, ground.shape)
    return ground.clip(0, 255).astype(np.uint8)


def trained(
    arms: dict[str, float], seeds: tuple[int, ...] = (1,), images: int = 240
) -> tuple[pa.Table, pa.Table]:
    """Training and predictions tables; an arm's number is the share it gets right."""
    dice = np.random.default_rng(4)
    ease = dice.random(images)
    training, predictions = [], []
    for arm, share in arms.items():
        for seed in seeds:
            right = ease + dice.normal(0, 0.15, images) < share
            key = hashlib.sha256(f"{arm}/{seed}".encode()).hexdigest()
            curve = [{"step": step, "validation_top1": share * (1 - 0.5**at), "loss": 1 / at}
                     for at, step in enumerate((20, 40, 60, 80), start=1)]  # fmt: skip
            training.append({
                "key": key, "status": "ok", "reason": "", "arm": arm, "seed": seed, "steps": 80,
                "chosen_step": 60, "train_real": 96, "train_edits": 0 if arm == "real" else 400,
                "validation_top1": share, "test_top1": float(right.mean()),
                "curve": json.dumps([] if arm == "zero-shot" else curve),
            })  # fmt: skip
            predictions += [{
                "key": f"{key[:40]}{at:024d}", "status": "ok", "reason": "", "training_key": key,
                "arm": arm, "seed": seed, "source_key": f"{at:064d}",
                "truth": CLASSES[at % len(CLASSES)],
                "predicted": CLASSES[(at + (not hit)) % len(CLASSES)],
            } for at, hit in enumerate(right)]  # fmt: skip
    return records.table("training", training), records.table("predictions", predictions)


def masked(count: int = 80) -> pa.Table:
    """Masks of which the truth is known."""
    dice = np.random.default_rng(5)
    true = dice.beta(8, 2, count)
    guess = (true + dice.normal(0, 0.06, count)).clip(0, 1)
    return records.table("masks", [
        {"key": f"{at:064d}", "status": "ok", "reason": "", "true_iou": float(true[at]),
         "predicted_iou": float(guess[at])} for at in range(count)
    ])  # fmt: skip
