"""Copies of test images that thumbnails do not show: turned, cut hard, recoloured.

Who lies near whom gives candidates: in the space of embeddings, among perceptual hashes, and among
thumbnails that are turned or cut. Near is not the same, for images of one class lie close
together; so every candidate is registered (``registration``), and counts where the aligned pictures
share their grain.

For m training and n test images the products take m n (2 w + 120,000) operations, with w the width
of the embeddings: 40 TFlop for 8,000 x 40,000, some ten minutes on a few cores; besides, 3 ms an
image and 0.2 ms a candidate, of which there are some ten a training image.
"""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from varifactory.embeddings import Vectors
from varifactory.leakage.copies import Leak, Pixels
from varifactory.leakage.registration import Marked, overlaid
from varifactory.shards.prefetch import in_order
from varifactory.stages import Row

NEIGHBOURS_VERSION = 1
NEAREST = 5
"""Test images nearest to a training image, by embedding, that are looked at."""
LIKEST = 3
"""The same, by thumbnails in each of their ways."""
LIKENESS = 0.5
"""Correlation of a turned thumbnail from which it is looked at. Measured on the drawn world at 96
pixels: planted turns of up to 15 degrees from 0.7 up, 3 % of unrelated pairs above 0.5."""
BITS = 8
"""Perceptual-hash bits, of 64, up to which two pictures are looked at; unrelated ones differ in
about 32."""
EDITS_NEAREST = 1
"""Test images nearest to an edit that are looked at, and those alone to which it lies nearer than
to the image it was made from, and nearer than half of the real images lie to theirs."""
SAME_SCENE = 0.83
"""Correlation of registered pictures from which they are the same. Measured on the drawn world:
planted copies from 0.89 up, unrelated pairs up to 0.72 (``python -m bench.sources``)."""

_SIDE = 64  # pixels that thumbnails are turned at
_COARSE = 20  # and compared at
_ANGLES = (-15.0, -10.0, -5.0, 5.0, 10.0, 15.0)  # degrees; what lies between is near enough
_SCALES = (0.82, 1.0, 1.22)
_CUT_SIDES = (17, 15)  # of the coarse side, for cuts of 10 to 30 % of width and height
_CENTRE = 0.45  # radius of the disc that is compared, of the side: corners come in by turning
_ROWS = 512  # training images a block: bounds the matrices of cosines
_BLOCK = 4096  # test images a block: bounds their parts, 80 kB an image

Pair = tuple[int, int]
Plane = NDArray[np.float32]


def neighbour_spec(embeddings: str) -> dict[str, Any]:
    """What all checks share: the thresholds, and the spec of the embeddings."""
    return {
        "version": NEIGHBOURS_VERSION, "nearest": NEAREST, "likest": LIKEST, "likeness": LIKENESS,
        "bits": BITS, "edits_nearest": EDITS_NEAREST, "same_scene": SAME_SCENE,
        "embeddings": embeddings,
    }  # fmt: skip


def find_neighbours(
    train: Sequence[Row],
    test: Sequence[Row],
    vectors: Callable[[Sequence[str]], Vectors],
    load: Callable[[Row], Pixels],
) -> list[Leak]:
    """Pairs of a training and a test image that show the same scene, the likest first.

    Args:
        train: real images; or edits, which name in ``source_pixels`` what they were made of.
        test: real images.
        vectors: the embeddings of pictures by pixel hash, in order.
        load: the pixels of a row; called once a picture.
    """
    if not train or not test:
        return []
    looked, edits = _Looked(load), bool(train[0].get("source_pixels"))
    own, near = (vectors([row["pixel_sha256"] for row in rows]) for rows in (train, test))
    if edits:
        pairs = _of_edits(own, near, vectors([row["source_pixels"] for row in train]))
    else:
        pairs = _of_real(train, test, own, near, looked)
    found: dict[Pair, str] = {}
    for pair, why in pairs:
        found.setdefault(pair, why)
    looked_at = sorted(found)
    ones = looked.marked([train[one] for one, _ in looked_at])
    others = looked.marked([test[other] for _, other in looked_at])
    leaks = []
    for (one, other), first, second in zip(looked_at, ones, others, strict=True):
        score = overlaid(first, second)
        if score >= SAME_SCENE:
            keys = (str(train[one]["key"]), str(test[other]["key"]))
            leaks.append(Leak(*keys, found[one, other], score))
    return sorted(leaks, key=lambda leak: (-leak.score, leak.train_key, leak.test_key))


@dataclass(slots=True)
class _Looked:
    """Pictures that were looked at: read once, marked at most once; 60 kB a picture."""

    load: Callable[[Row], Pixels]
    _grey: dict[str, NDArray[np.uint8]] = field(default_factory=dict)
    _marked: dict[str, Marked] = field(default_factory=dict)

    def small(self, rows: Sequence[Row]) -> Iterator[Plane]:
        """Thumbnails, one a row."""
        import cv2

        for grey in self._read(rows):
            shrunk = cv2.resize(grey, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA)
            yield shrunk.astype(np.float32)

    def marked(self, rows: Sequence[Row]) -> list[Marked]:
        """The pictures with their keypoints, one a row."""
        names = [str(row["pixel_sha256"]) for row in rows]
        greys = dict(zip(names, self._read(rows), strict=True))
        new = [name for name in greys if name not in self._marked]
        found = in_order(Marked.of, [greys[name] for name in new], threads=os.cpu_count() or 1)
        self._marked |= zip(new, found, strict=True)
        return [self._marked[name] for name in names]

    def _read(self, rows: Sequence[Row]) -> list[NDArray[np.uint8]]:
        new = {str(row["pixel_sha256"]): row for row in rows
               if str(row["pixel_sha256"]) not in self._grey}  # fmt: skip
        found = in_order(lambda row: Marked.shrunk(self.load(row)), new.values())
        self._grey |= zip(new, found, strict=True)
        return [self._grey[str(row["pixel_sha256"])] for row in rows]


def _of_real(
    rows: Sequence[Row], test: Sequence[Row], own: Vectors, others: Vectors, looked: _Looked
) -> Iterator[tuple[Pair, str]]:
    for pair, _ in nearest(own, others, NEAREST):
        yield pair, "embedding neighbour"
    for pair in alike_hashes(rows, test):
        yield pair, "perceptual-hash neighbour"
    ones, shown = list(looked.small(rows)), list(looked.small(test))
    for why, alike in (("turned copy", _turned_alike), ("cut copy", _cut_alike)):
        best: list[list[tuple[float, int]]] = [[] for _ in ones]
        for start in range(0, len(shown), _BLOCK):
            for one, likeness in enumerate(alike(ones, shown[start : start + _BLOCK])):
                best[one] += _likest(likeness, start)
        for one, found in enumerate(best):
            yield from (((one, other), why) for _, other in sorted(found)[-LIKEST:])


def _likest(likeness: Plane, start: int) -> Iterator[tuple[float, int]]:
    count = min(LIKEST, len(likeness))
    for place in np.argpartition(-likeness, count - 1)[:count]:
        if likeness[place] >= LIKENESS:
            yield float(likeness[place]), start + int(place)


def _turned_alike(ones: Sequence[Plane], others: Sequence[Plane]) -> Iterator[Plane]:
    """Of each one its correlation with every other, turned, scaled and mirrored as fits best."""
    plain = np.stack([_disc(small) for small in others])
    return _each(lambda small: (plain @ _turned(small).T).max(axis=1), ones)


def _cut_alike(ones: Sequence[Plane], others: Sequence[Plane]) -> Iterator[Plane]:
    """The same where one of the two, mirrored or not, is a part of the other."""
    sides = [(side, _wholes(others, side), _parts(others, side)) for side in _CUT_SIDES]

    def alike(small: Plane) -> Plane:
        found = []
        for view in (small, np.ascontiguousarray(small[:, ::-1])):
            for side, wholes, parts in sides:
                found.append((parts @ _wholes([view], side)[0]).max(axis=1))
                found.append((_parts([view], side)[0] @ wholes.T).max(axis=0))
        return cast(Plane, np.max(found, axis=0))

    return _each(alike, ones)


def _each(alike: Callable[[Plane], Plane], ones: Sequence[Plane]) -> Iterator[Plane]:
    """In order, on all cores: products leave the interpreter's lock."""
    return in_order(alike, ones, threads=os.cpu_count() or 1)


def _wholes(smalls: Sequence[Plane], side: int) -> Plane:
    """(n, side²) unit vectors: whole pictures, as large as a part of ``_parts``."""
    return _units(np.stack([_banded(small, side) for small in smalls]).reshape(len(smalls), -1))


def _parts(smalls: Sequence[Plane], side: int) -> Plane:
    """(n, places, side²) unit vectors: every square part of that side, of 20 pixels."""
    planes = np.stack([_banded(small, _COARSE) for small in smalls])
    cut = np.lib.stride_tricks.sliding_window_view(planes, (side, side), axis=(1, 2))
    return _units(cut.reshape(len(planes), -1, side * side))


def _units(vectors: Plane) -> Plane:
    """Of length 1; zeros where a picture is flat, for noise would be compared with noise."""
    vectors = vectors - vectors.mean(axis=-1, keepdims=True)
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    enough = length >= _COARSE  # about one grey level
    return np.where(enough, vectors / np.maximum(length, 1e-6), 0).astype(np.float32)


def _banded(plane: Plane, side: int) -> Plane:
    """Structure of a thumbnail without its light and layout."""
    import cv2

    tiny = cv2.resize(plane, (side, side), interpolation=cv2.INTER_AREA)
    return cast(Plane, tiny - cv2.GaussianBlur(tiny, (0, 0), 3.0))


def _of_edits(own: Vectors, others: Vectors, sources: Vectors) -> Iterator[tuple[Pair, str]]:
    """An edit that shows a test image has left its source for it."""
    least = np.einsum("nw,nw->n", own, sources)
    by_chance = np.median([cosine for _, cosine in nearest(sources, others, 1)])
    for (one, other), cosine in nearest(own, others, EDITS_NEAREST):
        if cosine > max(least[one], by_chance):
            yield (one, other), "embedding neighbour"


def nearest(first: Vectors, second: Vectors, count: int) -> Iterator[tuple[Pair, float]]:
    """((row of first, row of second), cosine): each one's ``count`` nearest, in blocks."""
    count = min(count, len(second))
    for start in range(0, len(first), _ROWS):
        alike = first[start : start + _ROWS] @ second.T
        places = np.argpartition(-alike, count - 1, axis=1)[:, :count]
        for one, row in enumerate(places):
            yield from (((start + one, int(other)), float(alike[one, other])) for other in row)


def alike_hashes(train: Sequence[Row], test: Sequence[Row]) -> Iterator[Pair]:
    """Pairs whose perceptual hashes differ in at most ``BITS``; rows without one are passed by."""
    ones, others = _hashed(train), _hashed(test)
    numbers = np.array([value for _, value in others], np.uint64)
    for one, value in ones:
        for other in np.flatnonzero(np.bitwise_count(numbers ^ np.uint64(value)) <= BITS):
            yield one, others[int(other)][0]


def _hashed(rows: Iterable[Row]) -> list[tuple[int, int]]:
    return [(at, int(row["phash"], 16)) for at, row in enumerate(rows) if row.get("phash")]


def _turned(small: Plane) -> Plane:
    """(views, width) unit vectors: the picture and its mirror image, turned and scaled."""
    import cv2

    centre = ((_SIDE - 1) / 2, (_SIDE - 1) / 2)
    return np.stack([
        _disc(cv2.warpAffine(
            side, cv2.getRotationMatrix2D(centre, angle, scale), (_SIDE, _SIDE),
            borderMode=cv2.BORDER_REFLECT,
        ).astype(np.float32))
        for side in (small, np.ascontiguousarray(small[:, ::-1]))
        for angle in _ANGLES
        for scale in _SCALES
    ])  # fmt: skip


def _disc(plane: Plane) -> Plane:
    """The middle of a picture as a unit vector."""
    return _units(_banded(plane, _COARSE)[_inside()])


@cache
def _inside() -> NDArray[np.bool_]:
    y, x = np.mgrid[:_COARSE, :_COARSE] - (_COARSE - 1) / 2
    return cast(NDArray[np.bool_], np.hypot(x, y) <= _CENTRE * _COARSE)
