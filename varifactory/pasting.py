"""Where an edit may show: the region, its soft edge, and the source pasted back around it.

Editors re-render all pixels (a diffusion pipeline decodes the whole image); what lies outside the
feathered region is the source again, bit for bit.
"""

import numpy as np
from numpy.typing import NDArray

from varifactory.models import Pixels, Region


def region_of(mask: Region, region: str) -> Region:
    """Where an attribute changes an image: ``object``, ``surroundings`` or the whole ``image``."""
    if region == "image":
        return np.ones_like(mask)
    return ~mask if region == "surroundings" else mask


def feathered(region: Region, feather: float) -> NDArray[np.float32]:
    """How much of the new image shows, 0 to 1: a ramp of ``feather`` pixels to either side.

    It is 0 from ``feather`` pixels outside the region on; 0 pixels is a hard edge.
    """
    import cv2

    inner = region.astype(np.uint8)
    if feather <= 0 or inner.all() or not inner.any():
        return region.astype(np.float32)
    # Half a pixel, because the edge runs between the last pixel inside and the first outside.
    inside = cv2.distanceTransform(inner, cv2.DIST_L2, cv2.DIST_MASK_PRECISE) - 0.5
    outside = cv2.distanceTransform(1 - inner, cv2.DIST_L2, cv2.DIST_MASK_PRECISE) - 0.5
    signed = np.where(region, inside, -outside)
    return np.asarray(np.clip(0.5 + signed / (2 * feather), 0, 1), np.float32)


def paste_back(source: Pixels, edited: Pixels, alpha: NDArray[np.float32]) -> Pixels:
    """The edit where ``alpha`` is 1, bit for bit the source where it is 0, a blend between."""
    weight = alpha[..., None]
    blend = np.rint(source * (1 - weight) + edited * weight).astype(np.uint8)
    return np.where(weight > 0, blend, source)


def measure(source: Pixels, edited: Pixels, region: Region) -> dict[str, float]:
    """Change inside and outside of a region, and its share, in the units of ``records``."""
    change = np.abs(edited.astype(np.int16) - source.astype(np.int16))
    inside, outside = change[region], change[~region]
    return {
        "change_inside": float(inside.mean()) if inside.size else 0.0,
        "change_outside": float(outside.max()) if outside.size else 0.0,
        "region_share": float(region.mean()),
    }
