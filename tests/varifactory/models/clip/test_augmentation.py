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
    with pytest.raises(ModelError, match="'blur' is unknown; allowed are none, flip, standard"):
        augmented("blur", images, Kept(LOOK), generator)


@pytest.mark.parametrize("kind", ["none", "flip", "standard"])
def test_several_at_a_time_are_the_same_as_one_after_another(images, kind):
    one, other = (
        augmented(kind, images, Kept(LOOK), torch.Generator().manual_seed(3), together=together)
        for together in (False, True)
    )
    assert np.array_equal(one, other)
