"""Runs through faults of their storage: they end whole or say why, and the next one is the same."""

import json
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from subprocess import PIPE, Popen
from typing import Any

import pytest

from bench import wreckage
from tests.flows.conftest import Make
from tests.servers.running import BUCKET, proxy, s3_server
from varifactory.store import Store, StoreUnreachable, patience

ROOT = Path(__file__).parents[2]
MIDDLE = 60
"""Requests before the fault: a run of the tiny recipe makes some 250."""
AWS = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "hush-hush",
    "AWS_EC2_METADATA_DISABLED": "true",
}

Run = Callable[[str], dict[str, Any]]
Calm = tuple[str, wreckage.Rows]
"""Hash and rows of the run that nothing disturbed."""


@pytest.fixture(scope="module")
def run(prefect_server: str, tiny: Make) -> Run:
    from flows.generate import generate

    return lambda store: generate(tiny(run__retries=1), store)


@pytest.fixture(scope="module")
def calm(run: Run, tmp_path_factory: pytest.TempPathFactory) -> Calm:
    store = tmp_path_factory.mktemp("calm") / "store"
    return run(str(store))["dataset_hash"], wreckage.rows(str(store))


@pytest.fixture(scope="module")
def ports() -> Iterator[dict[str, int]]:
    with s3_server("moto") as moto, s3_server("ministack") as ministack:
        yield {"moto": moto, "ministack": ministack}


@pytest.fixture(autouse=True)
def surroundings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name, value in AWS.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("VARIFACTORY_CACHE", str(tmp_path / "cache"))


@contextmanager
def at(port: int) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{port}")
        yield


@pytest.mark.parametrize(
    ("server", "manner"), [("moto", "breaking"), ("ministack", "cutting"), ("moto", "cropping")]
)
def test_a_run_outlasts_trouble_of_seconds(
    ports: dict[str, int], run: Run, calm: Calm, server: str, manner: str
) -> None:
    url = f"s3://{BUCKET}/{secrets.token_hex(6)}"
    with proxy(manner, ports[server], MIDDLE, 4.0) as port, at(port):
        assert run(url)["dataset_hash"] == calm[0]
    with at(ports[server]):
        assert wreckage.rows(url) == calm[1]
        assert wreckage.torn(url) == 0


@pytest.mark.parametrize(("server", "manner"), [("moto", "cutting"), ("ministack", "closed")])
def test_a_run_whose_store_is_gone_says_so_and_the_next_one_goes_on(
    ports: dict[str, int], run: Run, calm: Calm, monkeypatch: pytest.MonkeyPatch,
    server: str, manner: str,
) -> None:  # fmt: skip
    monkeypatch.setattr(patience, "PATIENCE", 1.0)
    url = f"s3://{BUCKET}/{secrets.token_hex(6)}"
    with (
        proxy(manner, ports[server], MIDDLE) as port,
        at(port),
        pytest.raises(StoreUnreachable, match=rf"127.0.0.1:{port} .*(try again|AWS_ENDPOINT_URL)"),
    ):
        run(url)
    with at(ports[server]):
        assert wreckage.torn(url) == 0
        said = run(url)
        assert (said["dataset_hash"], wreckage.rows(url)) == calm
        assert wreckage.torn(url) == 0
        assert said["reused"] > 0


MOUNT = ["unshare", "--map-root-user", "--mount", "sh", "-ec",
         'mount -t tmpfs -o size=4m none "$0"; exec "$@"']  # fmt: skip
"""Runs a command with an empty file system of 4 MiB in a folder that it alone sees."""


def may_mount() -> bool:
    """Whether this machine lets a plain user mount a file system of its own."""
    if shutil.which("unshare") is None:
        return False
    with tempfile.TemporaryDirectory() as place:
        return subprocess.run([*MOUNT, place, "true"], capture_output=True).returncode == 0


def other_process(server: str, *arguments: str, before: Sequence[str] = ()) -> "Popen[str]":
    """``other_process.py`` on a server that runs already."""
    return Popen(
        [*before, sys.executable, "-m", "tests.flows.other_process", *arguments],
        cwd=ROOT, env={**os.environ, "PREFECT_API_URL": server, "PREFECT_LOGGING_LEVEL": "ERROR"},
        stdout=PIPE, text=True,
    )  # fmt: skip


def answer(process: "Popen[str]") -> dict[str, Any]:
    said, _ = process.communicate(timeout=300)
    assert process.returncode == 0
    told: dict[str, Any] = json.loads(said.rpartition("answer ")[2])
    return told


@pytest.mark.parametrize("what", ["limited", "full"] if may_mount() else ["limited"])
def test_a_full_disk_is_told_and_the_next_run_goes_on(
    prefect_server: str, calm: Calm, tmp_path: Path, what: str
) -> None:
    mounted = [*MOUNT, str(tmp_path)] if what == "full" else []
    number = {"limited": 17_000, "full": 400_000}[what]
    said = answer(
        other_process(prefect_server, what, str(tmp_path / "store"), str(number), before=mounted)
    )
    assert "make room" in said["told"]
    assert said["torn"] == 0
    assert said["kept"] > 0
    assert said["reused"] >= said["kept"]
    rows = {stage: [tuple(row) for row in rows] for stage, rows in said["rows"].items()}
    assert (said["dataset_hash"], rows) == calm


def test_two_runs_at_once_whose_clocks_differ_make_one_data_set(
    prefect_server: str, run: Run, calm: Calm, tmp_path: Path
) -> None:
    """A day behind, an hour before, and both at the same items."""
    url = str(tmp_path / "store")
    both = [other_process(prefect_server, "skewed", url, hours) for hours in ("-24", "1")]
    first, second = map(answer, both)
    assert first["dataset_hash"] == second["dataset_hash"] == calm[0]
    assert wreckage.rows(url) == calm[1]
    assert wreckage.torn(url) == 0
    store = Store(url)
    assert store.datasets() == [("tiny", [1])]

    # What is marked by the clock that is right was made by one that is ahead, and by one behind.
    (spec,) = store.specs("edits")
    keys = store.rows("edits", spec)["key"].to_pylist()
    store.invalidate("edits", spec, keys[:2], "looked odd")
    assert len(Store(url).rows("edits", spec)) == len(keys) - 2
    late = answer(other_process(prefect_server, "skewed", url, "-24"))
    assert (late["dataset_hash"], wreckage.rows(url)) == calm
    assert late["made"] >= 2
