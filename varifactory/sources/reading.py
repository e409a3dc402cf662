"""Planned rows to read ones: bytes, hashes and the PNG master."""

import hashlib
from collections.abc import Iterator, Sequence

from varifactory.decoding import MAX_BYTES, ImageError, ImageTooLarge, Pixels, decode_image
from varifactory.errors import SourceError
from varifactory.images import encode_png, phash, pixel_hash
from varifactory.recipe import Sources
from varifactory.sources.drawn import draw
from varifactory.sources.folder import read_files
from varifactory.sources.table import read_rows
from varifactory.sources.web import NotFetched
from varifactory.stages import Made, Row, failed


def read_sources(rows: Sequence[Row], settings: Sources) -> list[Made]:
    """Read, decode and fit a batch of planned rows, in order; one bad file ends in its own row.

    ``rejected`` is what cannot be used as it is (and is not read again until it changes),
    ``skipped`` what a limit of the recipe keeps out, ``failed`` what could not be read at all.
    Splits and duplicates are decided over the whole set, by ``settle``.
    """
    if settings.kind == "world":
        return [_drawn(row, settings) for row in rows]
    reader = read_files if settings.kind == "folder" else read_rows
    contents: Iterator[bytes | Exception] = reader(list(rows), settings)
    return [_read(row, data, settings) for row, data in zip(rows, contents, strict=True)]


def _drawn(row: Row, settings: Sources) -> Made:
    rendered, truth = draw(row, settings)
    made = _master(row, rendered.image)
    # The drawing has no file: the bytes of its master stand for them.
    data = made.blobs["image_blob"]
    known = {"bytes_sha256": hashlib.sha256(data).hexdigest(), "truth": truth}
    return Made({**made.row, **known}, {**made.blobs, "truth_mask_blob": encode_png(rendered.mask)})


def _read(row: Row, data: bytes | Exception, settings: Sources) -> Made:
    if isinstance(data, SourceError):
        return _refused(row, data)
    if isinstance(data, Exception):
        return failed(row, data)
    read = {**row, "bytes_sha256": hashlib.sha256(data).hexdigest()}
    try:
        if len(data) > MAX_BYTES:
            raise ImageTooLarge(f"{len(data)} bytes are more than {MAX_BYTES}: shrink it")
        return _master(read, decode_image(data, settings.size, settings.max_pixels))
    except ImageError as error:
        return _refused(read, error)


def _refused(row: Row, error: SourceError) -> Made:
    status = "skipped" if isinstance(error, ImageTooLarge | NotFetched) else "rejected"
    kind = type(error).__name__
    return Made({**row, "status": status, "reason": str(error)[:500], "error_type": kind})


def _master(row: Row, pixels: Pixels) -> Made:
    height, width = pixels.shape[:2]
    measures = {
        "status": "ok",
        "reason": "",
        "pixel_sha256": pixel_hash(pixels),
        "phash": phash(pixels),
        "width": width,
        "height": height,
    }
    return Made({**row, **measures}, {"image_blob": encode_png(pixels)})
