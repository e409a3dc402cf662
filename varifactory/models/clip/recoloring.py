"""Strong changes of colour in training, as CLIP was fine-tuned on generated images.

The strengths and shares are those of VariReal's and DataDream's training of CLIP with LoRA (jitter
of 0.4, 0.4, 0.2 and 0.1 in 0.8 of all pictures, then grey, blur and solarisation in 0.2 each).
Their RandAugment before the crop is left out. Every change is of bytes, as decoded pictures are.
"""

from collections.abc import Callable
from itertools import permutations

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageEnhance, ImageFilter, ImageOps

DRAWS = 10
"""Numbers a picture takes: whether to jitter, in which order, and four factors; whether to take
colours away; whether to blur, and how much; whether to solarise."""
JITTERED, GREYED, BLURRED, SOLARIZED = 0.8, 0.2, 0.2, 0.2
"""Shares of pictures."""
BRIGHTNESS, CONTRAST, SATURATION = 0.4, 0.4, 0.2
"""Largest change of each, in shares of what it was."""
HUE = 0.1
"""Largest turn of the hue, in turns of its circle."""
BLUR = (0.1, 2.0)
"""Least and largest deviation, in pixels of a picture of ``BLUR_SIDE``; smaller ones less."""
BLUR_SIDE = 224
SOLARIZED_FROM = 128
"""Bytes from here on are turned into their negatives."""
ORDERS = tuple(permutations(range(4)))


def recolored(picture: NDArray[np.uint8], draw: NDArray[np.float32]) -> NDArray[np.uint8]:
    """A picture (3, h, w) changed as ``DRAWS`` numbers from 0 to 1 say."""
    found = Image.fromarray(np.ascontiguousarray(picture.transpose(1, 2, 0)))
    if draw[0] < JITTERED:
        found = _jittered(found, draw[1], draw[2:6])
    if draw[6] < GREYED:
        found = found.convert("L").convert("RGB")
    if draw[7] < BLURRED:
        deviation = BLUR[0] + (BLUR[1] - BLUR[0]) * float(draw[8])
        side = min(found.size)
        found = found.filter(ImageFilter.GaussianBlur(deviation * side / BLUR_SIDE))
    if draw[9] < SOLARIZED:
        found = ImageOps.solarize(found, SOLARIZED_FROM)
    return np.asarray(found).transpose(2, 0, 1)


def _jittered(picture: Image.Image, order: np.float32, amounts: NDArray[np.float32]) -> Image.Image:
    shares = [2 * float(amount) - 1 for amount in amounts]
    changes: tuple[Callable[[Image.Image], Image.Image], ...] = (
        lambda one: ImageEnhance.Brightness(one).enhance(1 + BRIGHTNESS * shares[0]),
        lambda one: ImageEnhance.Contrast(one).enhance(1 + CONTRAST * shares[1]),
        lambda one: ImageEnhance.Color(one).enhance(1 + SATURATION * shares[2]),
        lambda one: _turned(one, HUE * shares[3]),
    )
    for place in ORDERS[int(float(order) * len(ORDERS))]:
        picture = changes[place](picture)
    return picture


def _turned(picture: Image.Image, share: float) -> Image.Image:
    """With every hue turned by this share of the circle."""
    hue, saturation, value = picture.convert("HSV").split()
    turned = (np.asarray(hue).astype(np.int16) + round(256 * share)) % 256
    moved = Image.fromarray(turned.astype(np.uint8))
    return Image.merge("HSV", (moved, saturation, value)).convert("RGB")
