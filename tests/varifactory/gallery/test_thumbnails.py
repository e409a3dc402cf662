import base64
import io

import numpy as np
import pytest
from PIL import Image

from varifactory.gallery.thumbnails import SIDE, outline, thumbnail
from varifactory.images import encode_png


def opened(uri: str) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2])))


def test_a_small_image_keeps_its_size_and_a_large_one_its_shape() -> None:
    small = thumbnail(encode_png(np.zeros((96, 64, 3), np.uint8)))
    large = thumbnail(encode_png(np.zeros((300, 1200, 3), np.uint8)))
    assert opened(small).size == (64, 96)
    assert opened(large).size == (SIDE, SIDE // 4)


def test_an_outline_runs_along_the_mask_and_leaves_the_rest_clear() -> None:
    mask = np.zeros((96, 96), bool)
    mask[24:72, 24:72] = True
    alpha = np.asarray(opened(outline(encode_png(mask))).convert("RGBA"))[..., 3] > 0
    assert alpha.shape == (SIDE, SIDE)
    assert not alpha[:40].any()
    assert not alpha[60:132, 60:132].any()
    assert alpha[48:50, 60:132].all()


def test_a_mask_that_touches_the_border_is_closed_there() -> None:
    alpha = np.asarray(opened(outline(encode_png(np.ones((96, 96), bool)))).convert("RGBA"))[..., 3]
    assert (alpha[2] > 0)[4:-4].all()
    assert not alpha[20:-20, 20:-20].any()


def test_an_empty_mask_has_no_outline() -> None:
    alpha = np.asarray(opened(outline(encode_png(np.zeros((96, 96), bool)))).convert("RGBA"))[
        ..., 3
    ]
    assert not alpha.any()


def test_what_is_no_image_is_refused() -> None:
    with pytest.raises(OSError, match="cannot identify"):
        thumbnail(b"nothing")
