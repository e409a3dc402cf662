"""What is special to a folder."""

import errno
import math
import os
import time
from pathlib import Path

import pytest

from varifactory.store import Store, StoreDenied, StoreError, StoreFull, StoreUnsafe


@pytest.mark.parametrize("form", ["{}", "file://{}", "{}/"])
def test_forms_of_a_folder(tmp_path: Path, form: str) -> None:
    store = Store(form.format(tmp_path / "my store"))
    assert store.prepare().where == str(tmp_path / "my store")
    assert (tmp_path / "my store" / "store.json").exists()


def test_relative_folder_stays_where_it_was_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    store = Store("./.varifactory")
    monkeypatch.chdir("/")
    assert store.prepare().where == str(tmp_path / ".varifactory")


def test_file_in_place_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "store").write_text("a file")
    with pytest.raises(StoreError, match=r"in its way.*Choose another folder"):
        Store(str(tmp_path / "store")).prepare()


def test_folder_that_cannot_be_made() -> None:
    with pytest.raises(StoreDenied, match="/proc/varifactory"):
        Store("/proc/varifactory/store").prepare()


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_read_only_folder(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    child = os.fork()
    if not child:
        status = 1
        try:
            if os.geteuid() == 0:  # the superuser may write anywhere
                os.setuid(65534)
            Store(str(tmp_path / "store")).prepare()
        except StoreDenied as error:
            status = 0 if "no permission" in str(error) else 2
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        (errno.ENOSPC, StoreFull),
        (errno.EDQUOT, StoreFull),
        (errno.EACCES, StoreDenied),
        (errno.EROFS, StoreDenied),
        (errno.EIO, StoreError),
    ],
)
def test_what_the_system_refuses_is_told(
    local: Store, monkeypatch: pytest.MonkeyPatch, number: int, kind: type[StoreError]
) -> None:
    """The kernel's refusals of a write; a full disk itself is met in test_races."""

    def refuse(handle: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(kind, match=os.strerror(number)):
        local.put_blob(b"pixels", "png")
    assert not list(local.backend.walk("blobs"))


def test_file_system_without_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*paths: Path) -> None:
        raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP))

    monkeypatch.setattr(os, "link", refuse)
    store = Store(str(tmp_path / "store"))
    with pytest.raises(StoreUnsafe, match="no hard links"):
        store.prepare()
    monkeypatch.setenv("VARIFACTORY_ALLOW_UNSAFE_STORE", "1")
    store.prepare()
    assert store.get_blob(store.put_blob(b"pixels", "png"), "png") == b"pixels"
    assert not store.backend.put_once("store.json", b"other")


def test_leftovers_of_killed_writers_are_unseen_and_swept_by_age(local: Store) -> None:
    sha = local.put_blob(b"pixels", "png")
    folder = Path(local.url) / "blobs/sha256" / sha[:2]
    old, young = folder / ".tmp-1-old", folder / ".tmp-2-young"
    for path in (old, young):
        path.write_bytes(b"half")
    os.utime(old, (time.time() - 2 * 86400,) * 2)
    assert len(list(local.backend.walk("blobs"))) == 1
    assert local.verify(heal=False).swept == 0
    assert local.verify().swept == 1
    assert young.exists()
    assert not old.exists()


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A folder beside the store that looks as an export does, with an old file in it."""
    (tmp_path / "home/1").mkdir(parents=True)
    letter = tmp_path / "home/1/letter.txt"
    letter.write_text("dear")
    os.utime(letter, (1.0, 1.0))
    return tmp_path / "home"


def test_collection_never_follows_a_link(local: Store, home: Path) -> None:
    """Neither of a version, nor of a data set, nor of a blob's folder, nor of one file."""
    exports = Path(local.url) / "exports"
    (exports / "evil").mkdir(parents=True)
    (exports / "evil/1").symlink_to(home / "1")
    (exports / "worse").symlink_to(home)
    (exports / "cats/2").mkdir(parents=True)
    (exports / "cats/2/file").symlink_to(home / "1/letter.txt")
    (Path(local.url) / "blobs/sha256").mkdir(parents=True)
    (Path(local.url) / "blobs/sha256/ab").symlink_to(home)
    (home / f"{'ab' * 32}.png").write_text("pixels")
    for _ in range(6):
        time.sleep(0.02)
        local.collect(delete=True, grace=0, keep_runs=0)
    assert (home / "1/letter.txt").read_text() == "dear"
    assert os.stat(home / "1/letter.txt").st_mtime == 1.0
    assert (home / f"{'ab' * 32}.png").exists()
    assert not list(local.backend.walk("trash"))


def test_what_lies_outside_is_neither_listed_moved_nor_deleted(local: Store, home: Path) -> None:
    (Path(local.url) / "exports").mkdir()
    (Path(local.url) / "exports/evil").symlink_to(home)
    backend = local.backend
    assert [entry.name for entry in backend.walk("exports")] == ["evil"]  # the link, a small file
    assert (backend.folders("exports"), backend.linked("exports")) == ([], ["evil"])
    for refused in (
        lambda: list(backend.walk("exports/evil/1")),
        lambda: backend.entries("exports/evil"),
        lambda: backend.delete("exports/evil/1/letter.txt"),
        lambda: backend.delete("../home/1/letter.txt"),
        lambda: backend.move("exports/evil/1/letter.txt", "trash/letter.txt", math.inf),
        lambda: backend.move("store.json", "exports/evil/store.json", math.inf),
    ):
        with pytest.raises(StoreError, match="not in the store"):
            refused()
    assert [path.name for path in home.rglob("*.*")] == ["letter.txt"]
    assert backend.size("store.json")


def test_linked_folder_of_rows_or_versions_stops_collection(local: Store, home: Path) -> None:
    (Path(local.url) / "datasets").mkdir()
    (Path(local.url) / "datasets/cats").symlink_to(home)
    with pytest.raises(StoreError, match="datasets/cats is a link"):
        local.collect()


def test_store_that_is_itself_a_link(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "store").symlink_to(tmp_path / "disk")
    store = Store(str(tmp_path / "store"))
    store.prepare()
    store.put_blob(b"pixels", "png")
    for _ in range(4):
        time.sleep(0.02)
        store.collect(delete=True, grace=0)
    assert not list(store.backend.walk("blobs"))
