"""The mask stage with SAM against a bare loop of SamPredictor, and how long the card waits."""

import json
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bench.figures import ROOT
from bench.gpu.building import save_sam
from bench.gpu.editing_ways import AHEAD, RUN, encoded, source
from bench.gpu.measuring import Busy, Figures, rounds, seconds
from varifactory.keys import item_key, spec_of
from varifactory.loading import images_of
from varifactory.masks import Drawn, draw_masks, finish_masks, mask_spec, plan_masks
from varifactory.models import Pixels, registry
from varifactory.recipe import Recipe
from varifactory.shards.planning import plan_shards
from varifactory.shards.working import work_shard
from varifactory.stages import Row, Work
from varifactory.store import Store

WAITING = 0.02


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much is measured."""

    side: int = 1024
    batch: int = 8
    images: int = 48
    repeats: int = 3
    dtype: str = "bfloat16"


FULL = Sizes()
TINY = Sizes(side=96, batch=2, images=4, repeats=1, dtype="float32")


def main(figures: Figures, place: Path, sizes: Sizes) -> None:
    """Build, warm up, measure both ways in turn."""
    device = figures.device
    file, architecture = save_sam(place / "sam", figures.size, device)
    recipe = Recipe.read(
        ROOT / "deployments/recipes/quickstart.yaml",
        ["masks.segmenter=sam", f"masks.checkpoint.name={file}",
         f"masks.architecture={architecture}", f"masks.checkpoint.dtype={sizes.dtype}",
         f"sources.size={sizes.side}", f"run.device={device}"],
    )  # fmt: skip
    stage, bare = Stage(recipe, place / "stores", sizes), Bare(file, device, sizes)
    for way in (bare, stage):
        way.prepare()
        way.run()
    times = rounds(device, sizes.repeats, {"bare": bare, "stage": stage})
    for name, found in times.items():
        figures.show(f"SAM masks, {name}", found.median / sizes.images, "s/image", sizes.images,
                     each=[round(one / sizes.images, 5) for one in found.each],
                     side=sizes.side, dtype=sizes.dtype, architecture=architecture)  # fmt: skip
    figures.show("SAM masks, stage against the bare loop",
                 times["bare"].median / times["stage"].median, "times", sizes.images)  # fmt: skip
    busy = Busy(device)
    stage.prepare()
    with busy.watching(stage.networks()):
        wall = seconds(device, stage.run)
    figures.show("SAM masks, stage: card waits", 1 - busy.seconds() / wall, "share",
                 sizes.images, goal=WAITING,
                 note="outside the networks' forward passes")  # fmt: skip


class Stage:
    """Masks as ``tasks.masks`` makes them: decoded, drawn, measured, PNG, stored."""

    def __init__(self, recipe: Recipe, place: Path, sizes: Sizes) -> None:
        self._place, self._sizes, self._opened = place, sizes, 0
        self._segmenter: Any = registry.segmenter(recipe)
        self._spec = spec_of("masks", mask_spec(recipe, self._segmenter))

    def prepare(self) -> None:
        """A new store that holds the sources, and no masks."""
        self._opened += 1
        store = Store(str(self._place / str(self._opened)))
        store.prepare()
        store.write_run(RUN, {})
        rows = []
        for number in range(self._sizes.images):
            image, pixels, *_ = encoded(number, self._sizes.side)
            (sha,) = store.put_blobs([(image, "png")])
            rows.append(
                {"key": item_key("sources", n=number), "label": "mug", "pixel_sha256": pixels,
                 "image_blob": f"{sha}.png"}
            )  # fmt: skip
        planned = plan_masks(self._spec, rows, self._segmenter)
        (self._shard,) = plan_shards(
            store, RUN, "masks", self._spec, planned, size=len(planned)
        ).shards

    def run(self) -> None:
        """Find all masks."""
        work = Work(self._read, self._draw, finish_masks)
        outcome = work_shard(self._shard, work, batch_size=self._sizes.batch, ahead=AHEAD)
        if outcome.statuses["ok"] != self._sizes.images:
            raise RuntimeError(f"masks failed: {dict(outcome.statuses)}")

    def networks(self) -> list[Any]:
        """All that computes on the card, once loaded."""
        with self._segmenter._model.predictor.use() as predictor:
            sam = predictor.model
        return [sam.image_encoder, sam.prompt_encoder, sam.mask_decoder]

    def _read(self, rows: list[Row], store: Store) -> list[Pixels]:
        return images_of(store, rows, "image_blob")

    def _draw(self, rows: list[Row], images: list[Pixels]) -> list[Drawn]:
        return draw_masks(rows, images, self._segmenter, [None] * len(rows))


class Bare:
    """``SamPredictor`` in a loop over pictures that lie in memory; masks are thrown away."""

    def __init__(self, file: Path, device: str, sizes: Sizes) -> None:
        import torch
        from safetensors.torch import load_file
        from segment_anything import SamPredictor

        from varifactory.models.masks.sam import build_sam
        from varifactory.models.masks.sam_checkpoint import sizes as known

        own = file.with_name("config.json")
        config = json.loads(own.read_text()) if own.exists() else known()["vit_h"]
        sam: Any = build_sam(config)
        sam.load_state_dict(load_file(file))
        self._predictor: Any = SamPredictor(sam.to(device))
        self._images = [source(number, sizes.side)[0] for number in range(sizes.images)]
        self._box = np.array([0.25, 0.25, 0.75, 0.75]) * sizes.side
        numbers = getattr(torch, sizes.dtype)
        self._numbers: Any = lambda: (
            nullcontext() if sizes.dtype == "float32" else torch.autocast(device, dtype=numbers)
        )

    def prepare(self) -> None:
        """Nothing."""

    def run(self) -> None:
        """Find all masks."""
        import torch

        predictor = self._predictor
        with torch.inference_mode():
            for image in self._images:
                with self._numbers():
                    predictor.set_image(image)
                predictor.features = predictor.features.float()
                predictor.predict(box=self._box, multimask_output=False)
