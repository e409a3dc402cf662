"""What a store needs of the storage below it: few verbs, one of them create-once."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, Protocol

YOUNG = 24 * 3600.0
"""Seconds for which an object of a bucket counts as freshly written. A grace period must be longer
by the time of a batch, see ``Collecting``."""


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

    def file(self, path: str) -> Path | None:
        """Where an object would be a file of this machine; None for a bucket."""

    def size(self, path: str) -> int | None:
        """Bytes of the object, None if it is not there."""

    def modified(self, path: str) -> float | None:
        """When the object was last written, by the storage's own clock; None if it is gone."""

    def refresh(self, path: str, data: bytes) -> bool:
        """Make what ``put_once`` found whole and young, so that no collection takes it soon;
        whether it had to be written again because it was torn.

        ``data`` is what belongs there. On a bucket what is younger than ``YOUNG`` stays as it is.
        """

    def move(self, path: str, to: str, before: float) -> bool:
        """Move an object that was last written before a time of the storage's clock.

        False if it is gone or was written since; nobody ever finds it torn.
        """

    def entries(self, folder: str) -> list[Entry]:
        """The objects directly in a folder, none if there is no such folder."""

    def folders(self, folder: str) -> list[str]:
        """Sorted names of the folders directly in a folder."""

    def linked(self, folder: str) -> list[str]:
        """Names of what is directly in a folder and only leads to a folder; it is not followed."""

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
