"""Two ways to the same edits: the stage as its task works it, and a bare loop of diffusers."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from bench.figures import ROOT
from varifactory.catalog import load_catalog
from varifactory.edits import (
    Edge,
    draw_edits,
    edges_of,
    edit_spec,
    feathered,
    finish_edits,
    plan_edits,
    region_of,
)
from varifactory.images import decode_png, encode_png, pixel_hash
from varifactory.keys import item_key, spec_of
from varifactory.loading import images_of, masks_of, read_blob
from varifactory.models import Pixels, Region, registry
from varifactory.recipe import Recipe
from varifactory.shards.planning import plan_shards
from varifactory.shards.working import work_shard
from varifactory.stages import Row, Work
from varifactory.store import Store

ATTRIBUTE = "background"
AHEAD = 2
RUN = "bench"
Inputs = tuple[list[Pixels], list[Region], list[Edge | None]]


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much is measured."""

    side: int = 1024
    steps: int = 30
    guidance: float = 7.5
    batch: int = 4
    images: int = 24
    """Edits a pass; two of each source, as both arms have them."""
    repeats: int = 2
    dtype: str = "bfloat16"
    speedy: int = 1
    """0 leaves the way with the speed settings out, and its copy of the weights."""
    matrix: int = 16384
    """Side of the matrices whose product tells the card's peak."""


def recipe_for(folder: Path, device: str, sizes: Sizes, *more: str) -> Recipe:
    """The quickstart with SDXL as its editor."""
    return Recipe.read(
        ROOT / "deployments/recipes/quickstart.yaml",
        [
            "edits.editor=sdxl", f"edits.checkpoint.name={folder}",
            f"edits.checkpoint.dtype={sizes.dtype}", f"edits.side={sizes.side}",
            f"edits.steps={sizes.steps}", f"edits.guidance={sizes.guidance}",
            f"edits.batch={sizes.batch}", "edits.strength=1.0", "edits.per_source=1",
            f"prompts.attributes=[{ATTRIBUTE}]", f"sources.size={sizes.side}",
            f"run.device={device}", f"run.batch_size={sizes.batch}", f"run.ahead={AHEAD}", *more,
        ],
    )  # fmt: skip


def source(number: int, side: int) -> tuple[Pixels, Region]:
    """A picture with soft shapes and grain, and an ellipse as its object's mask."""
    random = np.random.default_rng(number)
    coarse = Image.fromarray(random.integers(0, 256, (8, 8, 3), dtype=np.uint8))
    soft = np.asarray(coarse.resize((side, side), Image.Resampling.BICUBIC), dtype=np.int16)
    image = (soft + random.integers(-6, 7, soft.shape)).clip(0, 255).astype(np.uint8)
    down, across = np.mgrid[-1 : 1 : side * 1j, -1 : 1 : side * 1j]
    return image, (down / 0.6) ** 2 + (across / 0.4) ** 2 < 1


@cache
def encoded(number: int, side: int) -> tuple[bytes, str, bytes, str]:
    """A source as PNG with the hash of its pixels, and the same of its mask."""
    image, mask = source(number, side)
    return encode_png(image), pixel_hash(image), encode_png(mask), pixel_hash(mask)


def keep_source(store: Store, number: int, side: int) -> Row:
    """A source with its mask in the store: the row of an accepted mask."""
    image, image_pixels, mask, mask_pixels = encoded(number, side)
    names = store.put_blobs([(image, "png"), (mask, "png")])
    return {
        "key": item_key("masks", n=number), "label": "mug", "source_key": f"{number:05d}",
        "source_pixels": image_pixels, "image_blob": f"{names[0]}.png",
        "mask_sha256": mask_pixels, "mask_blob": f"{names[1]}.png",
    }  # fmt: skip


class Stage:
    """Edits as ``tasks.edits`` makes them: decoded, drawn, pasted back, measured, PNG, stored."""

    def __init__(self, recipe: Recipe, place: Path, sizes: Sizes) -> None:
        self.inpainter: Any = registry.inpainter(recipe, "sdxl")
        self.rows: list[Row] = []
        self._recipe, self._place, self._sizes = recipe, place, sizes
        self._catalog = load_catalog(recipe.prompts.catalog)
        self._spec = spec_of("edits", edit_spec(recipe, self.inpainter))
        self._opened = 0

    def prepare(self) -> None:
        """A new store that holds the sources and masks, and no edits."""
        self._opened += 1
        self._store = Store(str(self._place / str(self._opened)))
        self._store.prepare()
        self._store.write_run(RUN, {})
        count = max(1, self._sizes.images // 2)
        masks = [keep_source(self._store, number, self._sizes.side) for number in range(count)]
        prompts = [
            {"key": f"{feasibility}-{n}", "label": "mug", "attribute": ATTRIBUTE, "index": n,
             "feasibility": feasibility, "value": f"place {n}", "text": f"a mug, {feasibility} {n}"}
            for feasibility in ("feasible", "infeasible") for n in range(3)
        ]  # fmt: skip
        planned = plan_edits(
            self._spec, masks, prompts, self._recipe, self._catalog, self.inpainter
        )
        self.rows = sorted(planned, key=lambda row: (row["source_key"], row["key"]))
        plan = plan_shards(
            self._store, RUN, "edits", self._spec, planned, size=len(planned),
            together=("source_key",),
        )  # fmt: skip
        (self._shard,) = plan.shards

    def run(self) -> None:
        """Make all edits."""
        work = Work(self._read, self._draw, finish_edits)
        outcome = work_shard(
            self._shard, work, batch_size=self._sizes.batch, ahead=self._recipe.run.ahead
        )
        if outcome.statuses["ok"] != len(self.rows):
            reasons = self._store.rows("edits", self._spec)["reason"].to_pylist()
            raise RuntimeError(f"edits failed ({dict(outcome.statuses)}): {max(reasons)}")

    def made(self) -> dict[str, Pixels]:
        """The edits of the last run by key."""
        rows = self._store.rows("edits", self._spec).to_pylist()
        return {row["key"]: decode_png(read_blob(self._store, row["image_blob"])) for row in rows}

    def networks(self) -> list[Any]:
        """All that computes on the card, once loaded."""
        with self.inpainter._resident.use() as loaded:
            return networks(loaded.pipeline)

    def inputs(self) -> list[tuple[Row, Pixels, Region]]:
        """Rows with their sources and regions, in the order in which the stage takes them."""
        region = self._catalog.attribute(ATTRIBUTE).region
        images, masks, _ = self._read(self.rows, self._store)
        return [
            (row, image, feathered(region_of(mask, region), self._recipe.edits.feather) > 0)
            for row, image, mask in zip(self.rows, images, masks, strict=True)
        ]

    def _read(self, rows: list[Row], store: Store) -> Inputs:
        images, masks = images_of(store, rows, "source_blob"), masks_of(store, rows, "mask_blob")
        return images, masks, edges_of(rows, masks, self._catalog, self._recipe.edits)

    def _draw(self, rows: list[Row], inputs: Inputs) -> Any:
        images, masks, edges = inputs
        return draw_edits(
            rows, images, masks, self.inpainter, self._catalog, self._recipe.edits, edges=edges
        )


class Bare:
    """The pipeline alone, called batch by batch on pictures that lie in memory; nothing is kept."""

    def __init__(self, folder: Path, device: str, sizes: Sizes) -> None:
        import diffusers
        import torch

        self._sizes = sizes
        self.pipeline = diffusers.StableDiffusionXLInpaintPipeline.from_pretrained(
            folder, dtype=getattr(torch, sizes.dtype), local_files_only=True
        ).to(device)
        self.pipeline.set_progress_bar_config(disable=True)
        self._jobs: list[tuple[Row, Image.Image, Image.Image]] = []
        self._made: dict[str, Pixels] = {}

    def take(self, stage: Stage) -> None:
        """The same work as the stage's, decoded."""
        self._jobs = [
            (row, Image.fromarray(image), Image.fromarray(region.astype(np.uint8) * 255))
            for row, image, region in stage.inputs()
        ]

    def prepare(self) -> None:
        self._made = {}

    def run(self) -> None:
        """Make all edits, without pasting back, encoding and keeping them."""
        for start in range(0, len(self._jobs), self._sizes.batch):
            jobs = self._jobs[start : start + self._sizes.batch]
            drawn = self.draw(jobs, self._sizes.steps)
            for (row, *_), image in zip(jobs, drawn, strict=True):
                self._made[row["key"]] = np.asarray(image)

    def one(self, steps: int) -> None:
        """One image in fewer steps, for counting operations."""
        self.draw(self._jobs[:1], steps)

    def draw(self, jobs: list[tuple[Row, Image.Image, Image.Image]], steps: int) -> Any:
        import torch

        return self.pipeline(
            prompt=[row["prompt"] for row, *_ in jobs],
            image=[image for _, image, _ in jobs],
            mask_image=[mask for *_, mask in jobs],
            generator=[torch.Generator("cpu").manual_seed(row["seed"]) for row, *_ in jobs],
            width=self._sizes.side, height=self._sizes.side, strength=1.0,
            num_inference_steps=steps, guidance_scale=self._sizes.guidance,
        ).images  # fmt: skip

    def made(self) -> dict[str, Pixels]:
        """The edits of the last run by key."""
        return self._made


def networks(pipeline: Any) -> list[Any]:
    """All of a pipeline that computes on the card."""
    vae = pipeline.vae
    return [
        pipeline.unet, vae.encoder, vae.decoder, pipeline.text_encoder, pipeline.text_encoder_2,
    ]  # fmt: skip
