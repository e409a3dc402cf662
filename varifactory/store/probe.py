"""Whether a place can be a store: found out once, at the start of a run."""

import json
import logging
import secrets
from contextlib import suppress
from datetime import UTC, datetime

from pydantic import BaseModel, ConfigDict

from varifactory.store import names
from varifactory.store.backend import unsafe_allowed
from varifactory.store.base import FORMAT, Opened
from varifactory.store.errors import StoreError, StoreMissing, StoreUnsafe

_LOG = logging.getLogger("varifactory.store")


class Capabilities(BaseModel):
    """What a store was found to be able to do."""

    model_config = ConfigDict(frozen=True)

    where: str
    remote: bool
    create_once: bool
    format: int


class Prepared(Opened):
    """A store's start."""

    def prepare(self) -> Capabilities:
        """Make the store if it is new, and check that it can be written to and creates once.

        Raises:
            StoreError: one of its kinds, for a wrong endpoint or login, a missing bucket, no
                permission, a full disk, storage that overwrites, or a store of a later format.
        """
        found = self.known_format()
        create_once = self._creates_once()
        if not create_once:
            _LOG.warning("%s", _unsafe_text(self.backend.show("")))
        if found is None:
            about = {"format": FORMAT, "created_at": datetime.now(UTC).isoformat()}
            self.backend.put_once(names.STORE_FILE, json.dumps(about).encode())
        return Capabilities(
            where=self.backend.show("").rstrip("/"),
            remote=self.backend.remote,
            create_once=create_once,
            format=FORMAT if found is None else found,
        )

    def _creates_once(self) -> bool:
        """Write a probe twice; the second must find the first and leave its bytes."""
        path = f"{names.PROBES}/{secrets.token_hex(8)}"
        first, second = b"first", b"second"
        try:
            # Its answer may be "taken" by our own write, if the network lost the first answer.
            self.backend.put_once(path, first)
            again = self.backend.put_once(path, second)
            held = self.backend.read(path)
        except FileNotFoundError:
            raise StoreMissing(
                f"{self.backend.show(path)} is gone right after it was written: "
                "is the bucket there, and does nothing else clean it?"
            ) from None
        finally:
            with suppress(StoreError, FileNotFoundError):  # a role may not delete: 5 bytes stay
                self.backend.delete(path)
        if not again and held == first:
            return True
        if not unsafe_allowed():
            raise StoreUnsafe(_unsafe_text(self.backend.show("")))
        return False


def _unsafe_text(where: str) -> str:
    return (
        f"the storage of {where} overwrites what should be created once, so two writers could "
        "lose each other's data set versions. Use another server (Amazon S3, or one that honours "
        "'If-None-Match: *'), or set VARIFACTORY_ALLOW_UNSAFE_STORE=1 if only one process "
        "publishes at a time; versions are then read before and after each write"
    )
