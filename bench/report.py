"""The report of a large study from stored predictions: 100 cells x 8,000 images x 200 classes."""

import json
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from bench.figures import ROOT, beside, folder, show
from tests.simulated_study import SPEC, cells_of, manifest_of, predictions, training_row
from varifactory import records
from varifactory.keys import item_key
from varifactory.recipe import Recipe
from varifactory.store import Manifest, ManifestPart, Store, dataset_hash
from varifactory.store.studies import StudyCell

IMAGES, CLASSES, PER_CLASS = 8_000, 200, 10
"""Test images; classes; training images a class, each with a pair of edits an attribute."""
SECONDS, BYTES = 10, 1e9
NAMES = [f"class {number:03d}" for number in range(CLASSES)]
SETTINGS = {
    "sources": {"kind": "folder", "uri": "/data/photographs"},
    "training": {
        "arms": ["real", "copy-real", "feasible", "infeasible", "mixed", "real+feasible",
                 "real+infeasible", "real+mixed"],
        "seeds": [1, 2, 3, 4, 5],
    },
    "study": {"generation_seeds": [0, 1], "attributes": ["all", "color"]},
}  # fmt: skip
"""A grid of 130 cells, of which the first hundred that are whole rectangles are taken."""
CELLS = 100


def fill(store: Store) -> None:
    """A study whose cells are parts of their own, as trainings leave them."""
    recipe = Recipe.parse({"name": "large", **SETTINGS})
    random = np.random.default_rng(1)
    cells = list(cells_of(recipe).values())[:CELLS]
    for cell in cells:
        _write(store, cell, random)
    manifest = manifest_of(recipe, cells)
    for one in manifest.datasets:
        _publish(store, recipe, str(one["name"]))
    store.put_study(manifest)


def _write(store: Store, cell: StudyCell, random: np.random.Generator) -> None:
    truth = np.arange(IMAGES) % CLASSES
    right = random.random(IMAGES) < 0.8
    predicted = np.where(right, truth, (truth + 1) % CLASSES)
    store.append("predictions", SPEC, predictions(cell, truth, predicted, NAMES, random))
    store.append("training", SPEC, records.table("training", [training_row(cell, right, NAMES)]))


def _publish(store: Store, recipe: Recipe, name: str) -> None:
    """A data set whose items are rows alone: no picture is read for a report."""
    rows = [row for label in NAMES for at in range(PER_CLASS) for row in _items(name, label, at)]
    table = records.table("items", rows)
    part = store.append("items", SPEC, table)
    store.publish(Manifest(
        name=name, version=1, created_at=datetime(2026, 1, 1, tzinfo=UTC), actor="bench",
        recipe=recipe.model_dump(mode="json"), recipe_fingerprint=recipe.fingerprint(),
        dataset_hash=dataset_hash(table), counts={}, run_id="bench",
        parts=(ManifestPart(stage="items", spec=SPEC, name=part.name, rows=part.rows,
                            bytes=part.bytes),),
    ))  # fmt: skip


def _items(name: str, label: str, at: int) -> list[dict[str, object]]:
    source = item_key(SPEC, name=name, label=label, at=at)
    shared = {"status": "ok", "reason": "", "label": label, "split": "train",
              "source_key": source, "made_at": datetime(2026, 1, 1, tzinfo=UTC)}  # fmt: skip
    rows: list[dict[str, object]] = [
        {**shared, "key": source, "kind": "source", "pixel_sha256": source}
    ]
    for attribute in ("background", "color"):
        for side in ("feasible", "infeasible"):
            key = item_key(SPEC, source=source, attribute=attribute, side=side)
            rows.append({
                **shared, "key": key, "kind": "edit", "pixel_sha256": key, "edit_key": key,
                "attribute": attribute, "feasibility": side, "value": "red", "prompt": "red",
                "editor": "compositor", "index": 0, "attempt": 0, "paired": True, "forced": False,
                "measured_value": "red", "measured_class": label, "presence": 0.8,
                "judged_feasibility": side, "class_score": 0.9, "change_inside": 40.0,
                "region_share": 0.3, "first_sha256": key,
            })  # fmt: skip
    return rows


def measure(url: str) -> None:
    """Fill the store, then write the report in a process of its own, as people do."""
    store = Store(url)
    store.prepare()
    store.write_run("bench", {"actor": "bench"})
    fill(store)
    size = sum(file.stat().st_size for file in Path(url).rglob("*.parquet"))
    began = time.perf_counter()
    command = [sys.executable, "-m", "bench.report", "--write", url]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    seconds = time.perf_counter() - began
    told = json.loads(done.stdout.splitlines()[-1])
    more = {"images": IMAGES, "classes": CLASSES, "stored_mb": round(size / 1e6),
            "processor_s": round(told["processor_s"], 2)}  # fmt: skip
    show("report from stored predictions", seconds, "s", told["cells"], goal=SECONDS,
         **more)  # fmt: skip
    show("memory of it", told["bytes"] / 1e6, "MB", told["cells"], goal=BYTES / 1e6)


def write(url: str) -> None:
    """What ``varifactory report`` does; the peak of its memory."""
    import resource

    from varifactory.report.recounting import publish_report, recounted

    store = Store(url)
    report = recounted(store, store.study("large"))
    publish_report(store, report)
    used = resource.getrusage(resource.RUSAGE_SELF)
    told = {"bytes": used.ru_maxrss * 1024, "processor_s": used.ru_utime + used.ru_stime}
    print(json.dumps({"cells": report.study.cells, **told}))


def main() -> None:
    """In processes of their own, whose memory is told."""
    with folder() as place:
        beside("bench.report", str(place / "store"))


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["--write", place]:
            write(place)
        case [place]:
            measure(place)
        case _:
            main()
