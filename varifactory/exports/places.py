"""Where an export goes: a folder, or beside the data set in its store. Whole, or not there.

Every file is written in one step, the manifest last. In a folder all of it grows under a hidden
name beside the target, which it takes only when it is whole; in a store a reader looks for the
manifest. What a killed export left is taken up by the next one of the same request.
"""

import hashlib
import json
import os
import shutil
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from varifactory.errors import FactoryError
from varifactory.store import Store, StoreMissing

MANIFEST = "export.json"
TEMPORARY = ".tmp-"
SUMS = "SHA256SUMS"
"""``sha256sum -c SHA256SUMS`` checks an export with what every system has."""


class Place(ABC):
    """Files of one export by path; several threads may put at a time."""

    def __init__(self) -> None:
        self.written: dict[str, tuple[str, int]] = {}

    @abstractmethod
    def manifest(self) -> dict[str, Any] | None:
        """What a whole export says of itself; None if there is none."""

    @abstractmethod
    def begin(self) -> None:
        """Make ready for writing, and find what an earlier, killed export left."""

    @abstractmethod
    def release(self) -> None:
        """Let others write here, however this try ended."""

    @abstractmethod
    def left(self, path: str) -> bytes | None:
        """A file that an earlier try finished, counted as written; None: it is to be made."""

    @abstractmethod
    def put(self, path: str, data: bytes) -> None:
        """Write a file in one step."""

    @contextmanager
    def file(self, path: str) -> Iterator[Path]:
        """A file too large for memory: written here, taken over when the block ends well."""
        with tempfile.TemporaryDirectory(prefix=TEMPORARY, dir=self.scratch()) as folder:
            made = Path(folder) / "file"
            yield made
            self.take(path, made)

    @abstractmethod
    def scratch(self) -> Path | None:
        """Where large files grow; None: the system's folder for temporary ones."""

    @abstractmethod
    def take(self, path: str, made: Path) -> None:
        """Take a finished file over, in one step."""

    @abstractmethod
    def finish(self) -> None:
        """Make the export visible, once its manifest is put."""

    @property
    @abstractmethod
    def shown(self) -> str:
        """Where people find it."""

    def close(self, about: Mapping[str, Any]) -> dict[str, Any]:
        """Write the check sums and, last, the manifest; what it says."""
        counted = dict(sorted(self.written.items()))
        sums = "".join(f"{sha}  {path}\n" for path, (sha, _) in counted.items()).encode()
        self.put(SUMS, sums)
        said = {
            **about,
            "files": len(counted),
            "bytes": sum(size for _, size in counted.values()),
            "sums_sha256": hashlib.sha256(sums).hexdigest(),
        }
        self.put(MANIFEST, json.dumps(said, indent=1, ensure_ascii=False).encode())
        self.finish()
        return said

    def _count(self, path: str, sha: str, size: int) -> None:
        self.written[path] = (sha, size)


class FolderPlace(Place):
    """A folder of this machine; ``files`` names what decides the files and their bytes."""

    def __init__(self, folder: Path, files: str) -> None:
        super().__init__()
        self.folder = Path(os.path.abspath(folder))
        self.partial = self.folder.parent / f".{self.folder.name}.{files[:16]}.partial"
        self._held: int | None = None

    def manifest(self) -> dict[str, Any] | None:
        path = self.folder / MANIFEST
        if path.is_file():
            return _parsed(path.read_bytes(), str(path))
        if self.folder.exists() and (not self.folder.is_dir() or any(self.folder.iterdir())):
            raise FactoryError(
                f"--out {self.folder} is there and is no finished export of ours: nothing was "
                "changed; give a folder that is empty or not there"
            )
        return None

    def begin(self) -> None:
        self.partial.mkdir(parents=True, exist_ok=True)
        self._held = os.open(self.partial, os.O_RDONLY)
        with suppress(ImportError):  # where there are no such locks, two would do the same twice
            import fcntl

            try:
                fcntl.flock(self._held, fcntl.LOCK_EX | fcntl.LOCK_NB)  # a killed one lets it go
            except BlockingIOError:
                raise FactoryError(
                    f"another process is writing this export to {self.folder}: wait for it"
                ) from None

    def release(self) -> None:
        if self._held is not None:
            os.close(self._held)
            self._held = None

    def left(self, path: str) -> bytes | None:
        try:
            data = (self.partial / path).read_bytes()
        except FileNotFoundError:
            return None
        self._count(path, hashlib.sha256(data).hexdigest(), len(data))
        return data

    def put(self, path: str, data: bytes) -> None:
        target = self._target(path)
        handle, name = tempfile.mkstemp(prefix=TEMPORARY, dir=target.parent)
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        self.take(path, Path(name))

    def scratch(self) -> Path:
        return self.partial

    def take(self, path: str, made: Path) -> None:
        with open(made, "rb+") as file:
            sha = hashlib.file_digest(file, "sha256").hexdigest()
            os.fsync(file.fileno())
            made.chmod(0o644)
            os.replace(made, self._target(path))
            self._count(path, sha, os.fstat(file.fileno()).st_size)

    def finish(self) -> None:
        for stray in sorted(self.partial.rglob(f"{TEMPORARY}*")):  # of a try that was killed
            shutil.rmtree(stray) if stray.is_dir() else stray.unlink(missing_ok=True)
        try:
            os.rename(self.partial, self.folder)  # onto an empty folder too
        except OSError as error:
            raise FactoryError(
                f"the export is whole in {self.partial} but could not be called {self.folder}: "
                f"{error}"
            ) from None

    @property
    def shown(self) -> str:
        return str(self.folder)

    def _target(self, path: str) -> Path:
        target = (self.partial / path).resolve()
        if not target.is_relative_to(self.partial.resolve()):
            raise FactoryError(f"export file {path!r} would lie outside of {self.folder}")
        target.parent.mkdir(parents=True, exist_ok=True)
        return target


class StorePlace(Place):
    """The store's own ``exports/<name>/<version>/<form>-<files>/``."""

    def __init__(self, store: Store, name: str, version: int, folder: str) -> None:
        super().__init__()
        self.store, self.name, self.version, self.folder = store, name, version, folder
        self._there: set[str] = set()

    def manifest(self) -> dict[str, Any] | None:
        path = f"{self.folder}/{MANIFEST}"
        try:
            data = self.store.get_export(self.name, self.version, path)
        except StoreMissing:
            return None
        return _parsed(data, self.store.export_path(self.name, self.version, path))

    def begin(self) -> None:
        self._there = set(self.store.export_files(self.name, self.version, self.folder))

    def left(self, path: str) -> bytes | None:
        if path not in self._there:
            return None
        data = self.store.get_export(self.name, self.version, f"{self.folder}/{path}")
        self._count(path, hashlib.sha256(data).hexdigest(), len(data))
        return data

    def put(self, path: str, data: bytes) -> None:
        self.store.put_export(self.name, self.version, f"{self.folder}/{path}", data)
        self._count(path, hashlib.sha256(data).hexdigest(), len(data))

    def scratch(self) -> None:
        return None

    def take(self, path: str, made: Path) -> None:
        self.put(path, made.read_bytes())  # one shard in memory, while it is sent

    def finish(self) -> None:
        pass  # whoever finds the manifest finds the rest

    def release(self) -> None:
        pass  # two that write the same here write the same objects

    @property
    def shown(self) -> str:
        return self.store.export_path(self.name, self.version, self.folder)


def _parsed(data: bytes, where: str) -> dict[str, Any]:
    try:
        found = json.loads(data)
    except ValueError:
        found = None
    if not isinstance(found, dict) or "request" not in found:
        raise FactoryError(f"{where} is no manifest of an export: give another --out")
    return found
