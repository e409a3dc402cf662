"""Training augmentations; all their chance comes from one generator that a checkpoint holds."""

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from varifactory.errors import ModelError
from varifactory.models import Pixels
from varifactory.models.clip import recoloring
from varifactory.models.clip.pictures import Kept, each_of, prepare

if TYPE_CHECKING:
    import torch

KINDS = ("none", "flip", "geometry", "standard", "strong")
"""``geometry`` is ``standard`` without its jitter: crops and flips from the same chance, colours as
they were. Jitter of colours works against edits that change them; ``strong`` is the most of it."""
DRAWS = {"strong": 8 + recoloring.DRAWS}
"""Numbers an image that are drawn from 0 to 1; 8 of the other kinds, whose chance must stay."""
SMALLEST_CROP = 0.5
"""Least share of the area a crop keeps; CLIP fine-tuning uses 0.25 to 0.5, objects here fill the
picture less than photographs' do."""
SMALLEST_STRONG_CROP = 0.25
"""Of ``strong``, as CLIP was fine-tuned by DataDream and VariReal."""
LARGEST_STRETCH = 4 / 3
"""Largest change of a crop's aspect ratio, as in ImageNet training."""
JITTER = 0.2
"""Brightness, contrast and saturation vary by this share: mild, since colour is an attribute under
study."""


def augmented(
    kind: str, images: Sequence[Pixels], plain: Kept, random: "torch.Generator", *,
    together: bool = False,
) -> NDArray[np.uint8]:  # fmt: skip
    """Pictures (n, 3, h, w) at the tower's size, changed as ``kind`` says.

    Args:
        kind: one of ``KINDS``.
        images: as they were decoded.
        plain: makes an image's unchanged picture, and keeps it.
        random: where all chance comes from.
        together: several images at a time.

    Raises:
        ModelError: for a kind that is not in ``KINDS``.
    """
    import torch

    if kind not in KINDS:
        raise ModelError(f"augmentation {kind!r} is unknown; allowed are {', '.join(KINDS)}")
    if kind == "none":
        return each_of(plain, images, together=together)
    shape = len(images), DRAWS.get(kind, 8)
    draws = torch.rand(*shape, generator=random, device=random.device).cpu().numpy()
    change = partial(_changed, plain, kind)
    return each_of(change, images, draws, together=together)


def _changed(plain: Kept, kind: str, image: Pixels, draw: NDArray[np.float32]) -> NDArray[np.uint8]:
    if kind == "flip":
        picture = plain(image)
    else:
        least = SMALLEST_STRONG_CROP if kind == "strong" else SMALLEST_CROP
        look, box = plain.look, _crop(image.shape[1], image.shape[0], draw[1:5], least)
        picture = prepare(image, look.height, look.width, box, bilinear=look.bilinear)
    if kind == "standard":
        picture = _jittered(picture, draw[5:8])
    elif kind == "strong":
        picture = recoloring.recolored(picture, draw[8:])
    return picture[:, :, ::-1] if draw[0] < 0.5 else picture


def _crop(
    width: int, height: int, draw: NDArray[np.float32], least: float
) -> tuple[float, float, float, float]:
    area = least + (1 - least) * float(draw[0])
    stretch = LARGEST_STRETCH ** (2 * float(draw[1]) - 1)
    wide = min(1.0, (area * stretch) ** 0.5) * width
    tall = min(1.0, (area / stretch) ** 0.5) * height
    left, top = float(draw[2]) * (width - wide), float(draw[3]) * (height - tall)
    return left, top, left + wide, top + tall


def _jittered(picture: NDArray[np.uint8], draw: NDArray[np.float32]) -> NDArray[np.uint8]:
    brightness, contrast, saturation = 1 + JITTER * (2 * draw - 1)
    found = picture.astype(np.float32) * brightness
    found = found.mean() + contrast * (found - found.mean())
    gray = found.mean(axis=0, keepdims=True)
    changed: NDArray[np.uint8] = (
        (gray + saturation * (found - gray)).clip(0, 255).round().astype(np.uint8)
    )
    return changed
