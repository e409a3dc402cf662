"""Thumbnails and outlines of a page, fetched together and made once."""

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache, partial
from typing import Any

from varifactory.errors import FactoryError
from varifactory.gallery.thumbnail_cache import keep_thumbnail, kept_thumbnail
from varifactory.gallery.thumbnails import outline, thumbnail

Read = Callable[[str], bytes]
"""Blob name -> bytes; called from several threads at a time."""

READERS = 8
"""Blobs fetched at a time: hides a bucket's latency."""
REMEMBERED = 4096
"""Thumbnails kept between pages, about 5 KB each: a source returns with every attribute."""


class Pictures:
    """Thumbnails and outlines by blob name; fetched a page at a time, several at once."""

    def __init__(self, read: Read, keep: bool = False) -> None:
        """``keep`` remembers them on this disk for the next time; a blob that was lost since is
        then still shown (``varifactory verify`` tells of it)."""
        make = partial(_kept_picture if keep else _picture, read=read)
        self._made = lru_cache(maxsize=REMEMBERED)(make)
        self._page: dict[tuple[str, str], tuple[str, str]] = {}

    def fetch(
        self, images: Iterable[Mapping[str, Any]], masks: Iterable[Mapping[str, Any]]
    ) -> None:
        """Make ready what ``image`` of some rows and ``contour`` of others will be asked for."""
        wanted = {(str(row["image_blob"]), "image") for row in images if row["image_blob"]}
        wanted |= {(str(row["mask_blob"]), "mask") for row in masks if row["mask_blob"]}
        ordered = sorted(wanted)
        with ThreadPoolExecutor(READERS) as pool:
            self._page = dict(
                zip(ordered, pool.map(lambda w: self._made(*w), ordered), strict=True)
            )

    def image(self, row: Mapping[str, Any]) -> tuple[str, str]:
        """Data URI and, where there is none, the reason in words."""
        if not row["image_blob"]:
            return "", "no image"
        return self._page[(str(row["image_blob"]), "image")]

    def contour(self, row: Mapping[str, Any]) -> tuple[str, str]:
        """As ``image``, of the mask's outline."""
        if not row["mask_blob"]:
            return "", "no mask"
        return self._page[(str(row["mask_blob"]), "mask")]


def _kept_picture(name: str, kind: str, read: Read) -> tuple[str, str]:
    kept = kept_thumbnail(name, kind)
    if kept is not None:
        return kept, ""
    made, trouble = _picture(name, kind, read)
    if not trouble:
        keep_thumbnail(name, kind, made)
    return made, trouble


def _picture(name: str, kind: str, read: Read) -> tuple[str, str]:
    try:
        data = read(name)
        return (outline(data) if kind == "mask" else thumbnail(data)), ""
    except (FactoryError, OSError, ValueError, SyntaxError, KeyError) as error:
        # PIL raises SyntaxError for some torn PNGs.
        return "", f"{kind} cannot be read: {type(error).__name__}: {error}"
