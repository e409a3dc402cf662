"""Copies of test images that thumbnails do not show: turned, cut hard, recoloured.

Who lies near whom gives candidates: in the space of embeddings, among perceptual hashes, and among
thumbnails that are turned by a few degrees. Near is not the same, for images of one class lie close
together; so every candidate is registered (``registration``), and counts where the aligned pictures
share their grain.

For m training and n test images the products take m n (2 w + 22,000) operations, with w the width
of the embeddings: 7 TFlop for 8,000 x 40,000, minutes on a few cores; besides, 3 ms an image and
0.2 ms a candidate, of which there are some ten a training image.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from varifactory.embeddings import Vectors
from varifactory.leakage import Leak, Pixels
from varifactory.registration import Marked, overlaid
from varifactory.stages import Row

NEIGHBOURS_VERSION = 1
NEAREST = 6
"""Test images nearest to a training image, by embedding, that are looked at."""
TURNED = 4
"""The same, by turned thumbnails."""
LIKENESS = 0.5
"""Correlation of a turned thumbnail from which it is looked at. Measured on the drawn world at 96
pixels: planted turns of up to 15 degrees from 0.7 up, 3 % of unrelated pairs above 0.5."""
BITS = 8
"""Perceptual-hash bits, of 64, up to which two pictures are looked at; unrelated ones differ in
about 32."""
EDITS_NEAREST = 2
"""Test images nearest to an edit that are looked at, and those alone to which it lies nearer than
to the image it was made from."""
SAME_SCENE = 0.83
"""Correlation of registered pictures from which they are the same. Measured on the drawn world:
planted copies from 0.89 up, unrelated pairs up to 0.72 (``python -m bench.sources``)."""

_SIDE = 64  # pixels that thumbnails are turned at
_COARSE = 20  # and compared at
_ANGLES = (-15.0, -10.0, -5.0, 5.0, 10.0, 15.0)  # degrees; what lies between is near enough
_SCALES = (0.82, 1.0, 1.22)
_CENTRE = 0.45  # radius of the disc that is compared, of the side: corners come in by turning
_ROWS = 512  # images a block: bounds the matrices of cosines

Pair = tuple[int, int]


def neighbour_spec(embeddings: str) -> dict[str, Any]:
    """What all checks share: the thresholds, and the spec of the embeddings."""
    return {
        "version": NEIGHBOURS_VERSION, "nearest": NEAREST, "turned": TURNED, "likeness": LIKENESS,
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
    own, others = (vectors([row["pixel_sha256"] for row in rows]) for rows in (train, test))
    if edits:
        pairs = _of_edits(own, others, vectors([row["source_pixels"] for row in train]))
    else:
        pairs = _of_real(train, test, own, others, looked)
    found: dict[Pair, str] = {}
    for pair, why in pairs:
        found.setdefault(pair, why)
    leaks = []
    for (one, other), why in sorted(found.items()):
        score = overlaid(looked.marked(train[one]), looked.marked(test[other]))
        if score >= SAME_SCENE:
            leaks.append(Leak(str(train[one]["key"]), str(test[other]["key"]), why, score))
    return sorted(leaks, key=lambda leak: (-leak.score, leak.train_key, leak.test_key))


@dataclass(slots=True)
class _Looked:
    """Pictures that were looked at: read once, marked at most once."""

    load: Callable[[Row], Pixels]
    _small: dict[str, NDArray[np.float32]] = field(default_factory=dict)
    _marked: dict[str, Marked] = field(default_factory=dict)
    _grey: dict[str, NDArray[np.uint8]] = field(default_factory=dict)

    def small(self, row: Row) -> NDArray[np.float32]:
        import cv2

        return cast(
            NDArray[np.float32],
            cv2.resize(self._read(row), (_SIDE, _SIDE), interpolation=cv2.INTER_AREA).astype(
                np.float32
            ),
        )

    def marked(self, row: Row) -> Marked:
        name = str(row["pixel_sha256"])
        if name not in self._marked:
            self._marked[name] = Marked.of(self._read(row))
        return self._marked[name]

    def _read(self, row: Row) -> NDArray[np.uint8]:
        """In grey, at the size that is compared: 9 kB a picture."""
        name = str(row["pixel_sha256"])
        if name not in self._grey:
            self._grey[name] = Marked.shrunk(self.load(row))
        return self._grey[name]


def _of_real(
    rows: Sequence[Row], test: Sequence[Row], own: Vectors, others: Vectors, looked: _Looked
) -> Iterator[tuple[Pair, str]]:
    for pair, _ in nearest(own, others, NEAREST):
        yield pair, "embedding neighbour"
    for pair in alike_hashes(rows, test):
        yield pair, "perceptual-hash neighbour"
    plain = np.stack([_disc(looked.small(row)) for row in test])
    for one, row in enumerate(rows):
        likeness = (plain @ _turned(looked.small(row)).T).max(axis=1)
        count = min(TURNED, len(test))
        for other in np.argpartition(-likeness, count - 1)[:count]:
            if likeness[other] >= LIKENESS:
                yield (one, int(other)), "turned copy"


def _of_edits(own: Vectors, others: Vectors, sources: Vectors) -> Iterator[tuple[Pair, str]]:
    """An edit that shows a test image has left its source for it."""
    at_home = np.einsum("nw,nw->n", own, sources)
    for (one, other), cosine in nearest(own, others, EDITS_NEAREST):
        if cosine > at_home[one]:
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


def _turned(small: NDArray[np.float32]) -> NDArray[np.float32]:
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


def _disc(plane: NDArray[np.float32]) -> NDArray[np.float32]:
    """The middle of a picture as a unit vector, without its light; zeros where it is flat."""
    import cv2

    tiny = cv2.resize(plane, (_COARSE, _COARSE), interpolation=cv2.INTER_AREA)
    banded = (tiny - cv2.GaussianBlur(tiny, (0, 0), 3.0))[_inside()]
    banded = banded - banded.mean()
    length = float(np.linalg.norm(banded))
    flat = length < _COARSE  # about one grey level: noise would be compared with noise
    return cast(NDArray[np.float32], np.zeros_like(banded) if flat else banded / length)


def _inside() -> NDArray[np.bool_]:
    y, x = np.mgrid[:_COARSE, :_COARSE] - (_COARSE - 1) / 2
    return cast(NDArray[np.bool_], np.hypot(x, y) <= _CENTRE * _COARSE)
