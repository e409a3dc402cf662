"""Servers and settings that are wrong, each told in words a user can act on."""

import pickle
import time
from collections.abc import Callable

import pyarrow as pa
import pytest

from varifactory.store import (
    Store,
    StoreDenied,
    StoreError,
    StoreMissing,
    StoreUnreachable,
    StoreUnsafe,
    VersionTaken,
)
from varifactory.store.parts import _RECENT, cache_folder

Rows = Callable[..., pa.Table]
Point = Callable[[int], str]


def test_server_that_ignores_create_once_is_refused_or_used_with_care(
    misbehaving: Callable[[str], str],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    store = Store(misbehaving("careless"))
    with pytest.raises(StoreUnsafe, match="VARIFACTORY_ALLOW_UNSAFE_STORE"):
        store.prepare()
    monkeypatch.setenv("VARIFACTORY_ALLOW_UNSAFE_STORE", "1")
    assert not store.prepare().create_once
    assert "overwrites" in caplog.text
    store.write_run("r", {"who": "first"})
    with pytest.raises(VersionTaken):
        store.write_run("r", {"who": "second"})
    assert store.read_run("r") == {"who": "first"}


def test_server_without_conditional_writes(
    misbehaving: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(misbehaving("unable"))
    with pytest.raises(StoreUnsafe, match="refuses conditional writes"):
        store.prepare()
    monkeypatch.setenv("VARIFACTORY_ALLOW_UNSAFE_STORE", "1")
    store.prepare()
    sha = store.put_blob(b"pixels", "png")
    assert store.get_blob(sha, "png") == b"pixels"


def test_wrong_credentials_are_told_without_a_secret(misbehaving: Callable[[str], str]) -> None:
    store = Store(misbehaving("denying"))
    with pytest.raises(StoreDenied, match="AWS_ACCESS_KEY_ID") as denied:
        store.prepare()
    told = f"{denied.value!r} {store!r} {denied.value.__cause__!r} {vars(store.backend)}"
    assert "hush" not in told
    assert "Signature=" not in told
    with pytest.raises(TypeError, match="url"):
        pickle.dumps(store)


def test_no_credentials(
    moto: int, at_port: Point, monkeypatch: pytest.MonkeyPatch, tmp_path: object
) -> None:
    store = Store(at_port(moto))
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", f"{tmp_path}/none")
    monkeypatch.setenv("AWS_CONFIG_FILE", f"{tmp_path}/none")
    with pytest.raises(StoreDenied, match="no credentials"):
        store.prepare()


def test_missing_bucket(moto: int, at_port: Point) -> None:
    at_port(moto)
    with pytest.raises(StoreMissing, match="there is no bucket 'nowhere'"):
        Store("s3://nowhere/prefix").prepare()


def test_dead_endpoint_is_told_within_seconds(at_port: Point) -> None:
    started = time.monotonic()
    with pytest.raises(StoreUnreachable, match="AWS_ENDPOINT_URL"):
        Store(at_port(9)).prepare()
    assert time.monotonic() - started < 8


def test_endpoint_that_is_a_web_page(misbehaving: Callable[[str], str]) -> None:
    with pytest.raises(StoreError):
        Store(misbehaving("page")).prepare()


def test_lost_answers_cost_nothing(misbehaving: Callable[[str], str], rows: Rows) -> None:
    """The retried PUT finds our own object there and must not be taken for another's."""
    store = Store(misbehaving("forgetful"))
    store.prepare()
    store.write_run("r", {"who": "me"})
    sha = store.put_blob(b"pixels", "png")
    store.append("edits", "s", rows("a", image_blob=f"{sha}.png"))
    assert store.verify().whole
    assert store.read_run("r") == {"who": "me"}


@pytest.mark.parametrize("manner", ["busy", "conflicting", "tearing"])
def test_passing_trouble_is_tried_again(misbehaving: Callable[[str], str], manner: str) -> None:
    store = Store(misbehaving(manner))
    store.prepare()
    sha = store.put_blob(b"pixels", "png")
    assert store.get_blob(sha, "png") == b"pixels"


def test_empty_object_is_never_created_once(moto: int, at_port: Point) -> None:
    with pytest.raises(StoreError, match="empty"):
        Store(at_port(moto)).backend.put_once("a", b"")


def test_listing_of_more_than_one_page(
    moto: int, at_port: Point, monkeypatch: pytest.MonkeyPatch
) -> None:
    backend = Store(at_port(moto)).backend
    for number in range(5):
        backend.put_once(f"many/{number}", b"x")
    call = backend._call
    monkeypatch.setattr(
        backend,
        "_call",
        lambda verb, path, **more: call(
            verb, path, **more, **({"MaxKeys": 2} if verb == "list_objects_v2" else {})
        ),
    )
    assert [entry.name for entry in backend.entries("many")] == ["0", "1", "2", "3", "4"]


def test_unseen_part_costs_one_request_and_a_seen_one_none(
    moto: int,
    at_port: Point,
    rows: Rows,
    forget: Callable[[], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    store = Store(at_port(moto))
    store.append("edits", "s", rows("a"))
    forget()
    read: list[str] = []
    real = store.backend.read
    monkeypatch.setattr(
        store.backend, "read", lambda path, limit=None: read.append(path) or real(path, limit)
    )
    store.rows("edits", "s")
    assert len(read) == 1
    _RECENT._forget()  # a new process on the same machine
    store.rows("edits", "s")
    assert len(read) == 1
    kept = next(iter(cache_folder().iterdir()))
    kept.write_bytes(kept.read_bytes()[:-1] + b"?")  # a cache that rotted is not believed
    _RECENT._forget()
    assert store.rows("edits", "s").num_rows == 1
    assert len(read) == 2


@pytest.mark.parametrize(
    "url", ["", "  ", "s3://", "gs://bucket/x", "http://user:hush@host/x", "s3:///prefix"]
)
def test_urls_that_are_no_store(url: str) -> None:
    with pytest.raises(StoreError) as refused:
        Store(url)
    assert "hush" not in str(refused.value)
