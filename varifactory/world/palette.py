"""Colours as data: `#rrggbb` to numbers, and the seeded streams every painter draws from."""

import re
import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from varifactory.errors import RecipeError

Color = NDArray[np.float32]


def rgb(text: Any, where: str) -> tuple[int, int, int]:
    """`#rrggbb` (sRGB) to three levels of 0..255."""
    if not isinstance(text, str) or not re.fullmatch(r"#[0-9a-fA-F]{6}", text):
        raise RecipeError(f"{where}: {text!r} is not a colour, write it as '#rrggbb' in quotes")
    return int(text[1:3], 16), int(text[3:5], 16), int(text[5:7], 16)


def unit(text: str) -> Color:
    """A checked `#rrggbb` as float32 (3,) in 0..1."""
    return np.array(rgb(text, "color"), np.float32) / np.float32(255.0)


def stream(seed: int, purpose: str) -> np.random.Generator:
    """Random numbers of one purpose of one scene.

    Each purpose has its own, so that another colour or background leaves the pose as it was.
    """
    return np.random.Generator(np.random.PCG64([seed, zlib.crc32(purpose.encode())]))
