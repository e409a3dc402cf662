"""One picture of many edits, each beside its source: what a person looks at before going on."""

import io
import textwrap
from collections.abc import Callable, Sequence

from PIL import Image, ImageDraw, ImageFont

from varifactory.stages import Row

SIDE = 112
"""Side of a picture, pixels."""
ROW = 2
"""Tiles side by side: Prefect's UI shows a sheet 580 pixels wide, a phone 350, words readable."""
MOST = 24
"""Edits on a sheet: it is kept in Prefect's database."""
LINES = 3
LINE = 13
GAP = 8
MOST_BYTES = 200_000
QUALITIES = (85, 70, 55, 40)
KEY = 10
"""Digits of an edit's key on the sheet."""
GROUND, INK, GOOD, BAD = "#ffffff", "#1d2733", "#17653a", "#a3271f"

Read = Callable[[str], bytes]


def contact_sheet(edits: Sequence[Row], read: Read) -> bytes:
    """A JPEG of at most 200 kB: source and edit side by side, key, value and decision below.

    Args:
        edits: item rows of edits, the first 24 of which are shown.
        read: bytes of a blob by its name.
    """
    shown = [edit for edit in edits if edit["image_blob"]][:MOST]
    width, height = 2 * SIDE + GAP, SIDE + LINES * LINE + 2 * GAP
    columns = min(ROW, max(1, len(shown)))
    rows = max(1, -(-len(shown) // columns))
    sheet = Image.new("RGB", (columns * width + GAP, rows * height + GAP), GROUND)
    for number, edit in enumerate(shown):
        row, column = divmod(number, columns)
        _tile(sheet, edit, read, (GAP + column * width, GAP + row * height))
    return _encoded(sheet)


def _tile(sheet: Image.Image, edit: Row, read: Read, place: tuple[int, int]) -> None:
    left, top = place
    for at, column in enumerate(("source_blob", "image_blob")):
        with Image.open(io.BytesIO(read(edit[column]))) as opened:
            picture = opened.convert("RGB")
        picture.thumbnail((SIDE, SIDE), Image.Resampling.LANCZOS)
        sheet.paste(picture, (left + at * SIDE, top))
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(size=LINE - 2)
    for number, (text, ink) in enumerate(_words(edit)):
        pen.text((left, top + SIDE + 2 + number * LINE), text, fill=ink, font=font)


def _words(edit: Row) -> list[tuple[str, str]]:
    good = edit["status"] == "ok"
    said = "accepted" if good else str(edit["reason"] or edit["status"]).partition(":")[0]
    lines = (
        f"{edit['edit_key'][:KEY]}  {edit['label']}",
        f"{edit['attribute']}, {edit['feasibility']}: {edit['value']}",
        said,
    )
    fitted = [textwrap.shorten(line, 38, placeholder="...") for line in lines]
    return list(zip(fitted, (INK, INK, GOOD if good else BAD), strict=True))


def _encoded(sheet: Image.Image) -> bytes:
    data = b""
    for quality in QUALITIES:
        stream = io.BytesIO()
        sheet.save(stream, format="JPEG", quality=quality)
        data = stream.getvalue()
        if len(data) <= MOST_BYTES:
            break
    return data
