"""Every kind of image a user may bring, as real bytes."""

import io
import struct
import zlib
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from varifactory.decoding import ImageError, ImageTooLarge, decode_image


def saved(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def halves(width: int = 64, height: int = 48) -> Image.Image:
    """Red on the left, blue on the right."""
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[:, : width // 2] = (255, 0, 0)
    pixels[:, width // 2 :] = (0, 0, 255)
    return Image.fromarray(pixels)


def chunk(name: bytes, data: bytes) -> bytes:
    check = struct.pack(">I", zlib.crc32(name + data))
    return struct.pack(">I", len(data)) + name + data + check


def bomb(width: int, height: int) -> bytes:
    """A PNG of a few hundred bytes that declares any size."""
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = zlib.compress(b"\0" * 1000)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_each_format_gives_the_central_square(kind: str) -> None:
    pixels = decode_image(saved(halves(120, 60), kind, quality=95), 32)
    assert pixels.shape == (32, 32, 3)
    assert pixels.dtype == np.uint8
    assert pixels[16, 4, 0] > 240
    assert pixels[16, 4, 2] < 15
    assert pixels[16, 28, 2] > 240


def test_the_crop_keeps_the_middle() -> None:
    pixels = np.full((100, 200, 3), 255, np.uint8)
    pixels[:, 50:150] = 0
    assert decode_image(saved(Image.fromarray(pixels)), 64)[:, 2:-2].max() <= 2


def test_a_large_jpeg_looks_as_the_same_png() -> None:
    gradient = np.linspace(0, 255, 1600, dtype=np.uint8)
    image = Image.fromarray(np.stack([np.tile(gradient, (1600, 1))] * 3, axis=-1))
    jpeg = decode_image(saved(image, "JPEG", quality=98), 96).astype(int)
    png = decode_image(saved(image), 96).astype(int)
    assert np.abs(jpeg - png).max() <= 3


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_truncated(kind: str) -> None:
    noise = np.random.default_rng(1).integers(0, 256, (200, 200, 3), dtype=np.uint8)
    data = saved(Image.fromarray(noise), kind)
    with pytest.raises(ImageError, match=r"damaged|not PNG"):
        decode_image(data[: len(data) // 2], 32)


def test_zero_bytes() -> None:
    with pytest.raises(ImageError, match="empty"):
        decode_image(b"", 32)


@pytest.mark.parametrize(
    "data", [b"hello, world", b"\x89PNG\r\n\x1a\n", b"<svg></svg>", b"\0" * 99]
)
def test_what_is_no_image(data: bytes) -> None:
    with pytest.raises(ImageError):
        decode_image(data, 32)


@pytest.mark.parametrize("kind", ["GIF", "BMP", "TIFF"])
def test_other_formats_are_named_as_such(kind: str) -> None:
    with pytest.raises(ImageError, match="not PNG, JPEG or WebP"):
        decode_image(saved(halves(), kind), 32)


@pytest.mark.parametrize(("width", "height"), [(8000, 8000), (30_000, 30_000), (12_000, 9_000)])
def test_a_bomb_is_refused_from_its_header(width: int, height: int) -> None:
    with pytest.raises(ImageTooLarge):
        decode_image(bomb(width, height), 32, max_pixels=50_000_000)


def test_the_limit_is_the_recipes() -> None:
    with pytest.raises(ImageTooLarge, match=r"64 x 48 .*sources\.max_pixels = 3071"):
        decode_image(saved(halves()), 32, max_pixels=3071)
    assert decode_image(saved(halves()), 32, max_pixels=3072).shape == (32, 32, 3)


def test_a_bomb_in_the_text_of_a_png() -> None:
    data = saved(halves())
    text = chunk(b"zTXt", b"Comment\0\0" + zlib.compress(b"\0" * 20_000_000))
    with pytest.raises(ImageError):
        decode_image(data[:33] + text + data[33:], 32)


def test_sixteen_bits_are_scaled_not_clipped() -> None:
    ramp = np.linspace(0, 65535, 64).astype(np.uint16)
    image = Image.fromarray(np.tile(ramp, (64, 1)))
    assert image.mode == "I;16"
    pixels = decode_image(saved(image), 64)
    assert np.abs(pixels[32, :, 0].astype(int) - ramp // 257).max() <= 1
    assert (pixels[..., 0] == pixels[..., 2]).all()


def test_cmyk() -> None:
    pixels = decode_image(saved(halves().convert("CMYK"), "JPEG", quality=95), 32)
    assert pixels[16, 4, 0] > 200
    assert pixels[16, 4, 2] < 60


def test_palette_and_grey() -> None:
    assert decode_image(saved(halves().convert("P")), 32)[16, 28, 2] > 240
    assert decode_image(saved(halves().convert("1")), 32).shape == (32, 32, 3)
    grey = decode_image(saved(halves().convert("L")), 32)
    assert (grey[..., 0] == grey[..., 1]).all()


@pytest.mark.parametrize("mode", ["RGBA", "LA", "PA"])
def test_what_is_transparent_is_white(mode: str) -> None:
    image = Image.new("RGBA", (40, 40), (0, 0, 0, 0))
    image.paste((10, 10, 10, 255), (0, 0, 20, 40))
    data = saved(image.quantize(8) if mode == "PA" else image.convert(mode))
    pixels = decode_image(data, 40)
    assert pixels[20, 35].tolist() == [255, 255, 255]
    assert pixels[20, 5].max() < 30


def test_animated() -> None:
    frames = [Image.new("RGB", (40, 40), colour) for colour in ("red", "blue")]
    for kind in ("WEBP", "PNG"):
        data = saved(frames[0], kind, save_all=True, append_images=frames[1:], duration=100)
        with pytest.raises(ImageError, match="animated"):
            decode_image(data, 32)


def test_of_a_multi_picture_photograph_the_first_is_taken() -> None:
    data = saved(Image.new("RGB", (40, 40), "red"), "MPO", save_all=True,
                 append_images=[Image.new("RGB", (40, 40), "blue")])  # fmt: skip
    assert decode_image(data, 32)[16, 16, 0] > 240


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(orientation: int) -> None:
    undo = {
        2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM, 5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90, 7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }  # fmt: skip
    upright = np.zeros((60, 40, 3), np.uint8)
    upright[:30, :20] = 255
    stored = Image.fromarray(upright)
    if orientation in undo:
        stored = stored.transpose(undo[orientation])
    exif = Image.Exif()
    exif[0x0112] = orientation
    pixels = decode_image(saved(stored, exif=exif.tobytes()), 40)
    assert pixels[5, 5].tolist() == [255, 255, 255]
    assert pixels[5, 35].max() == pixels[35, 5].max() == pixels[35, 35].max() == 0


@pytest.mark.parametrize("shape", [(1, 1), (15, 40), (40, 15)])
def test_too_small(shape: tuple[int, int]) -> None:
    with pytest.raises(ImageError, match="too few"):
        decode_image(saved(Image.new("RGB", shape)), 32)


def test_a_strip() -> None:
    with pytest.raises(ImageError, match="strip"):
        decode_image(saved(Image.new("RGB", (400, 100))), 32)


@given(st.data())
def test_damaged_bytes_raise_nothing_else(data: st.DataObject) -> None:
    kind = data.draw(st.sampled_from(["PNG", "JPEG", "WEBP"]))
    good = bytearray(saved(halves(), kind))
    for _ in range(data.draw(st.integers(1, 6))):
        good[data.draw(st.integers(0, len(good) - 1))] = data.draw(st.integers(0, 255))
    try:
        shape = decode_image(bytes(good), 32).shape
    except ImageError:
        return
    assert shape == (32, 32, 3)
