"""Blobs: bytes named by their own hash, created once, checked on every read."""

import hashlib
import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from varifactory.store import names
from varifactory.store.errors import BlobCorrupt, BlobLost, StoreError
from varifactory.store.trash import Trash

_LOG = logging.getLogger("varifactory.store")
_WRITERS = 8
"""Threads a batch: a durable write waits for the disk or the network, not for the processor."""


class Blobs(Trash):
    """Images, masks, adapters by content."""

    def put_blob(self, data: bytes, ext: str) -> str:
        """Store bytes durably and return their sha256; ``ext`` is without its dot.

        Bytes that are there already are trusted unless their size shows a torn write, and count
        as written now: garbage collection leaves them to the row that is about to name them.
        """
        if not data:
            raise StoreError(f"an empty {ext} blob cannot be stored")
        sha = hashlib.sha256(data).hexdigest()
        path = names.blob(sha, ext)
        if not self.backend.put_once(path, data) and self.backend.refresh(path, data):
            _LOG.warning("%s was torn and is replaced", self.backend.show(path))
        return sha

    def put_blobs(self, blobs: Sequence[tuple[bytes, str]]) -> list[str]:
        """Many blobs, one durable write each; their sha256 in order."""
        return _map(lambda blob: self.put_blob(*blob), blobs)

    def get_blob(self, sha: str, ext: str) -> bytes:
        """The bytes, checked against their hash.

        Raises:
            BlobLost, BlobCorrupt: with what to do; ``blob`` on the error names the blob.
        """
        path = names.blob(sha, ext)
        for last in (False, True):
            try:
                data = self.backend.read(path)
            except FileNotFoundError:
                if (away := self.put_back(path, sha)) is not None:
                    return away
                raise BlobLost(
                    f"{sha}.{ext}", f"{self.backend.show(path)} is lost; {_HEAL}"
                ) from None
            if hashlib.sha256(data).hexdigest() == sha:
                return data
            if last or not self.backend.remote:  # a transfer may tear what is whole there
                break
        raise BlobCorrupt(
            f"{sha}.{ext}",
            f"{self.backend.show(path)} holds other bytes than those it is named after; {_HEAL}",
        )

    def get_blobs(self, blobs: Sequence[tuple[str, str]]) -> list[bytes]:
        """Many blobs in order, each checked; the first error is raised."""
        return _map(lambda blob: self.get_blob(*blob), blobs)

    def has_blob(self, sha: str, ext: str) -> bool:
        """Whether such a blob is there; its bytes are not read."""
        return self.backend.size(names.blob(sha, ext)) is not None


_HEAL = "`varifactory verify` marks the rows that name it, and the next run makes it again"


def _map(function: Callable[[Any], Any], items: Sequence[Any]) -> list[Any]:
    if len(items) < 2:
        return [function(item) for item in items]
    with ThreadPoolExecutor(min(_WRITERS, len(items))) as pool:
        return list(pool.map(function, items))
