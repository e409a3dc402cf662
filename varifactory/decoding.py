"""Users' image bytes to pixels: upright, sRGB, square, and nothing that surprises later.

The bytes are hostile until shown otherwise: formats are named, the size is judged from the header
before a pixel is decoded, and whatever a decoder raises becomes one error with a reason. Colour
profiles are ignored; metadata is left behind.
"""

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from varifactory.errors import SourceError

FORMATS = ("PNG", "JPEG", "WEBP")
MIN_SIDE = 16
"""Pixels; a smaller picture shows no object that an edit could keep."""
MAX_ASPECT = 3.0
"""Longer to shorter side. A master is the central square: of a longer strip it would show less
than a third, so the user is asked to cut it. CLIP's own preprocessing takes the central square."""
MAX_BYTES = 256 * 2**20
"""A larger file is refused unread."""
MATTE = (255, 255, 255)
"""Colour under transparent pixels: cut-out objects are mostly shown on white."""

Pixels = NDArray[np.uint8]

_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_ORIENTATION = 0x0112  # EXIF 2.3, tag Orientation


class ImageError(SourceError):
    """Bytes that are not a usable still image; the message says why and what to do."""


class ImageTooLarge(ImageError):
    """More pixels than the recipe allows."""


def decode_image(data: bytes, size: int, max_pixels: int = 50_000_000) -> Pixels:
    """The central square of an image as (size, size, 3) sRGB pixels, upright, without alpha.

    Sixteen-bit grey is scaled to eight bits, transparency laid over ``MATTE``, EXIF orientation
    applied. Of a multi-picture photograph (MPO) the first picture is taken.

    Raises:
        ImageError: empty, not PNG, JPEG or WebP, damaged, animated, too small or too long.
        ImageTooLarge: more than ``max_pixels`` by its header; nothing was decoded.
    """
    if not data:
        raise ImageError("the file is empty (0 bytes): restore or remove it")
    try:
        with _opened(data) as image:
            _refuse_by_header(image, max_pixels)
            # A JPEG is decoded at 1/2, 1/4 or 1/8 where twice the master's side remains.
            image.draft(image.mode, (2 * size, 2 * size))
            image.load()
            turn = _UPRIGHT.get(image.getexif().get(_ORIENTATION, 1))
            flat = _flattened(image)
            return _square(flat if turn is None else flat.transpose(turn), size)
    except ImageError:
        raise
    except Exception as error:
        # Damaged bytes raise nearly anything from a decoder: OSError, SyntaxError, struct.error.
        text = str(error) or type(error).__name__
        raise ImageError(f"the image is damaged ({text}): restore or remove it") from error


def _opened(data: bytes) -> Image.Image:
    try:
        return Image.open(io.BytesIO(data), formats=FORMATS)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise ImageTooLarge(f"{error}: shrink it") from error
    except UnidentifiedImageError as error:
        raise ImageError("the content is not PNG, JPEG or WebP: convert or remove it") from error


def _refuse_by_header(image: Image.Image, max_pixels: int) -> None:
    width, height = image.size
    shape = f"{width} x {height} pixels"
    if width * height > max_pixels:
        raise ImageTooLarge(
            f"{shape} are more than sources.max_pixels = {max_pixels}: shrink it or raise that"
        )
    if min(width, height) < MIN_SIDE:
        raise ImageError(f"{shape} are too few: each side needs at least {MIN_SIDE}")
    if max(width, height) > MAX_ASPECT * min(width, height):
        raise ImageError(
            f"{shape} are a strip whose central square shows less than a third: cut the object out"
        )
    frames = getattr(image, "n_frames", 1)
    if frames > 1 and image.format != "MPO":
        raise ImageError(f"the image is animated ({frames} frames): save the frame that is meant")


def _flattened(image: Image.Image) -> Image.Image:
    """Eight-bit RGB without alpha."""
    if image.mode.startswith("I"):
        # Pillow's own conversion clips sixteen bits to 255 instead of scaling them.
        deep = np.clip(np.asarray(image).astype(np.int64), 0, 65535)
        grey = ((deep + 128) // 257).astype(np.uint8)
        return Image.fromarray(grey).convert("RGB")
    if image.has_transparency_data:
        seen = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", seen.size, (*MATTE, 255)), seen).convert(
            "RGB"
        )
    return image.convert("RGB")


def _square(image: Image.Image, size: int) -> Pixels:
    width, height = image.size
    side = min(width, height)
    left, top = (width - side) / 2, (height - side) / 2
    box = (left, top, left + side, top + side)
    fitted = image.resize((size, size), Image.Resampling.LANCZOS, box=box, reducing_gap=3.0)
    return np.asarray(fitted)
