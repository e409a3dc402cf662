import numpy as np
import pytest

from varifactory.models.edits.varireal.geometry import restored, squared, squared_mask


def smooth(height, width):
    rows, columns = np.mgrid[0:height, 0:width]
    return np.stack([rows * 255 / height, columns * 255 / width, rows * 0 + 90], 2).astype(np.uint8)


@pytest.mark.parametrize(("height", "width"), [(64, 64), (48, 96), (131, 97), (40, 200), (1, 9)])
def test_a_picture_becomes_a_square_and_comes_back(height, width):
    image = smooth(height, width)
    made = squared(image, 256)
    assert made.shape == (256, 256, 3)
    back = restored(made, height, width)
    assert back.shape == image.shape
    if min(height, width) > 10:
        assert np.abs(back.astype(int) - image)[2:-2, 2:-2].max() <= 6


def test_a_square_of_the_side_is_left_alone_to_the_bit():
    image = np.random.default_rng(1).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    assert np.array_equal(squared(image, 64), image)
    assert np.array_equal(restored(image, 64, 64), image)


def test_the_border_is_drawn_out_and_never_part_of_the_object():
    image, mask = np.full((30, 60, 3), 77, np.uint8), np.ones((30, 60), bool)
    assert (squared(image, 120) == 77).all()
    fitted = squared_mask(mask, 120)
    assert fitted[:60].all()
    assert not fitted[60:].any()


def test_a_mask_of_the_side_is_left_alone():
    mask = np.random.default_rng(1).random((64, 64)) > 0.5
    assert np.array_equal(squared_mask(mask, 64), mask)
