"""Small objects of a remote store that never change, kept on this disk once they were read."""

import hashlib
import os
import tempfile
from contextlib import suppress
from pathlib import Path

from varifactory.store.backend import Backend
from varifactory.store.parts import cache_folder


def kept_here(backend: Backend, path: str, limit: int) -> bytes:
    """The bytes of an object that is written once; of a local store there is nothing to gain.

    Raises:
        FileNotFoundError: it is not there.
    """
    if not backend.remote:
        return backend.read(path, limit)
    # The same bucket's name may stand for another one at another endpoint.
    endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL") or ""
    name = hashlib.sha256(f"{endpoint}\n{backend.show(path)}".encode()).hexdigest()
    place = cache_folder().parent / "runs" / f"{name}.json"
    with suppress(OSError):
        return place.read_bytes()
    data = backend.read(path, limit)
    with suppress(OSError):  # a full or read-only disk costs a request
        _keep(place, data)
    return data


def _keep(place: Path, data: bytes) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=place.parent)
    with os.fdopen(handle, "wb") as file:
        file.write(data)
    os.replace(temporary, place)
