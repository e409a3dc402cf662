import numpy as np
import pytest

from varifactory.models.edits.varireal import priors
from varifactory.world import load_world, render, sample_scene

SIDE = 256


@pytest.fixture(scope="module", params=[5, 17, 23])
def drawn(request):
    world = load_world()
    return render(world, sample_scene(world, request.param, classes=world.study_classes), SIDE)


def box(side=64, margin=20):
    mask = np.zeros((side, side), bool)
    mask[margin:-margin, margin:-margin] = True
    return mask


def noise(side=64, seed=1):
    return np.random.default_rng(seed).integers(0, 256, (side, side, 3), dtype=np.uint8)


def test_lengths_are_those_of_a_picture_of_1024():
    assert [priors.scaled(120, side) for side in (1024, 512, 64)] == [120, 60, 8]


def test_the_object_and_its_margin_stay_and_the_rest_is_the_new_background(drawn):
    other = noise(SIDE)
    for dilate in (0, 25, 120):
        made = priors.keep_object(drawn.image, drawn.mask, other, dilate)
        assert np.array_equal(made[drawn.mask], drawn.image[drawn.mask])
        reach = priors.scaled(dilate, SIDE) // 2 + 1
        far = ~near(drawn.mask, reach)
        assert np.array_equal(made[far], other[far])


def near(mask, reach):
    import cv2

    return cv2.dilate(mask.astype(np.uint8), np.ones((2 * reach + 1,) * 2, np.uint8)).astype(bool)


def test_the_margin_is_half_the_square_to_every_side():
    image, other = np.full((64, 64, 3), 9, np.uint8), np.full((64, 64, 3), 200, np.uint8)
    made = priors.keep_object(image, box(), other, 160)  # a square of 10 pixels at this side
    rows = np.flatnonzero((made == 9).all(2).any(1))
    assert (rows.min(), rows.max()) in {(15, 47), (16, 48)}  # 20 to 43 and five (four) more


def test_a_wider_margin_keeps_more(drawn):
    other = np.zeros_like(drawn.image)
    shares = [
        (priors.keep_object(drawn.image, drawn.mask, other, dilate) > 0).mean()
        for dilate in (0, 25, 50, 120)
    ]
    assert shares == sorted(set(shares))


def test_the_mask_of_the_surroundings_is_soft_at_the_object_and_full_elsewhere(drawn):
    soft = priors.soft_surroundings(drawn.mask)
    assert soft[~near(drawn.mask, 8)].min() == 255
    inner = ~near(~drawn.mask, 8)
    assert not inner.any() or soft[inner].max() == 0
    assert len(np.unique(soft)) > 50
    flipped = (soft >= 128) == drawn.mask  # the pipeline cuts the mask at the middle
    assert flipped.mean() < 0.02


def test_a_tint_lies_between_the_object_and_the_colour_and_nowhere_else(drawn):
    violet = np.array((122, 59, 166), np.uint8)
    made = priors.blended(drawn.image, drawn.mask, violet, 0.3)
    wanted = 0.7 * drawn.image[drawn.mask] + 0.3 * violet
    assert np.abs(made[drawn.mask] - wanted).max() <= 0.5 + 1e-3
    assert np.array_equal(made[~drawn.mask], drawn.image[~drawn.mask])


@pytest.mark.parametrize("alpha", [0.0, 1.0])
def test_a_share_of_none_or_all_is_exact(alpha):
    image, over = noise(), noise(seed=2)
    made = priors.blended(image, box(), over, alpha)
    assert np.array_equal(made[box()], (over if alpha else image)[box()])


def test_a_texture_is_a_patch_of_the_sheet_four_times_as_large():
    stripes = np.where(np.arange(256) // 4 % 2, 200, 40).astype(np.uint8)
    sheet = np.repeat(np.tile(stripes, (256, 1))[..., None], 3, axis=2)
    made = priors.texture_of(sheet, np.random.default_rng(3))
    assert made.shape == sheet.shape
    crossings = np.count_nonzero(np.diff((made[128, :, 0] > 120).astype(int)))
    assert 14 <= crossings <= 17  # 64 of the sheet's 256 pixels, a change each 4
    assert made.min() < 40  # sharpened beyond the sheet's own range
    assert made.max() > 200


def test_the_patch_follows_the_random_numbers():
    sheet = noise(128)
    first, again, other = (
        priors.texture_of(sheet, np.random.default_rng(seed)) for seed in (1, 1, 2)
    )
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_the_ip_adapter_sees_the_object_on_gray(drawn):
    made = priors.on_canvas(drawn.image, drawn.mask)
    assert np.array_equal(made[drawn.mask], drawn.image[drawn.mask])
    assert (made[~drawn.mask] == 100).all()
    assert made.dtype == np.uint8


def test_edges_lie_on_the_object_and_never_in_the_surroundings(drawn):
    lines = priors.edges(drawn.image, drawn.mask)
    assert set(np.unique(lines)) == {0, 255}
    assert np.array_equal(lines[..., 0], lines[..., 2])
    found = lines[..., 0] > 0
    outline = drawn.mask & near(~drawn.mask, 1)
    assert not found[~near(drawn.mask, 2)].any()
    assert near(found, 2)[outline].mean() > 0.8


def test_a_median_of_white_sets_the_lower_threshold():
    """Of a small object the median is white: only steps of 178 and more begin a line."""
    image = np.full((64, 64, 3), 255, np.uint8)
    for level, seen in ((240, False), (0, True)):
        image[box()] = level
        assert priors.edges(image, box()).any() == seen
