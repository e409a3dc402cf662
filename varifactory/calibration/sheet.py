"""The sheet that people fill: a folder with pictures, a list, and a page to look through.

It shows each edit beside its source with what was asked for. What the judge decided, and whether
the edit was meant to be feasible, stay in the store.
"""

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from varifactory.calibration.labels import KEY, NOTE, RATER, SAMPLE
from varifactory.calibration.questions import QUESTIONS
from varifactory.calibration.sampling import CalibrationError, Sample
from varifactory.pages import data_uri, render_page

LIST, PAGE, PICTURES = "sheet.csv", "index.html", "images"
COLUMNS = (SAMPLE, "number", "image", "class", "asked", *(one.name for one in QUESTIONS), RATER,
           NOTE, KEY)  # fmt: skip
SMALLEST, LARGEST = 384, 1024
"""Sides between which a picture of the folder is scaled, pixels: small ones are hard to judge."""
SHOWN = 384
"""Longest side of each picture of the page, pixels; the folder's files hold more."""
QUALITY = 88
"""Of the page's pictures, WebP: high, since flaws are to be seen."""
GAP = 16
"""Between source and edit, pixels."""
FORMULAS = ("=", "+", "-", "@")

Read = Callable[[str], bytes]
"""Name of a blob -> its bytes."""


@dataclass(frozen=True, slots=True)
class Shown:
    """One edit as a person sees it."""

    number: int
    key: str
    label: str
    attribute: str
    value: str
    image: str
    """Path of its picture in the folder."""
    source_uri: str
    edit_uri: str


def write_sheet(sample: Sample, rows: Sequence[Mapping[str, Any]], read: Read, to: Path) -> None:
    """Write the folder of a sample.

    Args:
        sample: what was drawn, in the order of the sheet.
        rows: the items of its data set version.
        read: blobs of these.
        to: a folder that is empty or is made; the list is written last.

    Raises:
        CalibrationError: the folder holds something: it could be somebody's answers.
        OSError: it cannot be written.
    """
    if to.exists() and (not to.is_dir() or any(to.iterdir())):
        raise CalibrationError(
            f"{to} is there already and may hold somebody's answers: give another folder (--out)"
        )
    (to / PICTURES).mkdir(parents=True, exist_ok=True)
    by_key = {row["key"]: row for row in rows}
    width = max(3, len(str(len(sample.drawn))))
    shown = []
    for number, drawn in enumerate(sample.drawn, start=1):
        row = by_key[drawn.key]
        source, edit = (_opened(read(row[name])) for name in ("source_blob", "image_blob"))
        image = f"{PICTURES}/{number:0{width}d}.png"
        _beside(source, edit).save(to / image)
        shown.append(Shown(number, drawn.key, str(row["label"]), str(row["attribute"]),
                           str(row["value"]), image, _uri(source), _uri(edit)))  # fmt: skip
    (to / PAGE).write_bytes(page(sample, shown))
    (to / LIST).write_text(_list(sample, shown), encoding="utf-8-sig", newline="")


def page(sample: Sample, shown: Sequence[Shown]) -> bytes:
    """One page with all pictures and questions, that can save the answers as a list."""
    return render_page(
        "calibration.html.j2",
        script="calibration.js",
        sample=sample.name,
        title=f"{sample.dataset}, version {sample.version}",
        shown=shown,
        questions=QUESTIONS,
        columns=COLUMNS,
    )


def _list(sample: Sample, shown: Sequence[Shown]) -> str:
    stream = io.StringIO()
    writer = csv.DictWriter(stream, COLUMNS, restval="")
    writer.writeheader()
    for one in shown:
        writer.writerow({
            SAMPLE: sample.name, "number": one.number, "image": one.image, KEY: one.key,
            "class": inert(one.label), "asked": inert(f"{one.attribute}: {one.value}"),
        })  # fmt: skip
    return stream.getvalue()


def inert(words: str) -> str:
    """Words that no spreadsheet takes for a formula, on one line."""
    line = " ".join(words.split())
    return f"'{line}" if line.startswith(FORMULAS) else line


def _opened(data: bytes) -> Image.Image:
    with Image.open(io.BytesIO(data)) as image:
        return image.convert("RGB")


def _scaled(image: Image.Image, smallest: int, largest: int) -> Image.Image:
    longest = max(image.size)
    side = min(max(longest, smallest), largest)
    if side == longest:
        return image
    width, height = (max(1, round(length * side / longest)) for length in image.size)
    smooth = Image.Resampling.BICUBIC if side > longest else Image.Resampling.LANCZOS
    return image.resize((width, height), smooth)


def _beside(source: Image.Image, edit: Image.Image) -> Image.Image:
    """Source on the left, edit on the right."""
    left, right = (_scaled(image, SMALLEST, LARGEST) for image in (source, edit))
    size = (left.width + GAP + right.width, max(left.height, right.height))
    both = Image.new("RGB", size, "white")
    both.paste(left, (0, 0))
    both.paste(right, (left.width + GAP, 0))
    return both


def _uri(image: Image.Image) -> str:
    stream = io.BytesIO()
    _scaled(image, 1, SHOWN).save(stream, format="WEBP", quality=QUALITY, method=4)
    return data_uri("image/webp", stream.getvalue())
