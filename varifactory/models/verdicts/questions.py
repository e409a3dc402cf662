"""What vision-language judges are shown and asked, whoever runs them.

They see the pixels, which object is meant, and everything that could be there; nothing tells them
what was asked of an edit.
"""

import math
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from PIL import Image, ImageDraw

from varifactory.keys import digest
from varifactory.models import JudgeCase, Region

ASKING = Path(__file__).parent / "asking.yaml"
NONE = "none of these"
"""Name of the score of everything that is not among the choices."""
LONGEST_NAME = 120
"""Characters of a choice that are shown: class names are users', values may be a model's."""
LINES = 2
"""Width of the frame, pixels: one black, one white inside it."""
MARGIN = 0.02
"""Between object and frame, of the longest side: the frame should hide nothing of the object."""

Box = tuple[int, int, int, int]
"""Left, top, right, bottom; right and bottom are beyond it."""


@cache
def words() -> Mapping[str, Any]:
    """The texts of ``asking.yaml``."""
    read: dict[str, Any] = yaml.safe_load(ASKING.read_text(encoding="utf-8"))
    return read


def words_hash(*names: str) -> str:
    """Hash of some of the texts: part of a judge's identity."""
    return digest([words()[name] for name in names])


def values_of(case: JudgeCase) -> dict[str, str]:
    """Value -> its description for the judge; empty where the name says it all.

    The run's values, or without any the catalog's.
    """
    known = case.attribute.values
    return {
        value: known[value].phrase if value in known and known[value].phrase != value else ""
        for value in case.values or known
    }


def plain(name: str) -> str:
    """A name from outside as data for a model: one line of a sane length."""
    return "".join(letter if letter.isprintable() else " " for letter in name)[:LONGEST_NAME]


def belongs_to(case: JudgeCase) -> str:
    return str(words()["belongs_to"][case.attribute.region])


def pointer_words(case: JudgeCase, pointer: str) -> str:
    """How this case's picture shows which object is meant."""
    return str(words()["pointer"]["none" if object_box(case.object_mask) is None else pointer])


def picture(case: JudgeCase, side: int, pointer: str) -> Image.Image:
    """The edit as a judge sees it: no side longer than ``side``, never enlarged.

    A ``box`` is drawn around the object, black and white so that no colour is added, and a little
    outside of it so that its pixels stay (but where the object touches the picture's edge).
    """
    shown = Image.fromarray(case.image)
    scale = min(1.0, side / max(shown.size))
    if scale < 1:
        size = (max(1, round(shown.width * scale)), max(1, round(shown.height * scale)))
        shown = shown.resize(size, Image.Resampling.LANCZOS)
    box = object_box(case.object_mask)
    if pointer == "box" and box is not None:
        _frame(shown, case, box)
    return shown


def _frame(shown: Image.Image, case: JudgeCase, box: Box) -> None:
    left, top, right, bottom = box
    across, down = shown.width / case.image.shape[1], shown.height / case.image.shape[0]
    gap = max(LINES + 1, round(MARGIN * max(shown.size)))
    outer = (
        max(0, math.floor(left * across) - gap),
        max(0, math.floor(top * down) - gap),
        min(shown.width - 1, math.ceil(right * across) - 1 + gap),
        min(shown.height - 1, math.ceil(bottom * down) - 1 + gap),
    )
    draw = ImageDraw.Draw(shown)
    draw.rectangle(outer, outline="black")
    inner = (outer[0] + 1, outer[1] + 1, outer[2] - 1, outer[3] - 1)
    draw.rectangle(inner, outline="white")


def object_box(mask: Region | None) -> Box | None:
    """Of the object; None where a mask is missing or empty, so that nobody knows its place."""
    if mask is None or not mask.any():
        return None
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def graded(names: Sequence[str], chosen: str, share: float) -> dict[str, float]:
    """Scores of all names and of ``NONE``, sum 1, where ``chosen`` was taken ``share`` surely.

    The doubt in a name goes to ``NONE``: a judge that is half sure has seen nothing for certain.
    The doubt in ``NONE`` is shared by all names.
    """
    scores = dict.fromkeys([*names, NONE], 0.0)
    if chosen != NONE:
        scores[NONE] = 1 - share
    elif names:
        scores = dict.fromkeys(names, (1 - share) / len(names))
    scores[chosen] = share if names else 1.0
    return scores
