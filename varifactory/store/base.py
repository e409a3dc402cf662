"""What every side of a store shares: its URL and its storage."""

import json
import os
from pathlib import Path
from typing import NoReturn
from urllib.parse import unquote, urlsplit

from varifactory.store import names
from varifactory.store.backend import Backend
from varifactory.store.errors import StoreError

FORMAT = 1
"""Raised when an older varifactory could misread a store."""


class Opened:
    """A store's URL and the storage behind it; nothing is touched yet."""

    def __init__(self, url: str) -> None:
        self.url = str(url)
        self.backend = open_backend(self.url)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.backend.show('').rstrip('/')!r})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a store never travels between processes: pass its url and open it there")

    def known_format(self) -> int | None:
        """The store's format, None where nothing was prepared yet. Asked before anything is taken
        for damaged or for unneeded: to an older varifactory a newer store may look so.

        Raises:
            StoreError: it is of a later varifactory, or no store's.
        """
        where = self.backend.show(names.STORE_FILE)
        try:
            found = int(json.loads(self.backend.read(names.STORE_FILE, 2**16))["format"])
        except FileNotFoundError:
            return None
        except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
            raise StoreError(
                f"{where} is not a store's: give a folder or prefix of its own"
            ) from None
        if found > FORMAT:
            raise StoreError(
                f"{where} has format {found}, this varifactory knows up to {FORMAT}: update it"
            )
        return found


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
