"""Small pictures to be inlined: an image's thumbnail and a mask's outline."""

import io

from PIL import Image, ImageChops, ImageFilter, ImageOps

from varifactory.pages import data_uri

SIDE = 192
"""Longest side of a thumbnail, pixels; smaller images keep their own and are scaled by the page."""
MOST_BYTES = 6_000
"""Of a thumbnail before base64 makes it a third longer: 8 KB in the page."""
QUALITIES = (82, 60, 40, 20, 5)


def thumbnail(data: bytes) -> str:
    """A stored image as a data URI of at most 8 KB.

    Raises:
        OSError, ValueError: the bytes are no image that can be read.
    """
    image = _small(data, "RGB")
    encoded = b""
    for quality in QUALITIES:
        stream = io.BytesIO()
        image.save(stream, format="WEBP", quality=quality, method=2)
        encoded = stream.getvalue()
        if len(encoded) <= MOST_BYTES:
            break
    return data_uri("image/webp", encoded)


def outline(data: bytes) -> str:
    """A stored mask's contour as a transparent PNG: a light line with a dark edge, seen on any
    image."""
    mask = _small(data, "L", smooth=True).point(lambda level: 255 if level >= 128 else 0)
    # Without a frame of nothing around it a mask that touches the border would be left open there.
    mask = ImageOps.expand(ImageOps.crop(mask, 2), 2, 0)
    # Blurred by 2 pixels, the inside is what stayed full, the outside what stayed empty: a rank
    # filter finds the same in four times the time.
    near = mask.filter(ImageFilter.BoxBlur(2))
    line = ImageChops.subtract(mask, near.point(lambda level: 255 if level == 255 else 0))
    halo = ImageChops.subtract(near.point(lambda level: 255 if level > 0 else 0), mask)
    picture = Image.new("P", mask.size, 0)
    picture.putpalette([0, 0, 0, 255, 255, 255, 20, 20, 20])
    picture.paste(1, mask=line)
    picture.paste(2, mask=halo)
    stream = io.BytesIO()
    picture.save(stream, format="PNG", transparency=0, bits=2)
    return data_uri("image/png", stream.getvalue())


def _small(data: bytes, mode: str, smooth: bool = False) -> Image.Image:
    with Image.open(io.BytesIO(data)) as opened:
        image = opened.convert(mode)
    scale = SIDE / max(image.size)
    if scale < 1 or smooth:
        size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
        image = image.resize(size, Image.Resampling.LANCZOS if scale < 1 else
                             Image.Resampling.BICUBIC)  # fmt: skip
    return image
