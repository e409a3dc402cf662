import io

import numpy as np
import pytest
from PIL import Image
from skimage import data as photographs

from tests.planted_copies import DISGUISES, disguised
from varifactory.decoding import decode_image
from varifactory.leakage.neighbours import SAME_SCENE
from varifactory.leakage.registration import Marked, overlaid
from varifactory.world import load_world, render, sample_scene


def marked(pixels: np.ndarray) -> Marked:
    return Marked.of(Marked.shrunk(pixels))


@pytest.fixture(scope="module")
def scenes() -> list[np.ndarray]:
    """Thirty scenes of one class in its usual setting: as alike as they get."""
    world = load_world()
    return [render(world, sample_scene(world, 500 + n, class_name="taxi", skew=1.0), 96).image
            for n in range(30)]  # fmt: skip


@pytest.mark.parametrize("disguise", DISGUISES)
def test_a_disguised_copy_is_laid_over_its_original(scenes, disguise) -> None:
    for number, scene in enumerate(scenes[:12]):
        copy = decode_image(disguised(scene, disguise, number), 96)
        assert overlaid(marked(copy), marked(scene)) > SAME_SCENE
        assert overlaid(marked(scene), marked(copy)) > SAME_SCENE


def test_scenes_of_one_class_and_setting_are_not_the_same(scenes) -> None:
    found = [marked(scene) for scene in scenes]
    likest = max(overlaid(one, other) for at, one in enumerate(found) for other in found[:at])
    assert likest < SAME_SCENE - 0.05


def test_a_mirrored_picture_has_the_keypoints_of_its_mirror_image(scenes) -> None:
    turned = marked(scenes[0]).mirrored()
    anew = marked(np.ascontiguousarray(scenes[0][:, ::-1]))
    assert overlaid(turned, anew) > 0.99
    alike = (turned.descriptors @ anew.descriptors.T).max(axis=1)
    assert np.median(alike) > 0.99


def test_a_pair_is_judged_the_same_whatever_was_judged_before(scenes) -> None:
    one, other = marked(scenes[0]), marked(decode_image(disguised(scenes[0], "turned"), 96))
    first = overlaid(one, other)
    for scene in scenes[1:6]:
        overlaid(one, marked(scene))
    assert overlaid(one, other) == first


def test_flat_pictures_have_nothing_to_be_laid_over() -> None:
    flat = marked(np.full((96, 96, 3), 128, np.uint8))
    assert overlaid(flat, flat) == -1


@pytest.mark.parametrize("disguise", DISGUISES)
def test_photographs(disguise) -> None:
    originals = [photographs.chelsea(), photographs.coffee(), photographs.rocket(),
                 photographs.astronaut()]  # fmt: skip
    masters = [decode_image(_png(pixels), 256) for pixels in originals]
    whole = [marked(pixels) for pixels in masters]
    copies = [marked(decode_image(disguised(pixels, disguise, n), 256))
              for n, pixels in enumerate(masters)]  # fmt: skip
    for one, copy in enumerate(copies):
        for other, master in enumerate(whole):
            assert (overlaid(copy, master) > SAME_SCENE) == (one == other)


def _png(pixels: np.ndarray) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG")
    return stream.getvalue()
