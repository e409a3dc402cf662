"""What is special to a folder."""

import errno
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
