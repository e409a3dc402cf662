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


def phash(pixels: NDArray[np.uint8]) -> str:
    """64 bits of an image's coarse structure (pHash), 16 hexadecimal digits.

    Re-encoding changes a few bits; a flip or a crop changes many (``leakage`` finds those).
    """
    import imagehash  # brings scipy, which readers of data sets do without

    return str(imagehash.phash(Image.fromarray(pixels)))


def hamming(first: str, second: str) -> int:
    """Bits in which two hashes differ, 0 to 64; unrelated images differ in about 32.

    Raises:
        ValueError: hashes of different lengths, or not hexadecimal.
    """
    if len(first) != len(second):
        raise ValueError(f"hashes of different lengths: {first!r} and {second!r}")
    return (int(first, 16) ^ int(second, 16)).bit_count()
