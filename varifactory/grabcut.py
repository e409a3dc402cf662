"""Masks without weights: a box by saliency or by habit, then GrabCut.

They know nothing of objects, only of colours: good on an object that differs from its
surroundings, poor on a motley scene. Their estimate of their own quality is what the gate needs:
how little the mask moves when its box does, and how well its edge follows an edge of the picture.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from varifactory.models import Identity, Pixels, Region, Segmentation

VERSION = 1
"""Raised when the same image gets another mask."""
WORKING_SIDE = 256
"""Longer side at which the object is sought, pixels; the edge is then refined at full size."""
CENTRAL = 0.12
"""Margin of the central box, share of each side."""
ROUNDS = 4
"""GrabCut iterations; more change little."""
CLOSING = 0.02
"""Half of the widest gap that is closed, share of the longer side."""
HOLE = 0.02
"""Holes below this share of the picture are filled."""
CERTAIN = 0.85
"""A mask that estimates itself this good is not looked for a second time."""
MARGIN = 0.1
"""By how much a later way must be better: each is blinder than the one before."""

Box = tuple[int, int, int, int]
"""Left, top, right, bottom in pixels; right and bottom are outside."""
Field = NDArray[np.floating[Any]]


@dataclass(frozen=True, slots=True)
class GrabCut:
    """Meets ``varifactory.models.Segmenter``; ``how`` is the way to the box."""

    how: Literal["saliency", "box"] = "saliency"

    @property
    def identity(self) -> Identity:
        return {"name": f"grabcut-{self.how}", "version": VERSION, "reads_class_name": False}

    def segment(self, images: Sequence[Pixels], class_names: Sequence[str]) -> list[Segmentation]:
        """One mask an image; an image of one colour, or of a few pixels, gets an empty one."""
        del class_names
        return [self._one(image) for image in images]

    def _one(self, image: Pixels) -> Segmentation:
        height, width = image.shape[:2]
        scale = min(1.0, WORKING_SIDE / max(height, width))
        small = _resized(image, scale)
        if min(small.shape[:2]) < 8 or not np.ptp(small.reshape(-1, 3), axis=0).any():
            return Segmentation(np.zeros((height, width), bool), 0.0, f"grabcut-{self.how}: none")
        found = self._found(small)
        mask = found.mask if scale == 1 else _refined(image, found.mask)
        left, top, right, bottom = (round(edge / scale) for edge in found.box)
        return Segmentation(mask, found.estimate, found.method, (left, top, right, bottom))

    def _found(self, image: Pixels) -> "_Found":
        """The mask from the box looked for; where that is doubtful, the better of two boxes."""
        salience = saliency(image)
        starts: list[_Start | None] = [_Start("box", _central_box(image.shape[:2]), None)]
        if self.how == "saliency":
            # What stands on the lower border is no background to one who looks at the upper half.
            upper = _salient_start(saliency(image, upper=True), "upper-saliency")
            starts = [_salient_start(salience, "saliency"), upper, *starts]
        best: _Found | None = None
        for start in starts:
            if start is None or (best is not None and best.estimate >= CERTAIN):
                continue
            tried = _tried(image, salience, start)
            if best is None or tried.estimate > best.estimate + MARGIN:
                best = tried
        assert best is not None  # the central box is always tried when nothing else was
        return best


@dataclass(frozen=True, slots=True)
class _Start:
    how: str
    box: Box
    likely: Region | None
    """Where the object likely is; None: anywhere in the box."""


@dataclass(frozen=True, slots=True)
class _Found:
    mask: Region
    estimate: float
    method: str
    box: Box


def _tried(image: Pixels, salience: Field, start: _Start) -> _Found:
    boxes = _moved(start.box, image.shape[:2])
    mask, *others = [_tidied(_cut(image, box, start.likely)) for box in boxes]
    estimate = _estimate(image, salience, mask, others)
    return _Found(mask, estimate, f"{start.how}+grabcut", start.box)


def _resized(image: Pixels, scale: float) -> Pixels:
    if scale == 1:
        return image
    size = max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)


def saliency(image: Pixels, upper: bool = False) -> Field:
    """How unlike the border's colours each pixel is, 0 to 1, favouring the middle.

    ``upper`` reads the upper border and the upper half of the sides alone.

    The border strip's colours are grouped; a pixel's distance is that to the nearest group,
    measured by the group's own spread.
    """
    lab = cv2.cvtColor(image.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
    lab = cv2.GaussianBlur(lab, (0, 0), 0.012 * max(image.shape[:2]))
    strip = np.zeros(image.shape[:2], bool)
    depth = max(2, round(0.06 * min(image.shape[:2])))
    strip[:depth] = strip[-depth:] = strip[:, :depth] = strip[:, -depth:] = True
    if upper:
        strip[round(0.5 * len(strip)) :] = False
    away = np.min(
        [
            np.sqrt((((lab - middle) / spread) ** 2).sum(axis=-1))
            for middle, spread in _groups(lab[strip])
        ],
        axis=0,
    )
    salience = away / max(float(np.quantile(away, 0.98)), 1e-6)
    return np.asarray(np.clip(salience, 0, 1) * (0.35 + 0.65 * _central(image.shape[:2])))


def _groups(colors: Field, count: int = 6) -> list[tuple[Field, Field]]:
    cv2.setRNGSeed(0)
    stop = (cv2.TERM_CRITERIA_EPS + cv2.TERM_CRITERIA_MAX_ITER, 12, 0.5)
    count = min(count, len(colors))
    _, labels, middles = cv2.kmeans(
        colors.astype(np.float32), count, None, stop, 1, cv2.KMEANS_PP_CENTERS
    )
    labels = labels.ravel()
    groups = []
    for number in range(count):
        members = colors[labels == number]
        # A small group on the border may be the object that touches it.
        if len(members) >= 0.04 * len(colors):
            groups.append((middles[number], np.maximum(members.std(axis=0), (6.0, 4.0, 4.0))))
    return groups or [(colors.mean(axis=0), colors.std(axis=0) + 4.0)]


def _central(shape: tuple[int, ...]) -> Field:
    """1 in the middle, falling to the border."""
    y = np.linspace(-1, 1, shape[0])[:, None]
    x = np.linspace(-1, 1, shape[1])[None]
    return np.asarray(np.exp(-1.1 * (x**2 + y**2) ** 1.5))


def _central_box(shape: tuple[int, ...]) -> Box:
    x, y = round(CENTRAL * shape[1]), round(CENTRAL * shape[0])
    return x, y, shape[1] - x, shape[0] - y


def _salient_start(salience: Field, how: str) -> _Start | None:
    """The box around what stands out; None where nothing does."""
    height, width = salience.shape
    likely = _largest(_opened(_standing_out(salience)), salience)
    if likely.sum() < 0.01 * likely.size:
        return None
    rows, columns = np.nonzero(likely.any(axis=1))[0], np.nonzero(likely.any(axis=0))[0]
    x, y = max(2, round(0.03 * width)), max(2, round(0.03 * height))
    box = (
        max(int(columns[0]) - x, 0),
        max(int(rows[0]) - y, 0),
        min(int(columns[-1]) + 1 + x, width),
        min(int(rows[-1]) + 1 + y, height),
    )
    return _Start(how, box, likely)


def _standing_out(salience: Field) -> Region:
    """Above Otsu's threshold."""
    levels = np.rint(salience * 255).astype(np.uint8)
    limit, _ = cv2.threshold(levels, 0, 255, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
    return np.asarray(levels > limit)


def _opened(mask: Region) -> Region:
    side = max(1, round(0.012 * max(mask.shape))) * 2 + 1
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
    return np.asarray(cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_OPEN, kernel)) > 0


def _largest(mask: Region, salience: Field) -> Region:
    """The part with the most salience, and parts at least a third as strong."""
    count, labels = cv2.connectedComponents(mask.astype(np.uint8), connectivity=8)
    if count <= 1:
        return mask
    weight = np.bincount(labels.ravel(), salience.ravel(), count)
    weight[0] = 0
    return np.asarray(np.isin(labels, np.nonzero(weight >= weight.max() / 3)[0]))


def _moved(box: Box, shape: tuple[int, ...]) -> list[Box]:
    """The box, and the same a little smaller and larger."""
    left, top, right, bottom = box
    moved = [box]
    for share in (-0.05, 0.06):
        x, y = share * (right - left), share * (bottom - top)
        moved.append(
            (
                max(0, round(left - x)),
                max(0, round(top - y)),
                min(shape[1], round(right + x)),
                min(shape[0], round(bottom + y)),
            )
        )
    return moved


def _cut(image: Pixels, box: Box, likely: Region | None) -> Region:
    left, top, right, bottom = box
    labels = np.full(image.shape[:2], cv2.GC_BGD, np.uint8)
    inside = labels[top:bottom, left:right]
    inside[:] = cv2.GC_PR_FGD if likely is None else cv2.GC_PR_BGD
    if likely is not None:
        inside[likely[top:bottom, left:right]] = cv2.GC_PR_FGD
    return _grabbed(image, labels, ROUNDS)


def _grabbed(image: Pixels, labels: NDArray[np.uint8], rounds: int) -> Region:
    known = (labels == cv2.GC_FGD) | (labels == cv2.GC_PR_FGD)
    # GrabCut needs a few pixels of either side to learn colours from.
    if known.sum() < 12 or (~known).sum() < 12:
        return np.asarray(known)
    cv2.setRNGSeed(0)
    background, foreground = np.zeros((1, 65)), np.zeros((1, 65))
    cv2.grabCut(image, labels, None, background, foreground, rounds, cv2.GC_INIT_WITH_MASK)
    return np.asarray((labels == cv2.GC_FGD) | (labels == cv2.GC_PR_FGD))


def _tidied(mask: Region) -> Region:
    """Gaps as wide as a stripe closed, specks dropped, holes filled that do not reach far."""
    side = 2 * max(1, round(CLOSING * max(mask.shape))) + 1
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
    wide = cv2.copyMakeBorder(mask.astype(np.uint8), side, side, side, side, cv2.BORDER_REPLICATE)
    closed = cv2.morphologyEx(wide, cv2.MORPH_CLOSE, kernel)[side:-side, side:-side] > 0
    kept = _without_specks(np.asarray(closed), 0.08)
    return ~_without_specks(~kept, 0.0, least=HOLE * mask.size)


def _without_specks(mask: Region, share: float, least: float = 0.0) -> Region:
    _, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    areas = stats[:, cv2.CC_STAT_AREA].astype(float)
    areas[0] = 0
    return np.asarray((areas >= max(share * areas.max(), least, 1))[labels])


def _refined(image: Pixels, small: Region) -> Region:
    """The mask at full size, its edge found again in a band as wide as the scale's uncertainty."""
    height, width = image.shape[:2]
    soft = cv2.resize(small.astype(np.float32), (width, height), interpolation=cv2.INTER_CUBIC)
    mask = soft > 0.5
    reach = 2 * max(2, round(1.5 * max(height, width) / WORKING_SIDE)) + 1
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (reach, reach))
    labels = np.where(mask, cv2.GC_PR_FGD, cv2.GC_PR_BGD).astype(np.uint8)
    labels[cv2.erode(mask.astype(np.uint8), kernel) > 0] = cv2.GC_FGD
    labels[cv2.dilate(mask.astype(np.uint8), kernel) == 0] = cv2.GC_BGD
    return _tidied(_grabbed(image, labels, 1))


def _estimate(image: Pixels, salience: Field, mask: Region, others: Sequence[Region]) -> float:
    """How good the mask is likely to be, 0 to 1: a product of three signs.

    Stable (the same from a smaller and a larger box), distinct (its two sides differ in colour),
    complete (it holds what stands out of the picture). Each alone misses half of the failures.
    """
    if not mask.any() or mask.all():
        return 0.0
    stable = float(np.mean([_agreement(mask, other) for other in others]))
    standing = salience * _standing_out(salience)
    complete = float(standing[mask].sum() / max(float(standing.sum()), 1e-6))
    return stable * (0.4 + 0.6 * _contrast(image, mask)) * (0.4 + 0.6 * min(1.0, complete / 0.8))


def _agreement(one: Region, other: Region) -> float:
    union = int((one | other).sum())
    return int((one & other).sum()) / union if union else 1.0


def _contrast(image: Pixels, mask: Region) -> float:
    """How different the colours just inside and just outside of the edge are, 0 to 1."""
    lab = cv2.cvtColor(image.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
    reach = max(2, round(0.02 * max(mask.shape)))
    near = np.ones((2 * reach + 1, 2 * reach + 1), np.uint8)
    inner = mask.astype(np.float32)
    share = np.clip(cv2.blur(inner, near.shape), 0.02, 0.98)[..., None]
    inside = cv2.blur(lab * inner[..., None], near.shape) / share
    outside = cv2.blur(lab * (1 - inner[..., None]), near.shape) / (1 - share)
    rim = mask & (cv2.erode(mask.astype(np.uint8), np.ones((3, 3), np.uint8)) == 0)
    step = np.sqrt(((inside - outside) ** 2).sum(axis=-1))[rim]
    return float(np.mean(np.clip(step / 30, 0, 1)))
