"""Thumbnails kept on this disk: a gallery that is built again makes only those of new pictures.

A thumbnail follows from its blob, and a blob from its name, so nothing here ever goes stale. The
folder may be removed at any time.
"""

import os
import tempfile
from contextlib import suppress
from pathlib import Path

from varifactory.store.parts import cache_folder

VERSION = 1
"""Raised when thumbnails are made another way."""
_WHOLE = "\n"
"""Ends every kept text: a file that a crash left torn or empty does not end so."""


def kept_thumbnail(blob: str, kind: str) -> str | None:
    """The kept data URI of a blob's thumbnail (``image``) or outline (``mask``)."""
    try:
        text = _path(blob, kind).read_text(encoding="ascii")
    except (OSError, ValueError):
        return None
    whole = text.startswith("data:image/") and text.endswith(_WHOLE)
    return text[: -len(_WHOLE)] if whole else None


def keep_thumbnail(blob: str, kind: str, uri: str) -> None:
    """Keep one; a full or read-only disk costs time later, nothing else."""
    path = _path(blob, kind)
    with suppress(OSError):
        try:
            handle, temporary = tempfile.mkstemp(dir=path.parent)
        except FileNotFoundError:
            path.parent.mkdir(parents=True, exist_ok=True)
            handle, temporary = tempfile.mkstemp(dir=path.parent)
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(uri + _WHOLE)
        os.replace(temporary, path)


def _path(blob: str, kind: str) -> Path:
    return cache_folder().parent / "thumbnails" / f"{kind}-{VERSION}" / blob[:2] / blob
