"""What a store needs of the storage below it: few verbs, one of them create-once."""

import os
from collections.abc import Iterator
from typing import NamedTuple, Protocol


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
