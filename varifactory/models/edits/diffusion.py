"""Edits through diffusers: one inpainter over the pipelines of all families."""

import inspect
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from varifactory.errors import ModelError
from varifactory.models import Identity, InpaintingJob, Pixels, Weights, accelerator
from varifactory.models.checkpoints import Found
from varifactory.models.edits.families import Family, families
from varifactory.models.edits.loading import (
    Loaded,
    Setup,
    built_in_weights,
    load,
    load_pipeline,
)
from varifactory.models.edits.refusals import refusal_of_checkpoint, refusal_of_family
from varifactory.models.edits.settings import Asked
from varifactory.models.edits.sizes import Size, mask_image, resized, working_size
from varifactory.models.residency import Resident

__all__ = ["BUILT_IN", "SIDE", "DiffusersInpainter", "load_pipeline", "small_diffusion"]

BUILT_IN = Path(__file__).parents[1] / "builtin" / "small-diffusion"
SIDE = 96
"""Pixels a side the small pipeline was trained on; other sources are resized there and back."""

Alike = tuple[Size, Asked, Weights | None, int]
"""What the jobs of one forward pass share: size, settings, adapter, padded tokens."""


class DiffusersInpainter:
    """An ``Inpainter`` over the pipelines of one family.

    Jobs of equal size and settings share forward passes; each image has its own generator, on the
    CPU, seeded by its job. On a CPU short batches are filled up, so that an edit is the same to
    the bit in any company. Where memory runs short the batch is halved, for good: what is made
    from then on differs from the declared batch's by rounding alone (on a CPU too, where
    pixels depend on the shape of a batch), one level of 255 in what was measured.

    The pipeline decodes all pixels anew; the stage pastes the source back outside the region.
    """

    def __init__(self, family: Family, found: Found, setup: Setup) -> None:
        """Nothing is loaded yet; ``found`` are the weights that ``setup.kind`` is made with."""
        self._family = family
        self._found = found
        self._setup = setup
        self._size = setup.batch
        self._too_large = 0
        self._resident = Resident(f"{family.name} ({found.place})", self._load)

    def _load(self) -> Loaded:
        return load(self._family, self._found, self._setup)

    @property
    def identity(self) -> Identity:
        family, setup = self._family, self._setup
        on_cpu = {"batch": setup.batch, "threads": setup.threads} if setup.device == "cpu" else {}
        return {
            "name": family.name,
            **self._found.identity(),
            "side": setup.side or family.side,
            "steps": family.steps,
            "guidance": family.guidance,
            **{f"strength_{name}": share for name, share in family.strengths.items()},
            **({"scheduler": setup.schedule.name} if setup.schedule else {}),
            **(setup.distilled.identity() if setup.distilled else {}),
            **on_cpu,
            **({"settings": ",".join(Asked.read_by(family))} if setup.second else {}),
            "reads_prompt": True,
        }

    def refusal(self, job: InpaintingJob) -> str:
        """Why the job cannot be done and what to do instead; empty where it can."""
        if told := refusal_of_family(job, self._family, self._setup.kind):
            return told
        with self._resident.use() as loaded:
            return refusal_of_checkpoint(job, self._family, loaded)

    def inpaint(self, jobs: Sequence[InpaintingJob]) -> list[Pixels]:
        groups: dict[Alike, list[int]] = {}
        for place, job in enumerate(jobs):
            groups.setdefault(self._alike(job), []).append(place)
        made: dict[int, Pixels] = {}
        for alike, places in groups.items():
            drawn = self._drawn([jobs[place] for place in places], alike)
            made |= dict(zip(places, drawn, strict=True))
        return [made[place] for place in range(len(jobs))]

    def _alike(self, job: InpaintingJob) -> Alike:
        height, width = job.image.shape[:2]
        size = working_size(height, width, self._family, self._setup.side)
        tokens = 0
        if bucket := self._family.encoding.bucket:
            with self._resident.use() as loaded:
                tokens = -(-loaded.prompts.tokens(job.prompt) // bucket)
        return size, Asked.of(job, self._family), job.adapter, tokens

    def _drawn(self, jobs: Sequence[InpaintingJob], alike: Alike) -> list[Pixels]:
        """Images of jobs that are alike, in their sources' sizes."""
        spare = -len(jobs) % self._setup.batch if self._setup.padded else 0
        filled = [*jobs, *([jobs[-1]] * spare)]
        try:
            made = accelerator.halving(filled, self._size, partial(self._forward, alike))
        except MemoryError:
            # Of one image, not of the model: the shard's others may be smaller.
            raise MemoryError(
                f"{self._family.name}: one image of {alike[0][0]} x {alike[0][1]} pixels is too "
                "much for the memory there is: set a smaller edits.side, edits.offload=model, "
                f"another {self._found.key}.dtype or a smaller checkpoint"
            ) from None
        return [
            resized(image, (job.image.shape[1], job.image.shape[0]))
            for image, job in zip(made, jobs, strict=False)
        ]

    def _forward(self, alike: Alike, jobs: Sequence[InpaintingJob]) -> list[Pixels]:
        try:
            with self._resident.use() as loaded:
                made = self._sampled(loaded, alike, jobs)
        except Exception as error:
            if accelerator.is_short(error):
                self._too_large = len(jobs)
            raise
        if len(jobs) < self._too_large:
            # Kept beyond this call: a batch that is too large fails late, in decoding.
            self._size = self._too_large // 2
        self._too_large = 0
        return made

    def _sampled(self, loaded: Loaded, alike: Alike, jobs: Sequence[InpaintingJob]) -> list[Pixels]:
        size, asked, adapter, _ = alike
        self._adapt(loaded.pipeline, adapter)
        drawn = loaded.pipeline(
            **loaded.prompts.embeddings(
                [job.prompt for job in jobs], asked, adapter.sha256 if adapter else ""
            ),
            **self._arguments(loaded.pipeline, jobs, size, asked),
        ).images
        if not np.isfinite(drawn).all():
            raise ModelError(
                f"{self._family.name} made numbers beyond {self._found.dtype}: set "
                f"{self._found.key}.dtype to bfloat16 or float32"
            )
        return [np.round(image * 255).clip(0, 255).astype(np.uint8) for image in drawn]

    def _adapt(self, pipeline: Any, adapter: Weights | None) -> None:
        if not self._family.adapters:
            return
        from varifactory.models.adapters import put, take_off

        if adapter:
            put(pipeline, adapter, self._found.weights)
        else:
            take_off(pipeline)

    def _arguments(
        self, pipeline: Any, jobs: Sequence[InpaintingJob], size: Size, asked: Asked
    ) -> dict[str, Any]:
        """What the pipeline is called with, beside embeddings."""
        import torch

        takes = inspect.signature(pipeline.__call__).parameters
        arguments: dict[str, Any] = {
            "num_inference_steps": asked.steps,
            self._family.guidance_argument: asked.guidance,
            "generator": [torch.Generator("cpu").manual_seed(job.seed) for job in jobs],
            "output_type": "np",
        }
        if self._setup.kind != "text-to-image":
            arguments["image"] = [Image.fromarray(resized(job.image, size)) for job in jobs]
            arguments["strength"] = asked.strength
        if "mask_image" in takes:
            arguments["mask_image"] = [mask_image(job.region, size) for job in jobs]
        if "height" in takes:  # others take the size of the image
            arguments["width"], arguments["height"] = size
        return arguments


def small_diffusion(
    *, folder: Path = BUILT_IN, threads: int = 1, setup: Setup | None = None
) -> DiffusersInpainter:
    """The built-in inpainting model, on the CPU.

    Raises:
        ModelError: there is no model with a card in ``folder``.
    """
    family = families()["small-diffusion"]
    setup = replace(setup or Setup(), device="cpu", batch=family.batch or 1, threads=threads)
    return DiffusersInpainter(family, built_in_weights(folder), setup)
