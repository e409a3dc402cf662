"""The flows as commands: one JSON object, exit codes, Ctrl-C."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.flows.conftest import TINY
from varifactory.store import Store

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("recipe") / "tiny.yaml"
    path.write_text(yaml.safe_dump(TINY))
    return path


def start(*arguments: str, server: str = "", flow: str = "generate") -> subprocess.Popen[str]:
    """The command, on a server that runs already if its address is given."""
    environment = {**os.environ, **({"PREFECT_API_URL": server} if server else {})}
    return subprocess.Popen(
        [sys.executable, "-m", f"flows.{flow}", *arguments],
        cwd=ROOT, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def run(*arguments: str, server: str = "") -> tuple[int, str, str]:
    process = start(*arguments, server=server)
    out, err = process.communicate(timeout=180)
    return process.returncode, out, err


def test_wrong_use_is_told_and_exits_with_2(recipe: Path, tmp_path: Path) -> None:
    """All at once: what a wrong command costs is its start."""
    unknown = tmp_path / "unknown.yaml"
    unknown.write_text(yaml.safe_dump({**TINY, "edits": {"per_sourse": 2}}))
    wrong = {
        "unknown key 'edits.per_sourse' (value 2); allowed here are attempts": [str(unknown)],
        "no recipe at nowhere.yaml": ["nowhere.yaml"],
        "--set 'edits.per_source': write it as key=value": [
            str(recipe), "--set", "edits.per_source"],
        "key 'sources.size' has the value 3": [str(recipe), "--set", "sources.size=3"],
        "No such option": [str(recipe), "--stor", "x"],
    }  # fmt: skip
    running = {told: start(*arguments) for told, arguments in wrong.items()}
    for told, process in running.items():
        out, err = process.communicate(timeout=120)
        assert process.returncode == 2, err
        assert told in err
        assert out == ""
        assert "Traceback" not in err


def test_a_store_that_cannot_be_used_exits_with_2(
    recipe: Path, tmp_path: Path, prefect_server: str
) -> None:
    (tmp_path / "file").write_text("not a folder")
    code, out, err = run(str(recipe), "--store", str(tmp_path / "file"), "--json",
                         server=prefect_server)  # fmt: skip
    assert (code, json.loads(out)["kind"]) == (2, "StoreError"), err
    assert "something of another kind lies in its way" in err
    assert "Traceback" not in err


def test_json_is_one_object_and_failed_items_exit_with_1(
    recipe: Path, tmp_path: Path, prefect_server: str
) -> None:
    store = tmp_path / "store"
    code, out, err = run(str(recipe), "--store", str(store), "--json", server=prefect_server)
    assert code == 0, err
    (line,) = out.splitlines()
    said = json.loads(line)
    assert {"run", "dataset", "dataset_hash", "counts", "reused", "seconds", "gallery",
            "report"} <= set(said)  # fmt: skip
    assert Path(said["gallery"]).is_file()
    assert said["server_seconds"] == 0

    blob = next(iter(_sources(store)))
    (store / "blobs/sha256" / blob[:2] / blob).unlink()
    more = ("--set", "edits.per_source=2", "--set", "run.error_budget=1.0")
    code, out, err = run(str(recipe), "--store", str(store), *more, "--json", server=prefect_server)
    assert code == 1, err
    assert json.loads(out)["failed"] > 0


def _sources(store: Path) -> list[str]:
    """Blobs that edits were made from."""
    opened = Store(str(store))
    (spec,) = opened.specs("edits")
    return sorted(set(opened.rows("edits", spec)["source_blob"].to_pylist()))


def test_people_are_told_where_the_gallery_is(
    recipe: Path, tmp_path: Path, prefect_server: str
) -> None:
    code, out, err = run(str(recipe), "--store", str(tmp_path / "store"), server=prefect_server)
    assert code == 0, err
    assert out.splitlines()[-1].startswith("gallery: ")
    assert "sources" in err
    assert "made" in err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_leaves_a_store_to_go_on_from(
    recipe: Path, tmp_path: Path, prefect_server: str, number: signal.Signals
) -> None:
    more = ("--set", "sources.world.test=60", "--set", "run.workers=1", "--json")
    store = tmp_path / "store"
    process = start(str(recipe), "--store", str(store), *more, server=prefect_server)
    _wait_for_rows(store, process)
    process.send_signal(number)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 1, err
    assert json.loads(out)["kind"] == "Interrupted"
    assert "again to go on" in err
    assert "Traceback" not in err
    opened = Store(str(store))
    assert opened.verify().whole
    kept = len(opened.rows("sources", opened.specs("sources")[0]))
    assert 0 < kept < 3 * (2 + 1 + 60)

    code, out, err = run(str(recipe), "--store", str(store), *more, server=prefect_server)
    assert code == 0, err
    said: dict[str, Any] = json.loads(out)
    assert said["reused"] == kept
    assert sum(said["counts"]["sources"].values()) == 3 * (2 + 1 + 60)


def _wait_for_rows(store: Path, process: subprocess.Popen[str]) -> None:
    until = time.monotonic() + 120
    while not list(store.glob("stages/sources/*/part-*")):
        assert process.poll() is None
        assert time.monotonic() < until
        time.sleep(0.01)
