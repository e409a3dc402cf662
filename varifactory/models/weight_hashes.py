"""Hashes of local weights: what names a folder or file in specs, kept over processes."""

import hashlib
import json
import os
import tempfile
import time
from contextlib import suppress
from functools import cache
from pathlib import Path

from varifactory.errors import ModelError
from varifactory.keys import digest

PICKLES = frozenset({".bin", ".ckpt", ".pickle", ".pkl", ".pt", ".pth"})
WEIGHTS = frozenset({".safetensors", ".onnx", ".gguf"}) | PICKLES
READ_WITH = frozenset({".json", ".txt", ".model", ".jinja"})
"""Beside the weights: configurations, schedules and vocabularies, which change pixels too."""
STAMPED = 8 << 20
"""Bytes from which a file's hash is kept on disk; a smaller one is read in milliseconds."""
SETTLED = 2.0
"""Seconds a file must be unchanged before its hash is kept: some disks count time in seconds, so
that a second change within one would go unseen."""


def files_hash(path: Path) -> str:
    """sha256 that names local weights: the file's, or of all names and hashes in the folder.

    Of a folder count weights, configurations and vocabularies, hidden folders and other files not.
    A large file is read once: its hash is kept in the user's cache folder while path, size and
    modification time stay.

    Raises:
        ModelError: the folder holds no weights, or a file cannot be read.
    """
    try:
        if path.is_file():
            return _file_hash(path)
        files = sorted(_counted(path))
        if not any(each.suffix in WEIGHTS for each in files):
            raise ModelError(f"{path} holds no weights ({', '.join(sorted(WEIGHTS))})")
        return digest({each.relative_to(path).as_posix(): _file_hash(each) for each in files})
    except OSError as error:
        raise ModelError(
            f"{error.filename or path} cannot be read ({error.strerror or error}): correct its "
            "rights, or the path"
        ) from None


def _counted(folder: Path) -> list[Path]:
    return [
        each
        for each in folder.rglob("*")
        if each.suffix in WEIGHTS | READ_WITH
        and not any(part.startswith(".") for part in each.relative_to(folder).parts)
    ]


def _file_hash(path: Path) -> str:
    found = path.stat()
    return _hashed(path.resolve(), found.st_size, found.st_mtime_ns)


@cache
def _hashed(path: Path, size: int, modified: int) -> str:
    stamp = stamps() / f"{digest(str(path))[:32]}.json"
    facts: dict[str, str | int] = {"path": str(path), "size": size, "modified": modified}
    if size >= STAMPED and (known := _read(stamp, facts)):
        return known
    with path.open("rb") as stream:
        sha = hashlib.file_digest(stream, "sha256").hexdigest()
    if size >= STAMPED and time.time() - modified / 1e9 > SETTLED:
        _write(stamp, {**facts, "sha256": sha})
    return sha


def stamps() -> Path:
    """Where hashes are kept: below ``VARIFACTORY_CACHE``, or ``~/.cache/varifactory``."""
    chosen = os.environ.get("VARIFACTORY_CACHE")
    return (Path(chosen) if chosen else Path.home() / ".cache" / "varifactory") / "hashes"


def _read(stamp: Path, facts: dict[str, str | int]) -> str:
    with suppress(OSError, ValueError):
        kept = json.loads(stamp.read_text(encoding="utf-8"))
        if isinstance(kept, dict) and {name: kept.get(name) for name in facts} == facts:
            return str(kept.get("sha256", ""))
    return ""


def _write(stamp: Path, facts: dict[str, str | int]) -> None:
    with suppress(OSError):  # a full or read-only disk costs time, not work
        stamp.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=stamp.parent)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(facts, file)
        os.replace(temporary, stamp)
