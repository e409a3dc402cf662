import numpy as np
import pytest
import torch

from varifactory.errors import ModelError
from varifactory.models.clip.augmentation import augmented
from varifactory.models.clip.pictures import Kept, Look

LOOK = Look(64, 64, (0.5,) * 3, (0.5,) * 3)


def test_augmentations_are_as_named(images):
    generator = torch.Generator().manual_seed(1)
    plain = augmented("none", images, Kept(LOOK), generator)
    flipped = augmented("flip", images, Kept(LOOK), generator)
    assert plain.shape == flipped.shape == (6, 3, 64, 64)
    kinds = [
        ("as it was" if np.array_equal(now, was) else "mirrored")
        for now, was in zip(flipped, plain, strict=True)
        if np.array_equal(now, was) or np.array_equal(now, was[:, :, ::-1])
    ]
    assert len(kinds) == 6
    assert set(kinds) == {"as it was", "mirrored"}
    standard = augmented("standard", images, Kept(LOOK), generator)
    assert all(not np.array_equal(now, was) for now, was in zip(standard, plain, strict=True))
    with pytest.raises(ModelError, match="'blur' is unknown; allowed are none, flip, geometry"):
        augmented("blur", images, Kept(LOOK), generator)


@pytest.mark.parametrize("kind", ["none", "flip", "geometry", "standard", "strong"])
def test_several_at_a_time_are_the_same_as_one_after_another(images, kind):
    one, other = (
        augmented(kind, images, Kept(LOOK), torch.Generator().manual_seed(3), together=together)
        for together in (False, True)
    )
    assert np.array_equal(one, other)


def drawn(kind: str, images: list[np.ndarray], seed: int = 3) -> np.ndarray:
    return augmented(kind, images, Kept(LOOK), torch.Generator().manual_seed(seed))


COLORS = [(200, 30, 30), (10, 240, 90), (0, 0, 255), (255, 255, 255), (123, 7, 201)]


@pytest.mark.parametrize("size", [(96, 96), (70, 120)])
def test_geometry_changes_no_colour(size):
    # Of a picture in one colour every crop, however resampled, is in that colour to the bit.
    images = [np.full((*size, 3), color, np.uint8) for color in COLORS for _ in range(8)]
    for kind, same in (("geometry", True), ("standard", False)):
        found = drawn(kind, images)
        before = np.stack([image[:64, :64].transpose(2, 0, 1) for image in images])
        assert np.array_equal(found, np.broadcast_to(before[:, :, :1, :1], found.shape)) is same


def test_geometry_mixes_no_colours_but_where_they_meet():
    # Two colours beside each other: away from the border, which bicubic resampling blurs and
    # overshoots by some pixels, only these two are there.
    one, other = np.array([200, 30, 30]), np.array([30, 60, 210])
    image = np.where(np.arange(96)[None, :, None] < 48, one, other) * np.ones((96, 1, 1), np.int64)
    found = drawn("geometry", [image.astype(np.uint8)] * 20).transpose(0, 2, 3, 1).astype(int)
    own = (found == one).all(-1) | (found == other).all(-1)
    assert own.mean() > 0.9
    border = (~own).any(axis=1).sum(axis=1)
    assert border.max() <= 8
    jittered = drawn("standard", [image.astype(np.uint8)] * 20).transpose(0, 2, 3, 1)
    assert ((jittered == one).all(-1) | (jittered == other).all(-1)).mean() < 0.1


def test_geometry_has_the_crops_and_flips_of_standard(images, monkeypatch):
    geometry = drawn("geometry", images)
    assert not np.array_equal(geometry, drawn("none", images))
    monkeypatch.setattr("varifactory.models.clip.augmentation._jittered", lambda cut, draw: cut)
    assert np.array_equal(drawn("standard", images), geometry)


def test_strong_crops_more_closely_than_geometry():
    # Each pixel of the picture says where it is: the span of what is left is the crop's side.
    place = np.broadcast_to(np.linspace(0, 255, 96)[None, :, None], (96, 96, 3)).astype(np.uint8)
    spans = {}
    for kind in ("geometry", "strong"):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("varifactory.models.clip.recoloring.recolored", lambda cut, draw: cut)
            found = drawn(kind, [place] * 60).astype(int)
        sides = found.max(axis=(1, 2, 3)) - found.min(axis=(1, 2, 3))
        spans[kind] = sides.min() / 255
    # The narrowest sides: 0.25 and 0.5 of the area, a third narrower than tall.
    assert 0.4 < spans["strong"] < 0.55 < spans["geometry"]


def test_todays_kinds_draw_what_they_drew(images):
    """The chance of a training that was begun before goes on as it would have."""
    for kind in ("flip", "geometry", "standard"):
        generator = torch.Generator().manual_seed(3)
        augmented(kind, images, Kept(LOOK), generator)
        other = torch.Generator().manual_seed(3)
        torch.rand(len(images), 8, generator=other)
        assert torch.equal(generator.get_state(), other.get_state())
