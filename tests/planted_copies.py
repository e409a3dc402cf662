"""Copies of pictures in the disguises that leaks come in."""

import io
from collections.abc import Callable

import numpy as np
from PIL import Image, ImageEnhance


def _cropped(image: Image.Image, place: int) -> Image.Image:
    """15 % cut from width and height, in one of nine places."""
    width, height = image.size
    cut_x, cut_y = round(0.15 * width), round(0.15 * height)
    left, top = place % 3 * cut_x // 2, place // 3 % 3 * cut_y // 2
    return image.crop((left, top, left + width - cut_x, top + height - cut_y))


def _turned(image: Image.Image, degrees: float) -> Image.Image:
    return image.rotate(degrees, Image.Resampling.BICUBIC)


DISGUISES: dict[str, Callable[[Image.Image, int], Image.Image]] = {
    "same file": lambda image, place: image,
    "re-encoded": lambda image, place: image,
    "resized": lambda image, place: image.resize([round(n * (0.7, 1.6)[place % 2])
                                                  for n in image.size]),
    "mirrored": lambda image, place: image.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
    "cropped": _cropped,
    "turned": lambda image, place: _turned(image, (10.0, -10.0, 7.0, -12.0)[place % 4]),
    "brightened": lambda image, place: ImageEnhance.Brightness(image).enhance(1.4),
}  # fmt: skip


def disguised(pixels: np.ndarray, disguise: str, place: int = 0) -> bytes:
    """A file that shows the picture in a disguise; ``place`` picks one of its varieties."""
    image = DISGUISES[disguise](Image.fromarray(pixels), place)
    stream = io.BytesIO()
    if disguise == "re-encoded":
        image.save(stream, "JPEG", quality=60 + 5 * (place % 7))
    else:
        image.save(stream, "PNG")
    return stream.getvalue()
