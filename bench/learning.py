"""What the shots of the quickstart teach the small CLIP, without any edit: five seeds."""

import sys
import time

import numpy as np

from bench.figures import ROOT, show
from varifactory.images import decode_png
from varifactory.keys import spec_of
from varifactory.models import registry
from varifactory.recipe import Recipe
from varifactory.sources import few_shot, list_sources, read_sources, settle, source_fields
from varifactory.stages import Row
from varifactory.training.arms import held_out, mixture, source_key
from varifactory.training.cells import CellData, Examples
from varifactory.training.making import train_cell
from varifactory.training.planning import plan_cells, training_spec

SEEDS = (1, 2, 3, 4, 5)
Pictures = dict[str, bytes]
"""Pixel hash -> PNG."""


def main(settings: list[str]) -> None:
    """Zero-shot and real alone; a seed chooses the shots and drives the training."""
    found = [scores(seed, settings) for seed in SEEDS]
    zero, real = (np.array([one[arm][0] for one in found]) for arm in ("zero-shot", "real"))
    seconds = max(cell[1] for one in found for cell in one.values())
    show("small CLIP, zero-shot on study classes", zero.mean(), "top-1", len(zero))
    show("small CLIP, real shots", real.mean(), "top-1", len(real),
         each=[round(score, 4) for score in real])  # fmt: skip
    show("least of the seeds, real shots", real.min(), "top-1", len(real), goal=0.40)
    show("most of the seeds, real shots", real.max(), "top-1", len(real), goal=0.85)
    show("least gain of real shots", (real - zero).min(), "top-1", len(real), goal=0.10)
    show("one training cell with its test", seconds, "s", 2 * len(found), goal=8)


def scores(seed: int, settings: list[str]) -> dict[str, tuple[float, float]]:
    """Arm -> top-1 on test and seconds, for the quickstart with ``settings`` laid over it."""
    recipe = Recipe.read(
        ROOT / "deployments/recipes/quickstart.yaml",
        [f"sources.shot_seed={seed}", f"training.seeds=[{seed}]",
         "training.arms=[zero-shot,real]", *settings],
    )  # fmt: skip
    rows, pictures = _sources(recipe)
    trainee = registry.trainee(recipe)
    spec = spec_of("training", training_spec(recipe, trainee))
    found = {}
    for cell in plan_cells(spec, recipe, rows, []):
        began = time.perf_counter()
        made, _ = train_cell(cell, _data(cell, rows, pictures), trainee)
        found[cell["arm"]] = (made.row["test_top1"], time.perf_counter() - began)
    return found


def _sources(recipe: Recipe) -> tuple[list[Row], Pictures]:
    spec = spec_of("sources", source_fields(recipe.sources))
    listing = list_sources(spec, recipe.sources)
    made = read_sources(listing.planned, recipe.sources)
    settled = settle(listing, {one.row["key"]: one.row for one in made}, recipe.sources, spec)
    shots = few_shot(settled.rows, recipe.sources.shots, recipe.sources.shot_seed)
    rows = [*shots.rows, *settled.usable("validation"), *settled.usable("test")]
    return rows, {one.row["pixel_sha256"]: one.blobs["image_blob"] for one in made}


def _data(cell: Row, rows: list[Row], pictures: Pictures) -> CellData:
    def examples(chosen: list[Row]) -> Examples:
        return Examples(
            [decode_png(pictures[row["pixel_sha256"]]) for row in chosen],
            [row["label"] for row in chosen],
            [source_key(row) for row in chosen],
        )

    found = mixture(cell["arm"], rows, [], cell["seed"])
    return CellData(
        examples(list(found.real)),
        examples(list(found.edits)),
        examples(held_out(rows, "validation")),
        examples(held_out(rows, "test")),
    )


if __name__ == "__main__":
    main(sys.argv[1:])
