"""Pictures held one by one against known ones."""

import numpy as np
import pytest

from varifactory.leakage.copies import CONFIRMED, Picture, Pixels
from varifactory.leakage.known import CERTAIN, Alike, Known, copies_above
from varifactory.world import load_world, render, sample_scene


@pytest.fixture(scope="module")
def scenes() -> list[Pixels]:
    world = load_world()
    names = world.study_classes[:3]
    return [
        render(world, sample_scene(world, 700 + n, class_name=names[n % 3], skew=0.8), 96).image
        for n in range(30)
    ]


@pytest.fixture(scope="module")
def known(scenes: list[Pixels]) -> Known:
    return Known({str(n): Picture.of(pixels) for n, pixels in enumerate(scenes)})


def test_a_cut_and_mirrored_picture_is_the_one_it_was_made_of(
    scenes: list[Pixels], known: Known
) -> None:
    parts = [np.ascontiguousarray(pixels[4:-2, 3:-3][:, ::-1]) for pixels in scenes]
    cut = Known({str(n): Picture.of(part) for n, part in enumerate(parts)})
    for number, (pixels, part) in enumerate(zip(scenes, parts, strict=True)):
        for alike in (known.likest(Picture.of(part)), cut.likest(Picture.of(pixels))):
            assert alike.name == str(number)
            assert alike.score > CONFIRMED


def test_a_picture_that_is_passed_by_is_like_no_other(scenes: list[Pixels], known: Known) -> None:
    for number, pixels in enumerate(scenes):
        assert known.likest(Picture.of(pixels)) == Alike(str(number), pytest.approx(1, abs=1e-3))
        assert known.likest(Picture.of(pixels), but=str(number)).score < CONFIRMED


def test_nothing_is_alike_where_nothing_is_known(scenes: list[Pixels]) -> None:
    assert Known({}).likest(Picture.of(scenes[0])) == Alike("", -1.0)
    flat = Picture.of(np.full((96, 96, 3), 128, np.uint8))
    assert Known({"flat": flat}).likest(flat) == Alike("", -1.0)


def test_what_different_pictures_reach_is_no_sign_of_a_copy() -> None:
    assert copies_above([]) == copies_above([-1.0, 0.5]) == CONFIRMED
    assert copies_above([0.5, 0.93]) == 0.93
    assert copies_above([0.93, CERTAIN, 1.0]) == 0.93
