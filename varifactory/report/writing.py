"""A page and the files beside it, into a folder of the user's or beside a data set version."""

from collections.abc import Mapping
from pathlib import Path

from varifactory.errors import FactoryError
from varifactory.history.versions import title
from varifactory.report.wording import date_words
from varifactory.store import Manifest, Store


def write_files(files: Mapping[str, bytes], page: str, folder: str) -> str:
    """Write path -> file into a folder; where ``page``, one of the paths, lies.

    Raises:
        FactoryError: the folder cannot be written.
    """
    place = Path(folder)
    try:
        for path, data in _page_last(files, page):
            (place / path).parent.mkdir(parents=True, exist_ok=True)
            (place / path).write_bytes(data)
    except OSError as error:
        raise FactoryError(
            f"--to {folder}: {error.strerror or error}: give a folder that can be written"
        ) from None
    return str((place / page).resolve())


def publish_files(
    store: Store, name: str, version: int, folder: str, files: Mapping[str, bytes], page: str
) -> str:
    """Write path -> file below ``folder`` beside a data set version; where ``page`` lies."""
    where = ""
    for path, data in _page_last(files, page):
        where = store.put_export(name, version, f"{folder}/{path}", data)
    return where


def _page_last(files: Mapping[str, bytes], page: str) -> list[tuple[str, bytes]]:
    """The page links to the rest: who finds it finds the others."""
    return [*((path, data) for path, data in files.items() if path != page), (page, files[page])]


def made_by(manifest: Manifest) -> list[tuple[str, str]]:
    """Name and value of what a page says of the data set version that it is of."""
    made = date_words(manifest.created_at.isoformat())
    return [
        ("name and version", title(manifest)),
        ("hash", manifest.dataset_hash),
        ("made", f"{made} by {manifest.actor}, run {manifest.run_id}"),
    ]
