"""One picture after another held against a fixed set, as ``copies`` compares two sets.

What two sets cost grows with all pairs that look alike at 20 pixels; here the likest few alone are
aligned, so that one picture takes a core 6 to 12 ms against 500 known ones, whatever it shows, and
3 ms more for each further thousand. Known ones take 80 kB each.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import numpy as np

from varifactory.leakage.copies import CANDIDATE, CONFIRMED, Picture, aligned

LIKEST = 3
"""Known pictures, by thumbnail, that one is aligned with; a copy's is nearly always the first."""
CERTAIN = 0.97
"""Correlation from which two pictures are copies whatever the set shows. Measured on digits of 32
and 64 pixels, the most alike that we know: JPEGs of quality 30 from 0.97 up, different digits up to
0.96."""


class Alike(NamedTuple):
    """The known picture that one is most alike."""

    name: str
    """Empty where none is alike at all."""
    score: float
    """Correlation of the aligned pictures, -1 to 1."""


class Known:
    """Pictures, by name, that others are held against."""

    def __init__(self, pictures: Mapping[str, Picture]) -> None:
        self._names = list(pictures)
        self._fine = [picture.fine for picture in pictures.values()]
        coarse = [picture.coarse for picture in pictures.values()]
        self._wholes = np.array([views[0] for views in coarse])
        self._views = np.concatenate(coarse) if coarse else self._wholes

    def likest(self, one: Picture, but: str = "") -> Alike:
        """The picture that one shows most likely, cut or mirrored or not; ``but`` is passed by."""
        if not self._names:
            return Alike("", -1.0)
        forth = (self._wholes @ one.coarse.T).max(axis=1)
        back = (self._views @ one.coarse[0]).reshape(len(self._names), -1).max(axis=1)
        likeness = np.maximum(forth, back)
        near = [int(at) for at in np.argsort(-likeness, kind="stable")[: LIKEST + 1]
                if likeness[at] >= CANDIDATE and self._names[at] != but][:LIKEST]  # fmt: skip
        found = [Alike(self._names[at], aligned(one.fine, self._fine[at])) for at in near]
        return max(found, key=lambda alike: alike.score, default=Alike("", -1.0))


def copies_above(scores: Iterable[float]) -> float:
    """Score above which a picture is a copy of a known one.

    Digits or icons are alike as photographs never are: a set whose own pictures reach a score says
    nothing by it. Where they reach ``CERTAIN`` they are copies themselves, and do not count.

    Args:
        scores: of different pictures of the same kind, each with the known one it is most alike.
    """
    return max([CONFIRMED, *(score for score in scores if score < CERTAIN)])
