import io

import numpy as np
import pytest
from PIL import Image

from varifactory.images import decode_mask, decode_png, encode_png, hamming, phash, pixel_hash
from varifactory.world import load_world, render, sample_scene


def test_pixels_survive_png() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    assert (decode_png(encode_png(pixels)) == pixels).all()
    mask = pixels[..., 0] > 128
    assert (decode_mask(encode_png(mask)) == mask).all()


def test_the_pixel_hash_sees_shape_kind_and_every_pixel() -> None:
    pixels = np.zeros((4, 6, 3), np.uint8)
    other = pixels.copy()
    other[3, 5, 2] = 1
    variants = [pixels, other, pixels.reshape(6, 4, 3), pixels.astype(np.bool_)]
    assert len({pixel_hash(v) for v in variants}) == 4
    assert pixel_hash(pixels) == pixel_hash(np.asfortranarray(pixels))


def test_the_perceptual_hash_survives_re_encoding_and_tells_pictures_apart() -> None:
    world = load_world()
    first, second = (render(world, sample_scene(world, seed), 96).image for seed in (3, 4))
    stream = io.BytesIO()
    Image.fromarray(first).save(stream, "JPEG", quality=80)
    again = np.asarray(Image.open(stream))
    assert hamming(phash(first), phash(again)) <= 6
    assert hamming(phash(first), phash(second)) >= 12
    assert len(phash(first)) == 16


def test_hamming() -> None:
    assert hamming("00ff", "00fe") == 1
    assert hamming("0" * 16, "f" * 16) == 64
    with pytest.raises(ValueError, match="different lengths"):
        hamming("00", "000")
