"""Masks of the quickstart's segmenter against the exact masks of the drawn world."""

import time

import numpy as np

from bench.figures import ROOT, show
from varifactory.keys import spec_of
from varifactory.masks import iou
from varifactory.models import registry
from varifactory.recipe import Recipe
from varifactory.sources import list_sources, source_fields
from varifactory.sources.drawn import draw

BATCH = 16


def main() -> None:
    """IoU on training scenes of every class, drawn from a seed that no recipe uses."""
    settings = ("sources.world.seed=4711", "sources.world.train=8",
                "sources.world.validation=1", "sources.world.test=1")  # fmt: skip
    recipe = Recipe.read(ROOT / "deployments/recipes/quickstart.yaml", settings)
    listing = list_sources(spec_of("sources", source_fields(recipe.sources)), recipe.sources)
    planned = [row for row in listing.planned if row["split"] == "train"]
    drawn = [draw(row, recipe.sources)[0] for row in planned]
    segmenter = registry.segmenter(recipe)
    began = time.perf_counter()
    found = [
        one
        for start in range(0, len(drawn), BATCH)
        for one in segmenter.segment(
            [picture.image for picture in drawn[start : start + BATCH]],
            [row["label"] for row in planned[start : start + BATCH]],
        )
    ]
    seconds = time.perf_counter() - began
    true = np.array(
        [iou(one.mask, picture.mask) for one, picture in zip(found, drawn, strict=True)]
    )
    said = np.array([one.predicted_iou or np.nan for one in found])
    show("mask IoU on the built-in world", true.mean(), "share", len(true), goal=0.70)
    show("predicted against true mask IoU", float(np.corrcoef(said, true)[0, 1]), "correlation",
         len(true), goal=0.40)  # fmt: skip
    show("masks found", len(found) / seconds, "1/s", len(found))


if __name__ == "__main__":
    main()
