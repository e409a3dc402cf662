"""Shots as a UNet learns from them: latents, masks and sizes, encoded once for all steps."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from varifactory.errors import ModelError
from varifactory.models import Pixels
from varifactory.models.accelerator import halving
from varifactory.models.tuning import Shot

if TYPE_CHECKING:
    import torch

HOLES = 3
"""Rectangles a shot, drawn once, for an inpainting UNet; a further view masks all of it."""
SIDES = (0.3, 0.8)
"""Least and greatest side of a rectangle as a share of the picture's: small objects to most of it.

An inpainting UNet must go on painting both ways it is used: whole pictures from words, and regions
in sight of their surroundings. Whole views alone would teach it to forget what it sees, rectangles
alone would mostly teach it to copy. Rectangles lie on the grid of latents, so none is cut in half.
"""
ENCODED_TOGETHER = 4
"""Pictures the autoencoder is given at a time; it is fast, and its inner layers are large."""


@dataclass(frozen=True, slots=True)
class Examples:
    """All shots of one adapter, on the device."""

    latents: "torch.Tensor"
    """(shots, channels, height, width), scaled."""
    masks: "torch.Tensor | None"
    """(shots, views, 1, height, width), 1 where to paint; None for a UNet without mask channels.
    View 0 masks everything."""
    masked: "torch.Tensor | None"
    """(shots, views, channels, height, width): latents of what is seen."""
    sizes: "torch.Tensor"
    """(shots, 6): height and width as they came, top and left of the crop, height and width now."""
    captions: tuple[str, ...]

    @property
    def views(self) -> int:
        return 1 if self.masks is None else int(self.masks.shape[1])


def encoded(pipeline: Any, shots: Sequence[Shot], side: int, random: "torch.Generator") -> Examples:
    """The shots as squares of ``side`` pixels: the shorter side fitted, the middle cut out.

    Latents are the autoencoder's most likely ones, so nothing is drawn: its own spread is small
    beside the noise that is added.

    Raises:
        ModelError: a shot is no (height, width, 3) image of bytes, or memory is short.
    """
    import torch

    factor = _factor(pipeline)
    fitted = [_fitted(shot, side) for shot in shots]
    pixels = torch.from_numpy(np.stack([picture for picture, _ in fitted])).permute(0, 3, 1, 2)
    pixels = pixels.float() / 127.5 - 1
    latents = _latents(pipeline, pixels)
    masks, masked = None, None
    if takes_masks(pipeline):
        masks = _masks(len(shots), side // factor, random)
        seen = torch.nn.functional.interpolate(masks.flatten(0, 1), scale_factor=factor) < 0.5
        every = pixels.repeat_interleave(masks.shape[1], 0) * seen
        masked = _latents(pipeline, every).reshape(*masks.shape[:2], *latents.shape[1:])
        masks = masks.to(masked.device)
    sizes = torch.tensor([size for _, size in fitted], dtype=torch.float32, device=latents.device)
    return Examples(latents, masks, masked, sizes, tuple(shot.caption for shot in shots))


def takes_masks(pipeline: Any) -> bool:
    """Whether the UNet is an inpainting one: latent, mask and masked latent.

    Raises:
        ModelError: it is neither that nor a plain one.
    """
    taken, channels = pipeline.unet.config.in_channels, pipeline.unet.config.out_channels
    if taken not in (channels, 2 * channels + 1):
        raise ModelError(
            f"the generator's UNet takes {taken} channels; those with {channels} (text to image) "
            f"and {2 * channels + 1} (inpainting) can be adapted: set adaptation.scope=none, or "
            "edits.checkpoint to such a one"
        )
    return bool(taken != channels)


def _factor(pipeline: Any) -> int:
    """Pixels a latent, as the pipeline counts them."""
    return int(pipeline.vae_scale_factor)


def _fitted(shot: Shot, side: int) -> tuple[Pixels, tuple[int, ...]]:
    """The middle square at ``side`` pixels, and what SDXL is told of sizes."""
    image = shot.image
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
        raise ModelError(
            f"shot {shot.pixel_sha256[:12]} is {image.dtype} {image.shape}, not uint8 "
            "(height, width, 3): run with sources.rehash=true"
        )
    height, width = image.shape[:2]
    scale = side / min(height, width)
    tall, wide = max(side, round(height * scale)), max(side, round(width * scale))
    top, left = (tall - side) // 2, (wide - side) // 2
    whole = Image.fromarray(image).resize((wide, tall), Image.Resampling.LANCZOS)
    middle = whole.crop((left, top, left + side, top + side))
    return np.array(middle), (height, width, top, left, side, side)


def _masks(shots: int, side: int, random: "torch.Generator") -> "torch.Tensor":
    """(shots, 1 + HOLES, 1, side, side); on the CPU."""
    import torch

    least, span = SIDES[0] * side, (SIDES[1] - SIDES[0]) * side
    masks = torch.zeros(shots, 1 + HOLES, 1, side, side)
    masks[:, 0] = 1
    for draw, place in zip(
        torch.rand(shots * HOLES, 4, generator=random).tolist(),
        [(shot, hole) for shot in range(shots) for hole in range(1, 1 + HOLES)],
        strict=True,
    ):
        high, wide = (max(1, round(least + share * span)) for share in draw[:2])
        top, left = int(draw[2] * (side - high + 1)), int(draw[3] * (side - wide + 1))
        masks[place][:, top : top + high, left : left + wide] = 1
    return masks


def _latents(pipeline: Any, pixels: "torch.Tensor") -> "torch.Tensor":
    """Scaled latents of pictures from -1 to 1, in float32.

    An autoencoder that says so (SDXL's) overflows in half precision, so it works in float32.
    """
    import torch

    vae = pipeline.vae
    usual = vae.dtype
    if usual == torch.float16 and vae.config.force_upcast:
        vae.to(dtype=torch.float32)
    try:
        with torch.no_grad():
            rows = halving(list(pixels), ENCODED_TOGETHER, lambda some: _encode(vae, some))
    except MemoryError as error:
        raise ModelError(f"encoding a shot: {error}; or set edits.side lower") from None
    finally:
        vae.to(dtype=usual)
    return torch.stack(rows) * float(vae.config.scaling_factor)


def _encode(vae: Any, pictures: Sequence["torch.Tensor"]) -> list["torch.Tensor"]:
    import torch

    found = vae.encode(torch.stack(list(pictures)).to(vae.device, vae.dtype))
    latents = found.latents if hasattr(found, "latents") else found.latent_dist.mode()
    return list(latents.float())
