"""Working sizes: the family's area, the image's proportions, few different ones."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from varifactory.models.edits.families import families
from varifactory.models.edits.sizes import mask_image, resized, working_size

LENGTH = st.integers(16, 4000)


@pytest.mark.parametrize("name", ["sd15", "sdxl", "flux-fill", "qwen-image"])
@given(height=LENGTH, width=LENGTH)
def test_area_proportions_and_multiple_hold(name: str, height: int, width: int) -> None:
    family = families()[name]
    across, down = working_size(height, width, family)
    assert across % family.multiple == down % family.multiple == 0
    if 1 / 3 < width / height < 3:
        assert across * down == pytest.approx(family.side**2, rel=0.08)
        assert across / down == pytest.approx(width / height, rel=0.12)


@given(height=LENGTH, width=LENGTH)
def test_klein_never_gets_more_pixels_than_it_keeps(height: int, width: int) -> None:
    for side in (0, 512, 2048):
        across, down = working_size(height, width, families()["flux2-klein"], side)
        if 1 / 10 < width / height < 10:
            assert across * down <= 1024 * 1024


def test_photographs_of_nearly_one_shape_share_a_size() -> None:
    sdxl = families()["sdxl"]
    assert working_size(768, 1024, sdxl) == working_size(770, 1020, sdxl) == (1152, 896)
    assert working_size(500, 500, sdxl) == (1024, 1024)


def test_the_built_in_works_at_squares() -> None:
    small = families()["small-diffusion"]
    assert {working_size(*size, small) for size in ((96, 96), (64, 120), (500, 20))} == {(96, 96)}


def test_a_side_of_one_s_own_is_rounded_down_to_what_the_family_takes() -> None:
    assert working_size(100, 100, families()["flux-fill"], side=100) == (96, 96)
    assert working_size(100, 100, families()["sd15"], side=1) == (8, 8)


def test_images_and_masks_are_resized() -> None:
    image = np.full((20, 30, 3), 77, np.uint8)
    assert resized(image, (30, 20)) is image
    assert resized(image, (60, 40)).shape == (40, 60, 3)
    region = np.zeros((20, 30), bool)
    region[:, 15:] = True
    mask = np.asarray(mask_image(region, (60, 40)))
    assert set(np.unique(mask)) == {0, 255}
    assert np.array_equal(mask[:, 30:] == 255, np.ones((40, 30), bool))
