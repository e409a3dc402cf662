"""Several processes at one store, and processes that are killed."""

import json
import random
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest

from varifactory.store import Store, names

Rows = Callable[..., pa.Table]
Start = Callable[..., "subprocess.Popen[str]"]


def line(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def say_go(processes: "list[subprocess.Popen[str]]") -> list[dict[str, object]]:
    for one in processes:
        assert line(one) == "ready"
    for one in processes:
        assert one.stdin is not None
        one.stdin.write("go\n")
        one.stdin.flush()
    return [json.loads(line(one)) for one in processes]


def test_two_processes_make_the_same_items_and_version(store: Store, process: Start) -> None:
    answers = say_go([process("race", store.url, name) for name in ("ann", "bob")])
    table = store.rows("edits", "s", ["key", "who"]).to_pylist()
    assert [row["key"] for row in table] == [f"k{n:02}" for n in range(12)]
    assert [answer["rows"] for answer in answers] == [12, 12]
    winner = store.dataset("disputed", 1).actor
    assert {answer["disputed"] for answer in answers} == {winner, "refused"}
    assert {answer["agreed"] for answer in answers} == {store.dataset("agreed", 1).actor}
    assert store.history("edits", "s").num_rows == 24
    report = store.verify()
    assert report.whole
    assert report.checked["blobs"] == 12


def test_reader_amid_folds_sees_every_row(store: Store, process: Start, rows: Rows) -> None:
    refs = [store.append("edits", "s", rows([f"k{n}"])) for n in range(8)]
    reader = process("read", store.url, "1.5")
    assert line(reader) == "ready"
    held = refs[0]
    for ref in refs[1:]:
        old, held = held, store.fold("edits", "s", [held.name, ref.name])
        for name in (old.name, ref.name):  # sooner than any garbage collection would
            store.backend.delete(names.part("edits", "s", name))
        time.sleep(0.05)
    assert json.loads(line(reader)) == [8]
    assert [part.rows for part in store.parts("edits", "s")] == [8]


def test_two_folds_of_the_same_parts_count_every_row_once(store: Store, rows: Rows) -> None:
    refs = [store.append("edits", "s", rows([f"k{n}"], n=n)) for n in range(3)]
    before = store.rows("edits", "s")
    read = [store._reader.read("edits", "s", ref.name) for ref in refs]
    store._fold_read("edits", "s", read[:2])
    store._fold_read("edits", "s", read[1:])
    assert store.rows("edits", "s").select(before.column_names) == before
    assert store.history("edits", "s").num_rows == 3


@pytest.mark.parametrize("attempt", range(3))
def test_killed_writer_leaves_only_whole_things(local: Store, process: Start, attempt: int) -> None:
    writer = process("write", local.url, f"w{attempt}")
    assert line(writer) == "ready"
    time.sleep(random.Random(attempt).uniform(0.0, 0.2))
    writer.send_signal(signal.SIGKILL)
    writer.wait()
    report = local.verify()
    assert report.whole
    assert report.checked["rows"] >= 1
    for entry in local.backend.walk("blobs/sha256"):  # also those that no row names yet
        local.get_blob(*names.split_blob(entry.name.rpartition("/")[2]))
    local.backend.sweep(0.0)
    assert not [path for path in Path(local.url).rglob("*") if path.name.startswith(".tmp-")]
    assert local.verify().whole


def test_killed_writer_on_a_server(
    moto: int, at_port: Callable[[int], str], process: Start
) -> None:
    store = Store(at_port(moto))
    store.prepare()
    writer = process("write", store.url, "w")
    assert line(writer) == "ready"
    time.sleep(0.1)
    writer.send_signal(signal.SIGKILL)
    writer.wait()
    report = store.verify()
    assert report.whole
    assert report.checked["rows"] >= 1


def test_full_disk_is_told_and_leaves_nothing_half(local: Store, process: Start) -> None:
    answer = line(process("fill", local.url, "50000"))
    assert "make room" in answer
    files = [path for path in Path(local.url).rglob("*") if path.is_file()]
    assert sorted(path.stat().st_size for path in files)[0] == len(b"fits")
    assert not [path for path in files if path.name.startswith(".tmp-")]


@pytest.mark.parametrize("kind", ["local", "moto"])
def test_collection_beside_a_writer_loses_nothing(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path, process: Start
) -> None:
    """The writer hides rows and makes the same pixels again, while their blobs are collected."""
    url = str(tmp_path / "store")
    if kind == "moto":
        url = request.getfixturevalue("at_port")(request.getfixturevalue("moto"))
    store, moved = Store(url), 0
    store.prepare()
    for number in range(20):  # old orphans, some of which the writer is about to need
        store.put_blob(f"image k{number}".encode() * 100, "png")
    grace = 1.0 if kind == "local" else 3.0
    writer = process("churn", url, "6")
    assert line(writer) == "ready"
    while writer.poll() is None:
        moved += store.collect(delete=True, grace=grace, who="gc").moved
        time.sleep(0.05)
    assert int(line(writer)) >= 12
    deadline = time.monotonic() + 30
    while moved < 15 and time.monotonic() < deadline:
        moved += store.collect(delete=True, grace=grace, who="gc").moved
    assert moved >= 15
    for name in store.rows("edits", "a" * 64)["image_blob"].to_pylist():
        assert store.get_blob(*names.split_blob(name))
    report = store.verify(heal=False)
    assert report.whole, report.findings


@pytest.mark.parametrize("attempt", range(3))
def test_killed_collection_leaves_a_whole_store(local: Store, process: Start, rows: Rows,
                                                attempt: int) -> None:  # fmt: skip
    spec = "a" * 64
    local.write_run("r", {})
    local.use_spec("r", "edits", spec)
    kept = [f"{local.put_blob(b'kept%d' % n, 'png')}.png" for n in range(20)]
    local.append("edits", spec, rows([f"k{n}" for n in range(20)], image_blob=kept))
    for number in range(300):
        local.put_blob(b"orphan %d" % number, "png")
    collector = process("collect", local.url, "0")
    assert line(collector) == "ready"
    time.sleep(random.Random(attempt).uniform(0.0, 0.25))
    collector.kill()
    collector.wait()
    assert local.verify().whole
    for _ in range(6):
        time.sleep(0.02)
        local.collect(delete=True, grace=0)
    assert local.verify().whole
    assert len(list(local.backend.walk(names.BLOBS))) == 20
