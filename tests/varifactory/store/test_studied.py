"""Studies in the store: registered once, versions created once, nothing torn by a kill."""

import json
import random
import signal
import subprocess
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest

from tests.varifactory.store.other_process import manifest, study
from varifactory.store import Store, StoreError, StoreMissing, StudyCell, names, study_hash

Rows = Callable[..., pa.Table]
Start = Callable[..., "subprocess.Popen[str]"]
PLAN = {"margin": 0.005, "resolve": 0.003, "power": 0.8, "confidence": 0.95}


def filled(store: Store, rows: Rows) -> Store:
    """A data set version and two trained cells of it."""
    store.append("edits", "s", rows("ab"))
    store.publish(manifest(store, "cats", "ann", "content"))
    trained = rows(
        ["k1", "k2"], arm=["real", "feasible"], seed=1, adapter_blob=None, chosen_step=20,
        validation_top1=0.5, test_top1=[0.5, 0.6],
    )  # fmt: skip
    store.append("training", "s", trained)
    return store


def put(store: Store, plan: dict[str, Any] | None = None, **changes: Any) -> Any:
    drafted = study(store, store.register_plan("pets", plan or PLAN), "ann")
    return store.put_study(drafted.model_copy(update=changes))


def test_a_plan_is_registered_once(store: Store) -> None:
    first = store.register_plan("pets", PLAN)
    assert datetime.fromisoformat(first["registered_at"]) <= datetime.now(UTC)
    assert {name: first[name] for name in PLAN} == PLAN
    path = next(e.name for e in store.backend.entries("studies/pets"))
    early = first | {"registered_at": "2026-01-02T03:04:05+00:00"}
    store.backend.put_over(f"studies/pets/{path}", json.dumps(early).encode())
    assert store.register_plan("pets", PLAN) == early
    assert store.register_plan("pets", early | {"registered_at": "later"}) == early
    other = store.register_plan("pets", PLAN | {"margin": 0.01})
    assert other["registered_at"] >= first["registered_at"]
    assert len(store.backend.entries("studies/pets")) == 2
    assert store.studies() == []
    store.backend.put_over(f"studies/pets/{path}", json.dumps(PLAN | {"margin": 0.4}).encode())
    with pytest.raises(StoreError, match="another plan"):
        store.register_plan("pets", PLAN)
    with pytest.raises(StoreError, match="no JSON"):
        store.register_plan("pets", {"margin": object()})


def test_an_equal_study_is_adopted_and_another_is_the_next_version(
    store: Store, rows: Rows
) -> None:
    filled(store, rows)
    first = put(store)
    assert (first.version, first.actor) == (1, "ann")
    assert store.study("pets") == store.study("pets", "v1") == first
    assert put(store, actor="bob", created_at=datetime.now(UTC) + timedelta(days=1)) == first
    second = put(store, PLAN | {"margin": 0.01}, actor="bob")
    assert (second.version, second.actor) == (2, "bob")
    assert put(store) == first
    assert store.study("pets") == second
    assert store.studies() == [("pets", [1, 2])]


def test_a_cell_that_came_out_otherwise_is_another_study(store: Store, rows: Rows) -> None:
    filled(store, rows)
    first = put(store)
    assert len({cell.result for cell in first.cells}) == 2
    store.invalidate("training", "s", ["k2"], "again")
    with pytest.raises(StoreError, match=r"k2 .arm feasible, seed 1.*run the study again"):
        put(store, cells=first.cells)
    store.append("training", "s", rows(["k2"], arm="feasible", seed=1, chosen_step=20,
                                       validation_top1=0.5, test_top1=0.6))  # fmt: skip
    assert put(store) == first  # came out as before
    store.invalidate("training", "s", ["k2"], "again")
    store.append("training", "s", rows(["k2"], arm="feasible", seed=1, chosen_step=40,
                                       validation_top1=0.5, test_top1=0.7))  # fmt: skip
    second = put(store)
    assert second.version == 2
    assert [one.key for one in second.cells if one not in first.cells] == ["k2"]


def test_what_is_not_there_is_told(store: Store, rows: Rows) -> None:
    filled(store, rows)
    with pytest.raises(StoreMissing, match=r"no study 'pets'.*none"):
        store.study("pets")
    put(store)
    with pytest.raises(StoreMissing, match=r"no study 'dogs'.*pets"):
        store.study("dogs")
    with pytest.raises(StoreMissing, match=r"no version 7.*there are \[1\]"):
        store.study("pets", 7)
    with pytest.raises(StoreMissing, match="no version 3"):
        put(store, datasets=({"name": "cats", "version": 3, "dataset_hash": "x"},))
    store.backend.put_over(names.study("pets", 1), b'{"name": "../../etc"}')
    with pytest.raises(StoreError, match="no study of this version"):
        store.study("pets", 1)


def test_files_lie_beside_their_version(store: Store, rows: Rows) -> None:
    filled(store, rows)
    put(store)
    shown = store.put_study_file("pets", 1, "report.html", b"first")
    assert shown == store.study_path("pets", 1, "report.html")
    store.put_study_file("pets", 1, "report.html", b"second")
    store.put_study_file("pets", "v1", "data/forest.csv", b"a,b")
    assert store.get_study_file("pets", 1, "report.html") == b"second"
    assert store.study_files("pets", 1) == ["data/forest.csv", "report.html"]
    assert store.study_files("pets", 1, "data") == ["forest.csv"]
    assert store.studies() == [("pets", [1])]
    with pytest.raises(StoreMissing, match="varifactory report"):
        store.get_study_file("pets", 1, "report.json")


def test_the_hash_knows_content_alone() -> None:
    cells = [
        StudyCell(trainee="clip-lora", arm=arm, seed=1, name="cats", version=1, spec="s", key=arm)
        for arm in ("real", "feasible")
    ]
    sets = [{"name": "cats", "version": 1, "dataset_hash": "a"}, {"dataset_hash": "b"}]
    held = study_hash(sets, cells, PLAN)
    assert held == study_hash(sets[::-1], cells[::-1], PLAN | {"registered_at": "now"})
    moved = [cell.model_copy(update={"name": "pets", "version": 9}) for cell in cells]
    assert held == study_hash(sets, moved, PLAN)
    assert held != study_hash(sets[:1], cells, PLAN)
    assert held != study_hash(sets, cells, PLAN | {"margin": 0.01})
    for change in ({"key": "x"}, {"seed": 2}, {"per_source": 3}, {"result": "x"}):
        assert held != study_hash(sets, [cells[0].model_copy(update=change), cells[1]], PLAN)


@pytest.mark.parametrize("kind", ["local", "moto"])
def test_two_processes_put_studies_and_are_killed(
    kind: str, request: pytest.FixtureRequest, tmp_path: Any, process: Start, rows: Rows
) -> None:
    url = str(tmp_path / "store")
    if kind == "moto":
        url = request.getfixturevalue("at_port")(request.getfixturevalue("moto"))
    store = Store(url)
    store.prepare()
    filled(store, rows)
    both = [process("studies", url, name) for name in ("ann", "bob")]
    for one in both:
        assert one.stdout is not None
        assert one.stdout.readline().strip() == "ready"
    for one in both:
        assert one.stdin is not None
        one.stdin.write("go\n")
        one.stdin.flush()
    told = [[json.loads(one.stdout.readline()) for _ in range(4)] for one in both]
    time.sleep(random.Random(kind).uniform(0.0, 0.2))
    for one in both:
        one.send_signal(signal.SIGKILL)
        one.wait()
    assert told[0][0] == told[1][0]  # what both put is one version
    own = [{each["version"] for each in answers[1:]} for answers in told]
    assert own[0].isdisjoint(own[1])
    assert all(
        each["actor"] == name
        for name, answers in zip(("ann", "bob"), told, strict=True)
        for each in answers[1:]
    )
    numbers = dict(store.studies())["pets"]
    assert numbers == list(range(1, len(numbers) + 1))
    held = [store.study("pets", number) for number in numbers]  # every one is whole
    assert len({one.study_hash for one in held}) == len(held)
    for entry in store.backend.entries("studies/pets"):
        json.loads(store.backend.read(f"studies/pets/{entry.name}"))
    assert put(store).version == len(numbers) + 1  # and whoever goes on finds all in order
