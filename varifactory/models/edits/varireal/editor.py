"""The inpainter ``varireal``: prior, inpainting, guided pass, composite, by attribute.

- ``background``: a text-to-image model paints the place; the object with a margin is put on it;
  SDXL inpainting repaints what surrounds the object.
- ``color``: the object is tinted; SDXL inpainting works the tint in; SDXL with ControlNet-canny and
  IP-Adapter paints the picture anew from the source's edges and that object; the new object alone
  goes into the source.
- ``texture``: as ``color``, but a patch of a painted texture sheet is laid over the object.

Every pass has noise of its own, drawn from the edit's seed alone, and nothing but the stage
decides what is kept: the paper's code drew seeds from a set of two, dropped negative prompts
before they reached SDXL, wrote weights into the prompts, kept whatever came after two tries, and
loaded a depth model that nothing used.
"""

from collections.abc import Mapping, Sequence
from functools import cached_property
from types import MappingProxyType
from typing import Any

import numpy as np

from varifactory.errors import ModelError
from varifactory.keys import seed_from
from varifactory.models import Identity, InpaintingJob, Pixels, Region
from varifactory.models.edits.varireal import loading, passes, priors
from varifactory.models.edits.varireal.colors import rgb_of
from varifactory.models.edits.varireal.geometry import restored, squared, squared_mask
from varifactory.models.edits.varireal.passes import Pass, Request
from varifactory.models.edits.varireal.wording import wording_hash, words_for
from varifactory.models.residency import Resident
from varifactory.recipe import Checkpoint
from varifactory.recipe.varireal import VariReal

NAME = "varireal"
VERSION = 1
"""Raised when a recipe paints something else for the same job and weights."""
OPERATIONS: Mapping[str, str] = MappingProxyType(
    {"background": "surroundings", "color": "object", "texture": "object"}
)
"""What an attribute can name under ``editors: {varireal: ...}``, and the region it repaints."""
READS = "strength,steps,guidance,negative_prompt,alpha,image_scale,dilate,paint"
DEFAULTS: Mapping[str, float] = MappingProxyType(
    {"strength": 1.0, "steps": 30, "guidance": 7.5, "alpha": 0.5, "image_scale": 0.5, "dilate": 50}
)
"""Settings that a recipe may leave out; all but the strength about the middle of the paper's."""
SIDE = 1024
"""Pixels a side that SDXL was trained for, and the paper works at."""
GRID = 8
"""Pixels a latent of SDXL covers: the side is a multiple."""


class VariRealEditor:
    """Meets ``varifactory.models.Inpainter``; each of three pipelines is loaded at first use."""

    def __init__(
        self, inpainting: Checkpoint, parts: VariReal, *, batch: int, device: str,
        threads: int = 1, side: int = 0, offload: bool = False, key: str = "edits.checkpoint",
    ) -> None:  # fmt: skip
        """``threads`` is only told in the identity: setting it for torch is the caller's.

        ``key`` is where the recipe has the inpainting checkpoint, for messages.

        Raises:
            ModelError: a side that latents do not fill.
        """
        if side % GRID:
            raise ModelError(f"edits.side is {side}: {NAME} needs a multiple of {GRID}")
        self._inpainting = inpainting
        self._parts = parts
        self._side = side or SIDE
        self._batch = batch
        self._device = device
        self._offload = offload
        self._threads = threads
        self._key = key
        self.paint = self._pass("text_to_image", loading.text_to_image, passes.paint)
        self.fill = self._pass("inpainting", loading.inpainting, passes.fill)
        self.guide = self._pass("guided", loading.guided, self._guide)

    def _pass(self, name: str, load: Any, forward: passes.Forward) -> Pass:
        resident: Resident[Any] = Resident(
            f"{NAME} ({name})", lambda: load(self.sources, self._device, self._offload)
        )
        return Pass(
            resident, forward, side=self._side, batch=self._batch,
            padded=self._device == "cpu",
        )  # fmt: skip

    def _guide(self, pipeline: Any, requests: Sequence[Request], common: Mapping[str, Any]) -> Any:
        scale = {"controlnet_conditioning_scale": self._parts.control_scale}
        return passes.guide(pipeline, requests, {**common, **scale})

    @cached_property
    def sources(self) -> loading.Sources:
        """Where the weights come from."""
        return loading.sources(self._inpainting, self._key, self._parts)

    @cached_property
    def _tokenizer(self) -> Any:
        return loading.tokenizer(self.sources)

    @property
    def identity(self) -> Identity:
        weights: dict[str, str] = {}
        for name, found in self.sources.found.items():
            weights |= {f"{name}_{key}": value for key, value in found.identity().items()}
        given = self._parts.model_dump(exclude=set(self.sources.found))
        shape = {"batch": self._batch, "threads": self._threads} if self._device == "cpu" else {}
        return {
            "name": NAME,
            "version": VERSION,
            **weights,
            **given,
            "side": self._side,
            **{f"usual_{name}": value for name, value in DEFAULTS.items()},
            "wording": wording_hash(),
            "settings": READS,
            **shape,
        }

    def refusal(self, job: InpaintingJob) -> str:
        """Why a job cannot be done and what to do instead; empty where it can."""
        operation = job.attribute.editors.get(NAME, "")
        if operation not in OPERATIONS:
            return (
                f"{NAME} has no operation {operation!r} (attribute {job.attribute.name!r}); it has "
                f"{', '.join(OPERATIONS)}: name one under `editors` of the attribute"
            )
        if job.attribute.region != OPERATIONS[operation]:
            return (
                f"{NAME}'s operation {operation!r} repaints the {OPERATIONS[operation]}, attribute "
                f"{job.attribute.name!r} has the region {job.attribute.region!r}: change either"
            )
        if job.kind != "inpaint":
            return f"{NAME} edits one region of a source: set edits.kind to inpaint"
        if job.adapter is not None:
            return f"{NAME} takes no fine-tuned weights: set adaptation.scope to none"
        if operation == "color" and rgb_of(job) is None:
            return (
                f"no RGB is known for colour {job.value!r}: give its value a `paint: {{rgb: ...}}` "
                "in the catalog, or name it as CSS or the XKCD colour survey do"
            )
        steps, strength = _setting(job, "steps"), _setting(job, "strength")
        if int(steps * strength) < 1:
            return (
                f"strength {strength:g} of {steps:g} steps leaves none: raise edits.strength or "
                "edits.steps"
            )
        return self._too_long(job)

    def _too_long(self, job: InpaintingJob) -> str:
        """SDXL's prompt and the painter's are checked; either would be cut off in silence."""
        texts = [job.prompt]
        if _operation(job) != "color":
            texts.append(words_for(_operation(job), job)[0])
        tokens = max(len(self._tokenizer(text).input_ids) for text in texts)
        if tokens <= loading.MAX_TOKENS:
            return ""
        return (
            f"the prompt has {tokens} tokens and CLIP's text encoders read {loading.MAX_TOKENS}: "
            "shorten the class name or the phrase"
        )

    def inpaint(self, jobs: Sequence[InpaintingJob]) -> list[Pixels]:
        """One image a job.

        Raises:
            ModelError: weights that cannot be loaded, too little memory for one picture, or
                numbers that overflow.
        """
        side = self._side
        images = [squared(job.image, side) for job in jobs]
        masks = [squared_mask(job.object_mask, side) for job in jobs]
        priors_made = self._priors(jobs, images, masks)
        filled = self.fill(
            [self._filling(*each) for each in zip(jobs, priors_made, masks, strict=True)]
        )
        guided = self._guided(jobs, images, masks, filled)
        return [
            restored(made, *job.image.shape[:2]) for job, made in zip(jobs, guided, strict=True)
        ]

    def _priors(
        self, jobs: Sequence[InpaintingJob], images: Sequence[Pixels], masks: Sequence[Region]
    ) -> list[Pixels]:
        """What inpainting starts from; a background or sheet is painted where one is needed."""
        places = [at for at, job in enumerate(jobs) if _operation(job) != "color"]
        painted = self.paint([self._painting(jobs[at]) for at in places])
        pictures = dict(zip(places, painted, strict=True))
        return [
            self._prior(job, image, mask, pictures.get(at))
            for at, (job, image, mask) in enumerate(zip(jobs, images, masks, strict=True))
        ]

    def _painting(self, job: InpaintingJob) -> Request:
        operation = _operation(job)
        prompt, negative = words_for(operation, job)
        back = operation == "background"
        parts = self._parts
        return Request(
            prompt=prompt,
            negative_prompt=negative,
            seed=seed_from(NAME, "paint", job.seed),
            steps=parts.background_steps if back else parts.sheet_steps,
            guidance=parts.background_guidance if back else parts.sheet_guidance,
        )

    def _prior(
        self, job: InpaintingJob, image: Pixels, mask: Region, painted: Pixels | None
    ) -> Pixels:
        if _operation(job) == "background" and painted is not None:
            return priors.keep_object(image, mask, painted, int(_setting(job, "dilate")))
        over = np.array(rgb_of(job) or (0, 0, 0), np.uint8)
        if painted is not None:
            rng = np.random.default_rng(seed_from(NAME, "patch", job.seed))
            over = priors.texture_of(painted, rng)
        return priors.blended(image, mask, over, _setting(job, "alpha"))

    def _filling(self, job: InpaintingJob, prior: Pixels, mask: Region) -> Request:
        back = _operation(job) == "background"
        whole = np.where(mask, 255, 0).astype(np.uint8)
        return Request(
            prompt=job.prompt,
            negative_prompt=str(job.settings.get("negative_prompt", "")),
            seed=seed_from(NAME, "fill", job.seed),
            steps=int(_setting(job, "steps")),
            guidance=_setting(job, "guidance"),
            strength=_setting(job, "strength"),
            image=prior,
            mask=priors.soft_surroundings(mask) if back else whole,
        )

    def _guided(
        self, jobs: Sequence[InpaintingJob], images: Sequence[Pixels], masks: Sequence[Region],
        filled: Sequence[Pixels],
    ) -> list[Pixels]:  # fmt: skip
        """Objects painted anew and put into their sources; backgrounds as they are."""
        places = [at for at, job in enumerate(jobs) if _operation(job) != "background"]
        asked = [self._guiding(jobs[at], images[at], masks[at], filled[at]) for at in places]
        made = list(filled)
        for at, picture in zip(places, self.guide(asked), strict=True):
            made[at] = np.where(masks[at][..., None], picture, images[at])
        return made

    def _guiding(self, job: InpaintingJob, image: Pixels, mask: Region, filled: Pixels) -> Request:
        return Request(
            prompt=job.prompt,
            negative_prompt=str(job.settings.get("negative_prompt", "")),
            seed=seed_from(NAME, "guide", job.seed),
            steps=self._parts.guided_steps,
            guidance=self._parts.guided_guidance,
            image=priors.edges(image, mask),
            reference=priors.on_canvas(filled, mask),
            image_scale=_setting(job, "image_scale"),
        )


def _setting(job: InpaintingJob, name: str) -> float:
    return float(job.settings.get(name, DEFAULTS[name]))


def _operation(job: InpaintingJob) -> str:
    return job.attribute.editors[NAME]
