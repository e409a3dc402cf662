"""Storage to test on: a folder, and S3 servers that run as processes of their own.

``VARIFACTORY_TEST_S3=s3://bucket/prefix`` adds a real endpoint, whose credentials come from the
usual ``AWS_*`` variables.
"""

import os
import secrets
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pyarrow as pa
import pytest

from tests.servers.running import BUCKET, proxy, s3_server
from varifactory.store import Store, parts

ROOT = Path(__file__).parents[3]
KINDS = ["local", "moto", "ministack"] + ["real"] * ("VARIFACTORY_TEST_S3" in os.environ)


@pytest.fixture(scope="session")
def moto() -> Iterator[int]:
    with s3_server("moto") as port:
        yield port


@pytest.fixture(scope="session")
def ministack() -> Iterator[int]:
    with s3_server("ministack") as port:
        yield port


@pytest.fixture(autouse=True)
def surroundings(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Settings of the user's own reach no test; parts of one test are not cached for another."""
    if "real" not in getattr(request.node, "name", ""):
        for name in [name for name in os.environ if name.startswith("AWS_")]:
            monkeypatch.delenv(name)
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hush-hush")
        monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.delenv("VARIFACTORY_ALLOW_UNSAFE_STORE", raising=False)
    monkeypatch.setenv("VARIFACTORY_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PYTHONPATH", str(ROOT))


@pytest.fixture
def at_port(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], str]:
    """Point the S3 client to a local port; returns the URL of a fresh prefix there."""

    def point(port: int) -> str:
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{port}")
        return f"s3://{BUCKET}/{secrets.token_hex(6)}"

    return point


@pytest.fixture(params=KINDS)
def url(request: pytest.FixtureRequest, tmp_path: Path, at_port: Callable[[int], str]) -> str:
    """The URL of an empty store, once a kind of storage."""
    if request.param == "local":
        return str(tmp_path / "store")
    if request.param == "real":
        return f"{os.environ['VARIFACTORY_TEST_S3'].rstrip('/')}/{secrets.token_hex(6)}"
    return at_port(request.getfixturevalue(request.param))


@pytest.fixture
def store(url: str) -> Store:
    """An empty store, prepared."""
    opened = Store(url)
    opened.prepare()
    return opened


@pytest.fixture
def local(tmp_path: Path) -> Store:
    """An empty store in a folder."""
    opened = Store(str(tmp_path / "store"))
    opened.prepare()
    return opened


@pytest.fixture
def misbehaving(moto: int, at_port: Callable[[int], str]) -> Iterator[Callable[[str], str]]:
    """Call with a manner of ``run_proxy.py``: the URL of an empty store on such a server."""
    with ExitStack() as stack:
        yield lambda manner: at_port(stack.enter_context(proxy(manner, moto)))


@pytest.fixture
def process() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start ``other_process.py`` with these arguments; killed at the end of the test."""
    started: list[subprocess.Popen[str]] = []

    def start(*arguments: str) -> subprocess.Popen[str]:
        script = str(Path(__file__).with_name("other_process.py"))
        started.append(
            subprocess.Popen(
                [sys.executable, script, *arguments],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
        )
        return started[-1]

    yield start
    for one in started:
        one.kill()
        one.communicate()


@pytest.fixture
def forget(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[], None]:
    """Drop what this process and its disk remember of parts, as a new machine would."""

    def drop() -> None:
        parts._RECENT._forget()
        monkeypatch.setenv("VARIFACTORY_CACHE", str(tmp_path / secrets.token_hex(4)))

    return drop


@pytest.fixture
def rows() -> Callable[..., pa.Table]:
    """Make a table of keys with one status; further columns by name, a value or a list."""

    def make(keys: str | list[str], status: str = "ok", **columns: object) -> pa.Table:
        count = len(keys)
        filled = {
            name: value if isinstance(value, list) else [value] * count
            for name, value in columns.items()
        }
        return pa.table({"key": list(keys), "status": [status] * count, **filled})

    return make
