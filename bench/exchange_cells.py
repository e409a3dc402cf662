"""What the cells of an exchange rate cost: 300 estimators and 300 probes, 600 test images each."""

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from bench.figures import show
from varifactory.exchange.cell_training import Contents, train_exchange
from varifactory.exchange.estimators import shrunk
from varifactory.exchange.planning import PlannedExchange, exchange_spec, plan_exchange
from varifactory.images import pixel_hash
from varifactory.keys import spec_of
from varifactory.models import Pixels, Shown, Trainee, registry
from varifactory.recipe import Recipe
from varifactory.stages import Row
from varifactory.world import load_world, render, sample_scene

CELLS = 300
GOAL = 60
"""Seconds: a grid of this size should be no longer than the data set it is read from."""
SPLIT = {"train": 40, "validation": 8, "test": 50}
"""Images a class of 12: those of the quickstart, and more to add."""
EDITS = 4
"""A training image."""
PROBE = "linear-probe"


def main() -> None:
    """Seconds of planning and of training, on one core; ``processor`` without waiting for it."""
    items, pictures = _drawn()
    for trainee in ("estimator", PROBE):
        recipe = _recipe(trainee)
        began = time.perf_counter()
        planned = _planned(recipe, items)
        show(f"{trainee}: planning of {len(planned.rows)} cells", time.perf_counter() - began, "s",
             len(planned.rows))  # fmt: skip
        shown = _shown(recipe, planned, pictures)
        contents = Contents.of(planned)
        began, busy = time.perf_counter(), time.process_time()
        right = [_top1(recipe, row, contents, shown) for row in planned.rows[:CELLS]]
        show(f"{trainee}: {len(right)} cells", time.perf_counter() - began, "s", len(right),
             processor=round(time.process_time() - busy, 2), top1=round(float(np.mean(right)), 4),
             goal=GOAL)  # fmt: skip


def _recipe(trainee: str) -> Recipe:
    return Recipe.parse({
        "name": "cells", "sources": {"kind": "world"},
        "exchange": {"trainee": trainee, "seeds": [1, 2, 3, 4, 5, 6],
                     "controls": ["identity", "duplicate", "mislabelled"]},
    })  # fmt: skip


def _planned(recipe: Recipe, items: Sequence[Row]) -> PlannedExchange:
    trainee = registry.trainee(recipe, PROBE) if recipe.exchange.trainee == PROBE else None
    return plan_exchange(spec_of("exchange", exchange_spec(recipe, trainee)), recipe, items)


def _top1(recipe: Recipe, row: Row, contents: Contents, shown: Mapping[str, Shown]) -> float:
    trainee: Trainee | None = None
    if recipe.exchange.trainee == PROBE:
        trainee = registry.trainee(recipe, PROBE)
    made = train_exchange(
        row, contents, lambda hashes: [shown[each] for each in hashes], trainee
    ).row  # fmt: skip
    return float(np.mean(np.equal(made["predicted_classes"], made["true_classes"])))


def _shown(
    recipe: Recipe, planned: PlannedExchange, pictures: Mapping[str, Pixels]
) -> dict[str, Shown]:
    hashes = [row["pixel_sha256"] for row in planned.pictures]
    images = [pictures[each] for each in hashes]
    if recipe.exchange.trainee == PROBE:
        vectors = registry.encoder(recipe).embed_images(images)
        return dict(zip(hashes, vectors, strict=True))
    side = recipe.exchange.pixels
    return {each: shrunk(image, side) for each, image in zip(hashes, images, strict=True)}


def _drawn() -> tuple[list[Row], dict[str, Pixels]]:
    """Items of the drawn world with brightened copies as edits, and the pictures by their hash."""
    world = load_world()
    names = sorted(world.classes)[:12]
    items: list[Row] = []
    pictures: dict[str, Pixels] = {}
    for number, name in enumerate(names):
        for at, split in enumerate(_splits()):
            image = render(world, sample_scene(world, 1000 * number + at, class_name=name)).image
            for row, picture in _rows(image, name, split):
                items.append(row)
                pictures[row["pixel_sha256"]] = picture
    return items, pictures


def _splits() -> Iterator[str]:
    for split, count in SPLIT.items():
        yield from [split] * count


def _rows(image: Pixels, label: str, split: str) -> Iterator[tuple[Row, Pixels]]:
    source = f"source {pixel_hash(image)}"
    shared: dict[str, Any] = {
        "label": label, "split": split, "status": "ok", "source_key": source, "image_blob": "",
    }  # fmt: skip
    yield {**shared, "key": source, "kind": "source", "pixel_sha256": pixel_hash(image)}, image
    for at in range(EDITS if split == "train" else 0):
        edit = (255 - (255 - image) * 0.9 ** (at + 1)).astype(np.uint8)
        yield {
            **shared, "key": f"edit {at} {source}", "kind": "edit", "feasibility": "feasible",
            "editor": "compositor",
            "pixel_sha256": pixel_hash(edit),
        }, edit  # fmt: skip


if __name__ == "__main__":
    main()
