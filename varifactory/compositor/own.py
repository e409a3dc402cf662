"""A place painted with what was measured of the old one: its colours and patches, no things."""

import numpy as np

from varifactory.compositor.color import Canvas, blurred_inside
from varifactory.compositor.painters import mottle
from varifactory.models import Pixels, Region

SOFT = 0.07
"""Standard deviation of the blur that keeps a place's colours and loses its things, in sides."""
CELLS = 24.0
"""Patches across: about the size of what the blur loses."""
MOST_PATCHES = 0.12
"""Standard deviation of the patches at most, as a factor: more would be things taken for patches"""


def own_place(image: Pixels, around: Region, rng: np.random.Generator) -> Canvas:
    """A view (height, width, 3), 0 to 1, of the place that ``around`` shows: its colours where
    they are, softly, and patches as strong as its detail.

    Without any surroundings the whole image counts as such.
    """
    seen = image.astype(np.float32) / 255
    around = around if around.any() else np.ones_like(around)
    view = blurred_inside(seen, around, SOFT * max(around.shape))
    lost = (seen - view)[around].mean(axis=-1).std() / max(float(view[around].mean()), 0.05)
    mottle(view, rng, amount=min(float(lost), MOST_PATCHES), cells=CELLS)
    return view
