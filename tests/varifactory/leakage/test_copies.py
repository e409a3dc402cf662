import io

import numpy as np
import pytest
from PIL import Image
from skimage import data as photographs

from varifactory.decoding import decode_image
from varifactory.leakage.copies import Pixels, find_leaks, near_copies
from varifactory.world import load_world, render, sample_scene


@pytest.fixture(scope="module")
def scenes() -> list[Pixels]:
    """Sixty scenes of three classes, in their usual setting: as alike as they get."""
    world = load_world()
    names = world.study_classes[:3]
    return [
        render(world, sample_scene(world, 900 + n, class_name=names[n % 3], skew=0.8), 96).image
        for n in range(60)
    ]


def disguised(pixels: Pixels, quality: int, place: int) -> Pixels:
    """Cropped by 5 % in one of nine places, mirrored, re-encoded, and read as a source is."""
    height, width = pixels.shape[:2]
    cut_y, cut_x = round(height * 0.05), round(width * 0.05)
    top, left = place // 3 * cut_y // 2, place % 3 * cut_x // 2
    part = pixels[top : height - cut_y + top, left : width - cut_x + left][:, ::-1]
    stream = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(part)).save(stream, "JPEG", quality=quality)
    return decode_image(stream.getvalue(), 96)


def test_every_planted_copy_is_found_and_nothing_else(scenes: list[Pixels]) -> None:
    planted = [disguised(p, 60 + n % 36, n % 9) for n, p in enumerate(scenes)]
    for first, second in ((planted, scenes), (scenes, planted)):
        found = {(one, other) for one, other, _ in near_copies(first, second)}
        assert found == {(n, n) for n in range(len(scenes))}


def test_scenes_of_one_class_and_setting_are_not_copies(scenes: list[Pixels]) -> None:
    assert near_copies(scenes[:30], scenes[30:]) == []


def test_photographs() -> None:
    originals = [photographs.chelsea(), photographs.coffee(), photographs.rocket(),
                 photographs.astronaut()]  # fmt: skip
    masters = [decode_image(_png(pixels), 96) for pixels in originals]
    copies = [disguised(pixels, 75, n) for n, pixels in enumerate(originals)]
    assert {pair[:2] for pair in near_copies(copies, masters)} == {(n, n) for n in range(4)}


def test_pictures_without_structure_are_compared_by_hash_alone() -> None:
    flat = [np.full((96, 96, 3), grey, np.uint8) for grey in (0, 128, 255)]
    assert near_copies(flat, flat) == []
    rows = [{"key": "a", "bytes_sha256": "1", "pixel_sha256": "2"}]
    assert [leak.how for leak in find_leaks(rows, rows, lambda _: flat[0])] == ["same file"]


def test_how_a_leak_was_found(scenes: list[Pixels]) -> None:
    images = {
        "train": scenes[0], "file": scenes[1], "pixels": scenes[2], "copy": scenes[3],
        "test-file": scenes[1], "test-pixels": scenes[2],
        "test-copy": disguised(scenes[3], 70, 4), "test-other": scenes[4],
    }  # fmt: skip
    rows = {
        key: {"key": key, "bytes_sha256": f"b-{key}", "pixel_sha256": f"p-{key}"} for key in images
    }
    rows["test-file"] |= {"bytes_sha256": "b-file", "pixel_sha256": "p-file"}
    rows["test-pixels"] |= {"pixel_sha256": "p-pixels"}
    leaks = find_leaks(
        [row for key, row in rows.items() if not key.startswith("test")],
        [row for key, row in rows.items() if key.startswith("test")],
        lambda row: images[row["key"]],
    )
    assert [(leak.train_key, leak.test_key, leak.how) for leak in leaks] == [
        ("file", "test-file", "same file"),
        ("pixels", "test-pixels", "same pixels"),
        ("copy", "test-copy", "near copy"),
    ]
    assert leaks[0].score == 1.0
    assert 0.8 < leaks[2].score < 1.0


def test_nothing_leaks_from_nothing(scenes: list[Pixels]) -> None:
    assert near_copies([], scenes) == near_copies(scenes, []) == []


def _png(pixels: Pixels) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG")
    return stream.getvalue()
