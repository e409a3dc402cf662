"""Pixels in and out: PNG masters and masks, and hashes of what they show."""

import hashlib
import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image


def encode_png(pixels: NDArray[np.uint8] | NDArray[np.bool_]) -> bytes:
    """An RGB image (h, w, 3) or a mask (h, w) of bool as PNG; a mask becomes 0 and 255."""
    array = pixels.astype(np.uint8) * 255 if pixels.dtype == np.bool_ else pixels
    stream = io.BytesIO()
    Image.fromarray(array).save(stream, format="PNG")
    return stream.getvalue()


def decode_png(data: bytes) -> NDArray[np.uint8]:
    """The RGB pixels (h, w, 3) of a stored master."""
    with Image.open(io.BytesIO(data), formats=("PNG",)) as image:
        return np.asarray(image.convert("RGB"))


def decode_mask(data: bytes) -> NDArray[np.bool_]:
    """The mask (h, w) of a stored PNG: True where it is at least 128."""
    with Image.open(io.BytesIO(data), formats=("PNG",)) as image:
        return np.asarray(image.convert("L")) >= 128


def pixel_hash(pixels: NDArray[np.uint8] | NDArray[np.bool_]) -> str:
    """sha256 of shape and decoded pixels: survives another encoder."""
    array = np.ascontiguousarray(pixels)
    head = f"{array.shape}:{array.dtype}:".encode()
    return hashlib.sha256(head + array.tobytes()).hexdigest()
