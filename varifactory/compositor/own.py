"""A place painted with what was measured of the old one: its colours and patches, no things."""

import numpy as np

from varifactory.compositor.color import Canvas
from varifactory.compositor.painters import mottle
from varifactory.models import Pixels, Region

BANDS = 12
"""Strips from top to bottom whose mean colours are taken: enough for a sky over a ground."""
FEWEST = 8
"""Pixels of the surroundings that a strip needs for a mean; its neighbours lend theirs."""
MOST_PATCHES = 0.35
"""Standard deviation of the patches at most, as a factor: more would be things taken for patches"""


def own_place(image: Pixels, around: Region, rng: np.random.Generator) -> Canvas:
    """A view (height, width, 3), 0 to 1, of the place in which ``around`` stands.

    Without enough surroundings the whole image counts as such.
    """
    seen = image.astype(np.float32) / 255
    around = around if around.sum() >= BANDS * FEWEST else np.ones_like(around)
    height = len(seen)
    strips = np.minimum(np.arange(height) * BANDS // height, BANDS - 1)
    known = [band for band in range(BANDS) if around[strips == band].sum() >= FEWEST]
    middles = [(band + 0.5) * height / BANDS for band in known]
    means = np.array([seen[strips == band][around[strips == band]].mean(axis=0) for band in known])
    rows = np.arange(height, dtype=np.float32) + 0.5
    column = np.stack([np.interp(rows, middles, means[:, channel]) for channel in range(3)], axis=1)
    view = np.broadcast_to(column[:, None], seen.shape).astype(np.float32)
    spread = (seen - view)[around].mean(axis=-1).std() / max(float(view[around].mean()), 0.05)
    mottle(view, rng, amount=min(float(spread), MOST_PATCHES))
    return view
