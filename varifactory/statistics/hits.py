"""Right and wrong answers as arrays, and what was drawn to make them."""

import numpy as np
from numpy.typing import NDArray

Hits = NDArray[np.bool_]
"""(seeds, images) or (generation seeds, training seeds, images): whether an image was classified
right by the training of a seed, on edits made with a generation seed."""

IMAGES_ONLY = "test images only, not training noise"
IMAGES_AND_SEEDS = "test images and training seeds"
IMAGES_AND_GENERATIONS = "test images and generation seeds, not training noise"
IMAGES_SEEDS_AND_GENERATIONS = "test images, training seeds and generation seeds"


def crossed(hits: Hits) -> Hits:
    """The same with all three axes; images alone are those of one seed.

    Raises:
        ValueError: for another number of axes, or nothing in them.
    """
    hits = np.asarray(hits, dtype=np.bool_)
    if not 1 <= hits.ndim <= 3 or not hits.size:
        raise ValueError(
            f"shape {hits.shape}: give (seeds, images) or (generation seeds, training seeds, "
            "images), at least one of each"
        )
    return hits.reshape((1,) * (3 - hits.ndim) + hits.shape)


def paired(arm: Hits, other: Hits) -> tuple[Hits, Hits]:
    """Two arms with all three axes.

    Raises:
        ValueError: if they differ in shape, or hold nothing.
    """
    arm, other = crossed(arm), crossed(other)
    if arm.shape != other.shape:
        raise ValueError(
            f"arms of shape {arm.shape} and {other.shape} cannot be paired: score both with the "
            "same seeds on the same test images"
        )
    return arm, other


def drawn(shape: tuple[int, ...]) -> str:
    """What an interval over answers of this shape knows the spread of."""
    generations, seeds, _ = shape
    if seeds > 1:
        return IMAGES_SEEDS_AND_GENERATIONS if generations > 1 else IMAGES_AND_SEEDS
    return IMAGES_AND_GENERATIONS if generations > 1 else IMAGES_ONLY
