"""The three diffusion passes: batches of equal settings, one generator a picture.

Text to image paints a background or a texture sheet; SDXL inpainting works a prior in; SDXL with
ControlNet-canny and IP-Adapter paints the whole picture anew from noise, guided by the edges of
the source's object and by the inpainted object (``StableDiffusionXLControlNetPipeline``, as the
paper does; what it paints around the object is cut away).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from varifactory.errors import ModelError
from varifactory.models import Pixels, accelerator
from varifactory.models.edits.varireal.priors import Gray
from varifactory.models.residency import Resident


@dataclass(frozen=True, slots=True)
class Request:
    """One picture that is wanted of a pass; what a pass does not read is left at its default."""

    prompt: str
    seed: int
    steps: int
    guidance: float
    negative_prompt: str = ""
    image: Pixels | None = None
    """What is inpainted, or the edges that guide."""
    mask: Gray | None = None
    strength: float = 1.0
    reference: Pixels | None = None
    """What the IP-Adapter sees."""
    image_scale: float = 0.0

    def shared(self) -> tuple[int, float, float, float, bool]:
        """What all pictures of one forward pass have in common."""
        settings = (self.steps, self.guidance, self.strength, self.image_scale)
        return (*settings, bool(self.negative_prompt))


Forward = Callable[[Any, Sequence[Request], Mapping[str, Any]], Any]


class Pass:
    """A resident pipeline and the call that it is made with."""

    def __init__(
        self, pipeline: Resident[Any], forward: Forward, *, side: int, batch: int,
        padded: bool,
    ) -> None:  # fmt: skip
        """``padded``: fill every batch up to ``batch``, so that its shape is always the same; where
        memory is short, up to the part of it that fits."""
        self.pipeline = pipeline
        self._forward = forward
        self._side = side
        self._batch = self._size = batch
        self._padded = padded
        self._too_large = 0

    def __call__(self, requests: Sequence[Request]) -> list[Pixels]:
        """One picture a request, in order, whatever its batch mates.

        Raises:
            ModelError: one picture alone does not fit into memory, or the numbers overflow.
        """
        made: dict[int, Pixels] = {}
        for settings in sorted({request.shared() for request in requests}):
            places = [at for at, each in enumerate(requests) if each.shared() == settings]
            made |= dict(zip(places, self._batches([requests[at] for at in places]), strict=True))
        return [made[place] for place in range(len(requests))]

    def _batches(self, requests: Sequence[Request]) -> list[Pixels]:
        # Filled up before it is cut: the halves of a batch that is too large stay halves.
        spare = -len(requests) % self._size if self._padded else 0
        full = [*requests, *[requests[-1]] * spare]
        with self.pipeline.use() as pipeline:
            try:
                made = accelerator.halving(
                    full, self._size, lambda some: self._pictures(pipeline, some)
                )
                return made[: len(requests)]
            except MemoryError as error:
                raise MemoryError(
                    f"{self.pipeline.name}: {error}: set a smaller edits.side, "
                    "edits.offload=model, or dtypes of fewer bits"
                ) from None

    def _pictures(self, pipeline: Any, requests: Sequence[Request]) -> list[Pixels]:
        try:
            common = _common(requests, self._side)
            made = np.asarray(self._forward(pipeline, requests, common).images)
        except Exception as error:
            if accelerator.is_short(error):
                self._too_large = len(requests)
            raise
        if len(requests) < self._too_large:
            # Kept for later calls: a batch that is too large fails late, in decoding.
            self._size = self._too_large // 2
        self._too_large = 0
        return [self._checked(picture) for picture in made]

    def _checked(self, picture: NDArray[np.floating[Any]]) -> Pixels:
        if not np.isfinite(picture).all():
            raise ModelError(
                f"{self.pipeline.name} overflowed and painted no numbers: its autoencoder needs "
                "another dtype; set it to bfloat16 or float32"
            )
        return np.asarray(np.rint(picture * 255).clip(0, 255), np.uint8)


def _common(requests: Sequence[Request], side: int) -> dict[str, Any]:
    import torch

    negative = [each.negative_prompt for each in requests]
    return {
        "prompt": [each.prompt for each in requests],
        # SDXL tells no words from empty ones: it then takes zeros.
        "negative_prompt": negative if negative[0] else None,
        "num_inference_steps": requests[0].steps,
        "guidance_scale": requests[0].guidance,
        "generator": [torch.Generator("cpu").manual_seed(each.seed) for each in requests],
        "height": side,
        "width": side,
        "output_type": "np",
    }


def paint(pipeline: Any, requests: Sequence[Request], common: Mapping[str, Any]) -> Any:
    """Pictures from prompts alone."""
    del requests
    return pipeline(**common)


def fill(pipeline: Any, requests: Sequence[Request], common: Mapping[str, Any]) -> Any:
    """Pictures repainted inside their masks."""
    return pipeline(
        **common,
        image=[_picture(each.image) for each in requests],
        mask_image=[_picture(each.mask) for each in requests],
        strength=requests[0].strength,
    )


def guide(pipeline: Any, requests: Sequence[Request], common: Mapping[str, Any]) -> Any:
    """Pictures that keep edges and take the looks of a reference."""
    pipeline.set_ip_adapter_scale(requests[0].image_scale)
    return pipeline(
        **common,
        image=[_picture(each.image) for each in requests],
        ip_adapter_image=[_picture(each.reference) for each in requests],
    )


def _picture(pixels: Pixels | Gray | None) -> Image.Image:
    if pixels is None:
        raise ValueError("this pass needs a picture")
    return Image.fromarray(pixels)
