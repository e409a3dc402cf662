"""No test image among training or validation images: equal files and pixels, copies in disguise.

A copy that was re-encoded, cropped by a few per cent and mirrored has other hashes (perceptual
ones too), so near copies are found in two steps: correlation of small thumbnails over a fixed set
of crops and the mirror image gives candidates, correlation at four times the pixels over a finer
range of crops confirms them. Both look at middle-sized structure only: light and large shapes are
alike in unrelated pictures of one scene, and the finest grain does not survive re-encoding.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from varifactory.keys import item_key
from varifactory.stages import Made, Row

Pixels = NDArray[np.uint8]
Plane = NDArray[np.float32]

CANDIDATE = 0.7
"""Coarse correlation from which a pair is looked at again. Measured on the drawn world at 96
pixels: planted copies from 0.93 up, 163 of 86,400 unrelated pairs above 0.7."""
CONFIRMED = 0.82
"""Fine correlation from which a pair counts as copies. Measured likewise: planted copies from
0.90 up, unrelated pairs up to 0.72 (``python -m bench.sources``)."""

_COARSE = 20  # pixels a side
_FINE = 64
_FLAT = 1.0  # grey levels of band-passed contrast; below, noise would be compared with noise
_CROPS = (0.05, 0.10)  # share cut from width and height, at nine places each
_SCALES = tuple(np.linspace(0.86, 1.0, 8))
_ROWS = 512  # test images a block: bounds the correlation matrix


@dataclass(frozen=True, slots=True)
class Leak:
    """A training and a test source that are the same picture."""

    train_key: str
    test_key: str
    how: str
    """``same file``, ``same pixels``, ``near copy``, or a way of ``neighbours``."""
    score: float
    """Correlation of the aligned pictures, -1 to 1; 1 for equal files and pixels."""


def find_leaks(
    train: Sequence[Row], test: Sequence[Row], load: Callable[[Row], Pixels]
) -> list[Leak]:
    """Every pair of a training and a test source that show the same picture, best first.

    ``load`` gives a row's pixels and is called once a row. Time grows with the product of both
    numbers (2 s for 144 x 600 on one core), memory with their sum (about 150 kB an image), so a
    study checks the training images it may use rather than a whole archive.
    """
    found = equal(train, test)
    known = {(leak.train_key, leak.test_key) for leak in found}
    for one, other, score in near_copies([load(row) for row in train], [load(row) for row in test]):
        pair = (str(train[one]["key"]), str(test[other]["key"]))
        if pair not in known:
            found.append(Leak(*pair, "near copy", score))
    return sorted(found, key=lambda leak: (-leak.score, leak.train_key, leak.test_key))


def near_copies(first: Sequence[Pixels], second: Sequence[Pixels]) -> list[tuple[int, int, float]]:
    """Pairs (index in first, index in second, correlation) that are crops or mirrors of another."""
    if not first or not second:
        return []
    left, right = [Picture.of(p) for p in first], [Picture.of(p) for p in second]
    pairs = []
    for one, other in _candidates(left, right):
        score = aligned(left[one].fine, right[other].fine)
        if score >= CONFIRMED:
            pairs.append((one, other, score))
    return pairs


@dataclass(frozen=True, slots=True)
class Picture:
    """What is compared of a picture; 80 kB."""

    fine: Plane
    """Grey levels, 64 x 64."""
    coarse: Plane
    """Unit vectors: the whole picture first, then its crops and mirrored crops."""

    @classmethod
    def of(cls, pixels: Pixels) -> "Picture":
        import cv2

        grey = cv2.cvtColor(np.ascontiguousarray(pixels), cv2.COLOR_RGB2GRAY)
        fine = cv2.resize(grey, (_FINE, _FINE), interpolation=cv2.INTER_AREA).astype(np.float32)
        return cls(fine, _unit(np.stack([_banded(_shrunk(part)) for part in _parts(fine)])))


def _parts(fine: Plane) -> list[Plane]:
    parts = []
    for turned in (fine, fine[:, ::-1]):
        parts.append(turned)
        for cut in _CROPS:
            most = round(_FINE * cut)
            side = _FINE - most
            places = (0, most // 2, most)
            parts += [turned[y : y + side, x : x + side] for y in places for x in places]
    return parts


def _shrunk(part: Plane) -> Plane:
    import cv2

    small = cv2.resize(np.ascontiguousarray(part), (_COARSE, _COARSE), interpolation=cv2.INTER_AREA)
    return cast(Plane, small)


def _banded(plane: Plane, width: float = 3.0) -> Plane:
    """Structure smaller than ``width`` pixels (the Gaussian's sigma): light and gradients go."""
    import cv2

    return cast(Plane, plane - cv2.GaussianBlur(plane, (0, 0), width))


def _unit(planes: Plane) -> Plane:
    flat = planes.reshape(len(planes), -1)
    flat = flat - flat.mean(axis=1, keepdims=True)
    length = np.linalg.norm(flat, axis=1, keepdims=True)
    enough = length >= _FLAT * _COARSE
    return cast(Plane, np.where(enough, flat / np.maximum(length, 1e-6), 0).astype(np.float32))


def _candidates(left: list[Picture], right: list[Picture]) -> list[tuple[int, int]]:
    """Pairs where one picture's crop looks like the other picture, whichever is the crop."""
    plain = np.stack([picture.coarse[0] for picture in left])
    crops = np.concatenate([picture.coarse for picture in left])
    found = []
    for start in range(0, len(right), _ROWS):
        block = right[start : start + _ROWS]
        views = np.concatenate([picture.coarse for picture in block])
        whole = np.stack([picture.coarse[0] for picture in block])
        forth = (crops @ whole.T).reshape(len(left), -1, len(block)).max(axis=1)
        back = (plain @ views.T).reshape(len(left), len(block), -1).max(axis=2)
        ones, others = np.nonzero(np.maximum(forth, back) >= CANDIDATE)
        found += [(int(one), int(other) + start) for one, other in zip(ones, others, strict=True)]
    return found


def aligned(one: Plane, other: Plane) -> float:
    """Best correlation of one picture inside the other, either mirrored, over a range of sizes."""
    mirrored = np.ascontiguousarray(other[:, ::-1])
    return max(
        _inside(big, small)
        for turned in (other, mirrored)
        for big, small in ((one, turned), (turned, one))
    )


def _inside(big: Plane, small: Plane) -> float:
    import cv2

    sharp = _banded(big, 4.0)
    best = -1.0
    for scale in _SCALES:
        side = round(_FINE * scale)
        template = _banded(cv2.resize(small, (side, side), interpolation=cv2.INTER_AREA), 4.0)
        if template.std() < _FLAT:
            return -1.0
        found = cv2.matchTemplate(sharp, template, cv2.TM_CCOEFF_NORMED)
        best = max(best, float(found.max()))
    return best


def equal(train: Sequence[Row], test: Sequence[Row]) -> list[Leak]:
    """Pairs of the same bytes or the same pixels, found without a look at them."""
    found: dict[tuple[str, str], Leak] = {}
    for column, how in (("bytes_sha256", "same file"), ("pixel_sha256", "same pixels")):
        places: dict[str, list[str]] = {}
        for row in train:
            if row.get(column):
                places.setdefault(str(row[column]), []).append(str(row["key"]))
        for row in test:
            for key in places.get(str(row.get(column)), []):
                pair = (key, str(row["key"]))
                found.setdefault(pair, Leak(*pair, how, 1.0))
    return list(found.values())


LEAKAGE_VERSION = 1
_COLUMNS = ("key", "label", "bytes_sha256", "pixel_sha256", "image_blob", "phash", "source_pixels")


def leakage_spec() -> dict[str, Any]:
    """What all checks share: the thresholds and the version of the method."""
    return {"version": LEAKAGE_VERSION, "candidate": CANDIDATE, "confirmed": CONFIRMED}


def plan_check(spec: str, train: Sequence[Row], test: Sequence[Row]) -> Row:
    """One check, keyed by both sets of pictures: the same sets are never compared twice."""
    sides = {
        name: sorted([row["key"], row["pixel_sha256"]] for row in rows)
        for name, rows in (("train", train), ("test", test))
    }
    return {"key": item_key(spec, **sides), "label": ""}


def made_check(row: Row, leaks: Sequence[Leak]) -> Made:
    """The check's row; it is ``ok`` whatever was found, and the finder says what follows."""
    return Made({**row, "status": "ok", "pairs": json.dumps([asdict(leak) for leak in leaks])})


def read_leaks(row: Row) -> list[Leak]:
    """What a check found."""
    return [Leak(**one) for one in json.loads(row["pairs"] or "[]")]


def pictures(checks: Mapping[str, Sequence[Row]], test: Sequence[Row]) -> bytes:
    """What checks must know of each image, as a run object.

    ``checks`` has the images that each looks at by the check's key; the test images are those of
    all of them.
    """
    told = {"checks": {key: _columns(rows) for key, rows in checks.items()}, "test": _columns(test)}
    return json.dumps(told).encode()


def _columns(rows: Sequence[Row]) -> list[Row]:
    return [{name: row.get(name) for name in _COLUMNS} for row in rows]


def read_pictures(data: bytes) -> tuple[dict[str, list[Row]], list[Row]]:
    """The images of each check, and the test images, of ``pictures``."""
    told = json.loads(data)
    return told["checks"], told["test"]
