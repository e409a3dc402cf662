"""A folder as storage: temporary file, fsync, hard link. A kill at any moment tears nothing.

The root may be a symbolic link. One below it counts as an object of its own, never as the folder
or file it leads to: so what lies elsewhere is neither listed, moved nor deleted.
"""

import errno
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from varifactory.store.backend import Entry, unsafe_allowed
from varifactory.store.errors import StoreDenied, StoreError, StoreFull, StoreUnsafe

TEMPORARY = ".tmp-"
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_DENIED = {errno.EACCES, errno.EPERM, errno.EROFS}
_NO_LINKS = {errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK, errno.EXDEV, errno.EACCES}


class LocalBackend:
    """Objects as files below ``root``."""

    remote = False

    def __init__(self, root: Path) -> None:
        self.root = root

    def read(self, path: str, limit: int | None = None) -> bytes:
        with _explained(self.root / path), open(self.root / path, "rb") as file:
            # Asked first: `read(limit)` would reserve the limit, whatever the file holds.
            if limit is not None and os.fstat(file.fileno()).st_size > limit:
                raise StoreError(
                    f"{self.root / path} is larger than {limit} bytes: not written by us"
                )
            return file.read()

    def put_once(self, path: str, data: bytes) -> bool:
        target = self.root / path
        with _explained(target):
            if target.exists():
                return False
            temporary = _write_beside(target, data)
            try:
                return self._link(temporary, target)
            finally:
                temporary.unlink()
                _sync_folder(target.parent)

    def _link(self, temporary: Path, target: Path) -> bool:
        try:
            os.link(temporary, target)
        except FileExistsError:
            return False
        except OSError as error:
            if error.errno not in _NO_LINKS:
                raise
            return self._place_without_links(temporary, target)
        return True

    def _place_without_links(self, temporary: Path, target: Path) -> bool:
        if not unsafe_allowed():
            raise StoreUnsafe(
                f"the file system of {self.root} has no hard links, so two writers could "
                "overwrite each other: choose another folder, or set "
                "VARIFACTORY_ALLOW_UNSAFE_STORE=1 if only one process writes at a time"
            )
        if target.exists():
            return False
        # A second name, so that the caller can remove the temporary one in either case.
        copy = _write_beside(target, temporary.read_bytes())
        os.replace(copy, target)
        return True

    def put_over(self, path: str, data: bytes) -> None:
        target = self.root / path
        with _explained(target):
            os.replace(_write_beside(target, data), target)
            _sync_folder(target.parent)

    def file(self, path: str) -> Path | None:
        return self.root / path

    def size(self, path: str) -> int | None:
        with _explained(self.root / path):
            try:
                return (self.root / path).stat().st_size
            except FileNotFoundError:
                return None

    def modified(self, path: str) -> float | None:
        with _explained(self.root / path):
            try:
                return (self.root / path).stat().st_mtime
            except FileNotFoundError:
                return None

    def refresh(self, path: str, data: bytes) -> bool:
        if self.size(path) != len(data):
            self.put_over(path, data)
            return True
        try:
            os.utime(self.root / path)
        except OSError:  # a colleague's file, which only its owner may touch, or just collected
            self.put_over(path, data)
        return False

    def move(self, path: str, to: str, before: float) -> bool:
        source, target = self._really(path), self._really(to)
        with _explained(source), suppress(FileNotFoundError):
            if source.lstat().st_mtime >= before:
                return False
            _make_folder(target.parent)
            os.replace(source, target)
            if target.lstat().st_mtime < before:
                _touch(target)  # from now on it tells how long it has been away
                return True
            self._link(target, source)  # touched in the moment between: it goes back
            target.unlink(missing_ok=True)
        return False

    def _really(self, path: str) -> Path:
        """A path whose folder is in the store, whatever links are on the way to it.

        Raises:
            StoreError: the folder is elsewhere.
        """
        full = self.root / path
        self._inside(full.parent)
        return full

    def _inside(self, folder: Path) -> Path:
        real = os.path.realpath(folder)
        if not Path(real).is_relative_to(os.path.realpath(self.root)):
            raise StoreError(
                f"{folder} is not in the store: a link leads to {real}. Nothing there is touched; "
                "put the folder itself in place of the link, or make the whole store the link"
            )
        return folder

    def entries(self, folder: str) -> list[Entry]:
        return [entry for entry, is_folder in self._scan(folder) if not is_folder]

    def folders(self, folder: str) -> list[str]:
        return sorted(entry.name for entry, is_folder in self._scan(folder) if is_folder)

    def walk(self, folder: str) -> Iterator[Entry]:
        for entry, is_folder in self._scan(folder):
            if not is_folder:
                yield entry
                continue
            for inner in self.walk(f"{folder}/{entry.name}"):
                yield inner._replace(name=f"{entry.name}/{inner.name}")

    def _scan(self, folder: str, temporary: bool = False) -> list[tuple[Entry, bool]]:
        found = []
        path = self._inside(self.root / folder)
        with _explained(path), suppress(FileNotFoundError), os.scandir(path) as items:
            for item in items:
                if item.name.startswith(TEMPORARY) != temporary:
                    continue
                with suppress(FileNotFoundError):  # removed since it was listed
                    stat = item.stat(follow_symlinks=False)
                    entry = Entry(item.name, stat.st_size, stat.st_mtime)
                    found.append((entry, item.is_dir(follow_symlinks=False)))
        return found

    def linked(self, folder: str) -> list[str]:
        path, found = self._inside(self.root / folder), []
        with _explained(path), suppress(FileNotFoundError), os.scandir(path) as items:
            found = [item.name for item in items if item.is_symlink() and item.is_dir()]
        return sorted(found)

    def delete(self, path: str) -> None:
        with _explained(self.root / path):
            self._really(path).unlink(missing_ok=True)

    def sweep(self, older_than: float) -> int:
        return sum(self._sweep_folder(path, older_than) for path in self._all_folders())

    def _all_folders(self) -> Iterator[str]:
        for folder, _, _ in os.walk(self.root):
            yield os.path.relpath(folder, self.root)

    def _sweep_folder(self, folder: str, older_than: float) -> int:
        old = [
            entry.name
            for entry, _ in self._scan(folder, temporary=True)
            if time.time() - entry.modified > older_than
        ]
        for name in old:
            self.delete(f"{folder}/{name}")
        return len(old)

    def show(self, path: str) -> str:
        return str(self.root / path)


def _touch(path: Path) -> None:
    """Make it young; of a link itself only where the system can, for it needs no such time."""
    with suppress(NotImplementedError):
        os.utime(path, follow_symlinks=not path.is_symlink())


def _write_beside(target: Path, data: bytes) -> Path:
    """Write durably under a temporary name in the same folder, for a link needs one file system."""
    temporary = target.parent / f"{TEMPORARY}{os.getpid()}-{secrets.token_hex(6)}"
    try:
        handle = _open_new(temporary)
    except FileNotFoundError:
        _make_folder(target.parent)
        handle = _open_new(temporary)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    return temporary


def _open_new(path: Path) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)


def _make_folder(folder: Path) -> None:
    missing = []
    while not folder.exists():
        missing.append(folder)
        folder = folder.parent
    for step in reversed(missing):
        try:
            step.mkdir(exist_ok=True)
        except FileNotFoundError as error:  # what /proc answers
            raise StoreDenied(f"cannot make the folder {step}: {error.strerror}") from None
        _sync_folder(step.parent)


def _sync_folder(folder: Path) -> None:
    """Make new names in a folder durable; some file systems cannot, and need not."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise
    except OSError as error:
        raise _explanation(path, error) from error


def _explanation(path: Path, error: OSError) -> StoreError:
    if error.errno in _FULL:
        return StoreFull(
            f"cannot write {path}: {error.strerror}. What is in the store is whole; "
            "make room (or raise the quota) and run the same command again"
        )
    if error.errno in _DENIED:
        return StoreDenied(
            f"no permission for {path}: {error.strerror}. Give the store a folder you may "
            "write to, or ask its owner"
        )
    if error.errno in (errno.ENOTDIR, errno.EEXIST, errno.EISDIR):
        return StoreError(
            f"cannot use {path}: something of another kind lies in its way ({error.strerror}). "
            "Choose another folder for the store"
        )
    return StoreError(f"cannot use {path}: {error.strerror or error}")
