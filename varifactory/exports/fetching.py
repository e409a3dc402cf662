"""A gallery of a bucket on this disk, where a browser opens it.

Pages come from whoever may write to the bucket. One is only kept if its bytes are those the list
names, and if it begins with our own policy: from there on a browser runs our script and no other,
and fetches nothing.
"""

import hashlib
import os
import shutil
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from varifactory.datasets import Dataset, split_address
from varifactory.errors import FactoryError
from varifactory.exports.gallery import known_pages, pages_of
from varifactory.pages import page_head
from varifactory.shards.prefetch import in_order
from varifactory.store import Store, StoreMissing
from varifactory.store.parts import cache_folder


class StrangePage(FactoryError):
    """A page that is not the one its list names, or not one of this version of varifactory."""


SCRIPT = "gallery.js"


@dataclass(frozen=True, slots=True)
class Brought:
    """A gallery on this disk."""

    first: Path
    pages: int
    fetched: int


def bring_gallery(data: Dataset) -> Brought:
    """Fetch the pages that this disk does not have as they are in the store.

    Raises:
        StoreMissing: the store has no gallery of this version.
        StrangePage: and was not kept.
    """
    store, manifest = data.store, data.manifest
    listed = known_pages(store, manifest)
    if not listed:
        where = store.export_path(manifest.name, manifest.version, "gallery")
        raise StoreMissing(f"{where}: no gallery was written there, or an older one without a list")
    if not store.backend.remote:
        return _in_place(data, listed)
    folder = gallery_folder(data)

    def bring(path: str) -> int:
        sha = listed[path]["sha256"]
        if _hash(folder / path) == sha:
            return 0
        found = store.get_export(manifest.name, manifest.version, f"gallery/{path}")
        where = store.export_path(manifest.name, manifest.version, f"gallery/{path}")
        _check(found, sha, where)
        _write(folder / path, found)
        return 1

    fetched = sum(in_order(bring, (path for path in sorted(listed) if path != "index.html")))
    fetched += bring("index.html")  # last: who opens it finds the others
    _tidy(folder, set(listed))
    return Brought(folder / "index.html", len(listed), fetched)


def build_here(data: Dataset, page_size: int = 200) -> Brought:
    """The same pages made on this disk, for a store that only lets us read."""
    folder, made = gallery_folder(data), []
    for path, page in pages_of(data, page_size):
        _write(folder / path, page)
        made.append(path)
    _tidy(folder, set(made))
    return Brought(folder / "index.html", len(made), 0)


def gallery_folder(data: Dataset) -> Path:
    """Where this disk keeps the gallery of a version."""
    store = hashlib.sha256(data.store.url.encode()).hexdigest()[:16]
    manifest = data.manifest
    return cache_folder().parent / "galleries" / store / manifest.name / str(manifest.version)


def _in_place(data: Dataset, listed: Mapping[str, Any]) -> Brought:
    """A gallery in a folder is opened where it lies."""
    manifest = data.manifest
    folder = Path(data.store.export_path(manifest.name, manifest.version, "gallery"))
    for path in listed:
        with open(folder / path, "rb") as file:
            _check_head(file.read(len(page_head(SCRIPT))), str(folder / path))
    return Brought(folder / "index.html", len(listed), 0)


def _check(page: bytes, sha: str, where: str) -> None:
    if hashlib.sha256(page).hexdigest() != sha:
        raise StrangePage(
            f"{where} is not the page its list names: a gallery is being written there now, or was "
            "changed by hand"
        )
    _check_head(page, where)


def _check_head(page: bytes, where: str) -> None:
    if not page.startswith(page_head(SCRIPT)):
        raise StrangePage(f"{where} does not begin as a page of this version of varifactory does")


def _hash(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return ""


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        os.replace(temporary, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(temporary)
        raise


def _tidy(folder: Path, listed: set[str]) -> None:
    """Remove pages of a gallery that had more."""
    for path in folder.iterdir():
        if path.name not in listed:
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)


def address_of(text: str, store: str) -> tuple[str, str, str | None]:
    """Store, name and version behind what people have at hand: ``NAME[@VERSION]`` of ``store``,
    ``STORE#NAME[@VERSION]``, the address of a page as a run tells it, or a store with one data set.

    Raises:
        StoreError: no data set is told, or more than one could be meant.
    """
    before, mark, rest = text.rpartition("/exports/")
    steps = rest.split("/")
    if mark and len(steps) >= 2:
        return before, steps[0], steps[1]
    if "#" in text or not ("/" in text or "://" in text or text in (".", "..")):
        return split_address(text, store)
    there = [name for name, _ in Store(text).datasets()]
    if len(there) != 1:
        raise StoreMissing(f"{text} holds the data sets {there or 'none'}: give {text}#NAME")
    return text, there[0], None
