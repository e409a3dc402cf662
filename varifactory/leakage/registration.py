"""Whether two pictures show the same scene: one laid over the other, and their grain compared.

Keypoints (SIFT) that look alike in both propose how one picture is shifted, turned, scaled and
mirrored against the other; ECC refines that; what overlaps is then correlated pixel by pixel. Two
pictures of one class share keypoints, even a motif of the background, but never their grain.
"""

from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from varifactory.models import Pixels

Plane = NDArray[np.float32]

SIDE = 96
"""Pixels a side that pictures are compared at."""
KEYPOINTS = 70
ALIKE = 0.85
"""Cosine of two keypoints' descriptors (square roots of SIFT's) from which they may be the same."""
AGREEING = 6
"""Keypoints that must agree on one placement; two fix it, unrelated pairs agree on 2 to 5."""
REACH = 2.0
"""Pixels by which agreeing keypoints may miss each other."""
SCALES = (0.5, 2.0)
OVERLAP = 0.3
"""Least share of a picture that the other must cover."""
PROMISING = 0.4
"""Correlation before refinement below which a placement is dropped."""
_GRAIN = 4.0  # pixels: the Gaussian's sigma; larger structure is light and layout, alike by chance


@dataclass(frozen=True, slots=True)
class Marked:
    """A picture in grey, with its keypoints."""

    grey: NDArray[np.uint8]
    places: Plane
    """(n, 2), x and y in pixels."""
    descriptors: Plane
    """(n, 128) of length 1."""

    @staticmethod
    def shrunk(pixels: Pixels) -> NDArray[np.uint8]:
        """In grey, at the size that pictures are compared at."""
        import cv2

        grey = cv2.cvtColor(np.ascontiguousarray(pixels), cv2.COLOR_RGB2GRAY)
        how = cv2.INTER_AREA if min(grey.shape) >= SIDE else cv2.INTER_CUBIC
        return np.asarray(cv2.resize(grey, (SIDE, SIDE), interpolation=how), np.uint8)

    @classmethod
    def of(cls, grey: NDArray[np.uint8]) -> "Marked":
        """The keypoints of a picture that was ``shrunk``."""
        import cv2

        # Below OpenCV's own 0.04 and above its 10: a night sky or a fog has few keypoints. One
        # detector a picture, for several threads may look at theirs.
        detector = cv2.SIFT.create(nfeatures=KEYPOINTS, contrastThreshold=0.005, edgeThreshold=15)
        found, described = detector.detectAndCompute(grey, None)
        if described is None:
            return cls(grey, np.zeros((0, 2), np.float32), np.zeros((0, 128), np.float32))
        places = np.array([one.pt for one in found], np.float32)
        return cls(grey, places, _rooted(described))

    def mirrored(self) -> "Marked":
        """The same picture left to right; keypoints are turned over rather than found anew."""
        places = np.stack([SIDE - 1 - self.places[:, 0], self.places[:, 1]], axis=1)
        bins = self.descriptors.reshape(-1, 4, 4, 8)
        turned = bins[:, ::-1, :, (-np.arange(8)) % 8].reshape(-1, 128)
        return Marked(np.ascontiguousarray(self.grey[:, ::-1]), places, turned)


def _rooted(described: Plane) -> Plane:
    root = np.sqrt(described / np.maximum(described.sum(axis=1, keepdims=True), 1e-6))
    return cast(Plane, root.astype(np.float32))


def overlaid(one: Marked, other: Marked) -> float:
    """Correlation of two pictures where they overlap once they are aligned, -1 to 1.

    -1 where no placement of one on the other, or on its mirror image, is agreed on.
    """
    return max(_placed(one, other), _placed(one.mirrored(), other))


def _placed(one: Marked, other: Marked) -> float:
    import cv2

    first, second = _partners(one, other)
    if len(first) < AGREEING:
        return -1.0
    cv2.setRNGSeed(0)  # the same pair gives the same answer, whatever was compared before
    placement, agreeing = cv2.estimateAffinePartial2D(
        first, second, method=cv2.RANSAC, ransacReprojThreshold=REACH, maxIters=300
    )
    if placement is None or int(agreeing.sum()) < AGREEING:
        return -1.0
    if not SCALES[0] < np.hypot(placement[0, 0], placement[1, 0]) < SCALES[1]:
        return -1.0
    rough = _correlation(one.grey, other.grey, placement)
    if rough < PROMISING:
        return rough
    return max(rough, _refined(one.grey, other.grey, placement))


def _partners(one: Marked, other: Marked) -> tuple[Plane, Plane]:
    """Places of keypoints that are each other's likest."""
    if not len(one.places) or not len(other.places):
        return one.places[:0], other.places[:0]
    alike = one.descriptors @ other.descriptors.T
    forth, back = alike.argmax(axis=1), alike.argmax(axis=0)
    numbers = np.arange(len(forth))
    kept = (back[forth] == numbers) & (alike[numbers, forth] > ALIKE)
    return one.places[kept], other.places[forth[kept]]


def _refined(one: NDArray[np.uint8], other: NDArray[np.uint8], placement: Any) -> float:
    import cv2

    steps = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 30, 1e-4)
    back = cv2.invertAffineTransform(placement).astype(np.float32)
    try:
        _, found = cv2.findTransformECC(other, one, back, cv2.MOTION_AFFINE, steps, None, 3)
    except cv2.error:  # it found no better placement
        return -1.0
    return _correlation(one, other, cv2.invertAffineTransform(found))


def _correlation(one: NDArray[np.uint8], other: NDArray[np.uint8], placement: Any) -> float:
    import cv2

    size = (SIDE, SIDE)
    laid = cv2.warpAffine(one, placement, size)
    covered = cv2.warpAffine(np.full(one.shape, 255, np.uint8), placement, size) == 255
    inside = cv2.erode(covered.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    if inside.mean() < OVERLAP:
        return -1.0
    first, second = (_grain(grey, inside) for grey in (laid, other))
    length = float(np.linalg.norm(first) * np.linalg.norm(second))
    return float(first @ second) / length if length else -1.0


def _grain(grey: NDArray[np.uint8], inside: NDArray[np.bool_]) -> Plane:
    """Structure smaller than ``_GRAIN`` pixels; what lies outside has no part in it."""
    import cv2

    weight = inside.astype(np.float32)
    around = cv2.GaussianBlur(grey * weight, (0, 0), _GRAIN)
    around /= np.maximum(cv2.GaussianBlur(weight, (0, 0), _GRAIN), 1e-3)
    plane = (grey - around)[inside]
    return cast(Plane, plane - plane.mean())
