"""What a store needs of the storage below it: few verbs, one of them create-once."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, Protocol
from urllib.parse import unquote, urlsplit

from varifactory.store.errors import StoreError


class Entry(NamedTuple):
    """One stored object; ``name`` is relative to the folder that was listed."""

    name: str
    size: int
    modified: float


class Backend(Protocol):
    """Objects by path. A missing object is FileNotFoundError, all else a StoreError."""

    remote: bool

    def read(self, path: str, limit: int | None = None) -> bytes:
        """The bytes; more than ``limit`` of them is a StoreError."""

    def put_once(self, path: str, data: bytes) -> bool:
        """Store durably unless the path is taken; False if it was. Never torn."""

    def put_over(self, path: str, data: bytes) -> None:
        """Store durably, replacing in one step what was there."""

    def size(self, path: str) -> int | None:
        """Bytes of the object, None if it is not there."""

    def entries(self, folder: str) -> list[Entry]:
        """The objects directly in a folder, none if there is no such folder."""

    def folders(self, folder: str) -> list[str]:
        """Sorted names of the folders directly in a folder."""

    def walk(self, folder: str) -> Iterator[Entry]:
        """Every object below a folder."""

    def delete(self, path: str) -> None:
        """Remove an object; a missing one is no error."""

    def sweep(self, older_than: float) -> int:
        """Remove what killed writers left, if older than so many seconds; how many."""

    def show(self, path: str) -> str:
        """Where a user finds the object."""


def unsafe_allowed() -> bool:
    """Whether the user accepted storage without create-once."""
    return os.environ.get("VARIFACTORY_ALLOW_UNSAFE_STORE", "") not in ("", "0")


def open_backend(url: str) -> Backend:
    """The storage behind a URL, untouched until its first use.

    Raises:
        StoreError: for a URL that is neither a folder nor ``s3://bucket/prefix``.
    """
    if not url.strip():
        raise StoreError("the store's URL is empty: give a folder or s3://bucket/prefix")
    scheme, mark, rest = url.partition("://")
    if not mark or scheme == "file":
        from varifactory.store.local import LocalBackend

        folder = unquote(urlsplit(url).path) if mark else url
        return LocalBackend(Path(os.path.abspath(os.path.expanduser(folder))))
    if scheme == "s3":
        from varifactory.store.s3 import S3Backend

        bucket, _, prefix = rest.partition("/")
        return S3Backend(bucket, prefix.strip("/"))
    raise StoreError(f"store {_without_login(url)!r}: give a folder or s3://bucket/prefix")


def _without_login(url: str) -> str:
    return url.rpartition("@")[2]
