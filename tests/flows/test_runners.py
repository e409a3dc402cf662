"""Whoever works the shards off, the data set is the same; a worker that dies costs no item."""

import json
import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import yaml

from flows.runners.letters import (
    Chunk,
)
from tests.flows.conftest import Generate, Make
from varifactory.errors import RecipeError
from varifactory.recipe import Recipe
from varifactory.shards.planning import ShardRef
from varifactory.shards.working import Interrupted, stopping
from varifactory.store import Store, StoreError

SHARED_OUT: dict[str, Any] = {
    "sources__world__test": 16, "verdicts__judge": "none", "run__shard_size": 48, "run__workers": 1,
}  # fmt: skip
"""Two shards of sources for the pool cpu, one of masks and one of edits for the pool gpu."""


@pytest.fixture(scope="module")
def by_threads(
    tiny: Make, generate: Generate, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Any]:
    """What the run of threads ends in."""
    return generate(tiny(**SHARED_OUT), tmp_path_factory.mktemp("threads") / "store")


@pytest.fixture(scope="module")
def two_workers(
    prefect_server: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Any]]:
    """A real worker on each pool, by the name of its pool."""
    from bench.pools import deploy_work, workers

    deploy_work()
    logs = tmp_path_factory.mktemp("workers")
    with workers(("cpu", "gpu"), logs, PREFECT_API_URL=prefect_server) as begun:
        yield {"cpu": begun[0], "gpu": begun[1]}


def descendants(process: int) -> list[int]:
    """Processes that it started, and those that they did."""
    try:
        found = [int(child) for task in Path(f"/proc/{process}/task").iterdir()
                 for child in (task / "children").read_text().split()]  # fmt: skip
    except OSError:
        return []
    return found + [inner for child in found for inner in descendants(child)]


def kill_first_run(worker: int, killed: list[int]) -> None:
    """kill -9 of the first process that a worker starts, once it has begun to work."""
    until = time.monotonic() + 120
    while time.monotonic() < until and not killed:
        for process in descendants(worker):
            threads = Path(f"/proc/{process}/status").read_text().split("Threads:")[1].split()[0]
            if int(threads) > 4:  # its imports are over, and Prefect's threads are there
                os.kill(process, signal.SIGKILL)
                killed.append(process)
                return
        time.sleep(0.05)


def test_a_stop_takes_back_what_no_worker_began(
    prefect_server: str, tmp_path: Path, tiny: Make, generate: Generate
) -> None:
    """Before any worker is started: what is handed out waits."""
    from bench.pools import deploy_work

    deploy_work()
    stop = threading.Timer(4.0, stopping.set)
    stop.start()
    try:
        with pytest.raises(Interrupted, match="run the same command again"):
            generate(tiny(run__runner="workers", **SHARED_OUT), tmp_path / "store")
    finally:
        stop.cancel()
        stopping.clear()
    (run,) = Store(str(tmp_path / "store")).runs()
    waited = sub_runs(UUID(run))
    assert [each.state.type.value for each in waited] == ["CANCELLED"] * 2


@pytest.mark.slow
def test_workers_of_two_pools_make_the_same_data_set(
    tmp_path: Path, tiny: Make, generate: Generate, by_threads: dict[str, Any],
    two_workers: dict[str, Any],
) -> None:  # fmt: skip
    killed: list[int] = []
    killer = threading.Thread(target=kill_first_run, args=(two_workers["gpu"].pid, killed))
    killer.start()
    said = generate(tiny(run__runner="workers", **SHARED_OUT), tmp_path / "store")
    killer.join()
    assert said["dataset_hash"] == by_threads["dataset_hash"]
    assert said["counts"] == by_threads["counts"]

    runs = sub_runs(UUID(said["run"]))
    assert {run.work_pool_name for run in runs} == {"cpu", "gpu"}
    assert killed
    (crashed,) = [run for run in runs if not run.state.is_completed()]
    assert crashed.state.is_crashed()
    (anew,) = [run for run in runs if run.name == crashed.name and run.id != crashed.id]
    assert anew.parameters["again"]
    store = Store(str(tmp_path / "store"))
    (edits,) = (tmp_path / "store/stages/edits").iterdir()
    assert set(store.rows("edits", edits.name)["run"].to_pylist()) == {said["run"]}

    again = generate(tiny(run__runner="workers", **SHARED_OUT), tmp_path / "store")
    assert again["made"] == 0
    assert sub_runs(UUID(again["run"])) == [], "what is there goes to no worker"


@pytest.mark.slow
def test_an_error_in_a_worker_is_the_error_of_the_run(
    tmp_path: Path, tiny: Make, generate: Generate, two_workers: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """Outside of a shard, and inside one; the store is named from the folder of the run."""
    from flows.runners import chunks
    from tasks.sources import source_shard

    monkeypatch.chdir(tmp_path)
    recipe = tiny(run__runner="workers", **SHARED_OUT)
    store = Store("store")
    store.prepare()
    unplanned = tuple(ShardRef(store.url, "run", "sources", "a" * 64, 0, 0, 1, 1, 1) for _ in "ab")
    ((_, told),) = chunks.pool_results(source_shard, recipe, unplanned, {})
    assert isinstance(told, StoreError)
    assert "plan-sources" in str(told)

    def newer(store: Store, name: str, chunk: Chunk) -> None:
        data = json.loads(chunk.model_dump_json()) | {"newer": 1}
        store.put_run_object(chunk.shards[0].run, f"{name}.json", json.dumps(data).encode())

    monkeypatch.setattr(chunks, "keep_chunk", newer)
    with pytest.raises(StoreError, match=r"cannot be read: newer: .*must be of one version"):
        generate(recipe, Path("store"))
    (run,) = [each for each in store.runs() if each != "run"]
    assert "cannot be read: newer" in json.loads(store.get_run_object(run, "ended.json"))["error"]
    failed, *others = [each for each in sub_runs(UUID(run)) if each.state.is_failed()]
    assert others == [], "an error that is told is not tried again"
    assert "cannot be read: newer" in failed.state.message


def sub_runs(run: UUID) -> list[Any]:
    """The runs that a run is the parent of, as Prefect's page of it shows them."""
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterParentFlowRunId

    children = FlowRunFilterParentFlowRunId(any_=[run])
    with get_client(sync_client=True) as client:
        return client.read_flow_runs(
            flow_run_filter=FlowRunFilter(parent_flow_run_id=children), limit=50
        )


@pytest.mark.slow
def test_dask_makes_the_same_data_set(
    tmp_path: Path, tiny: Make, generate: Generate, by_threads: dict[str, Any]
) -> None:
    pytest.importorskip("prefect_dask", reason="needs the extra dask")
    shared = SHARED_OUT | {"run__workers": 2}
    said = generate(tiny(run__runner="dask", **shared), tmp_path / "store")
    assert said["dataset_hash"] == by_threads["dataset_hash"]
    assert said["counts"] == by_threads["counts"]


def test_no_scheduler_of_dask_is_told(
    tmp_path: Path, tiny: Make, generate: Generate, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("prefect_dask", reason="needs the extra dask")
    monkeypatch.setattr("flows.runners.dask_cluster.ANSWER", 2)
    nobody = tiny(run__runner="dask", run__cluster="tcp://127.0.0.1:9")
    with pytest.raises(RecipeError, match=r"run\.cluster is 'tcp://127\.0\.0\.1:9', and no Dask"):
        generate(nobody, tmp_path / "store")


def test_without_dask_the_error_says_what_to_install(
    tmp_path: Path, tiny: Make, generate: Generate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "prefect_dask.task_runners", None)
    with pytest.raises(RecipeError, match=r"pip install 'varifactory\[run,dask\]'"):
        generate(tiny(run__runner="dask"), tmp_path / "store")


def test_without_a_deployment_the_error_says_so(
    tmp_path: Path, tiny: Make, generate: Generate, monkeypatch: pytest.MonkeyPatch
) -> None:
    from flows.runners import chunks

    monkeypatch.setattr(chunks, "DEPLOYED", {"cpu": "work/none", "gpu": "work/none"})
    with pytest.raises(RecipeError, match="no deployment work/none: run `make deploy`"):
        generate(tiny(run__runner="workers"), tmp_path / "store")


def test_an_unknown_runner_is_refused(tiny: Make) -> None:
    with pytest.raises(RecipeError, match=r"run\.runner"):
        tiny(run__runner="ray")


def test_the_recipe_says_it_in_one_line(tiny: Make) -> None:
    recipe = tiny()
    assert recipe.run.runner == "threads"
    assert recipe.overlaid(["run.runner=dask"]).fingerprint() == recipe.fingerprint()
    assert isinstance(recipe.overlaid(["run.cluster=tcp://head:8786"]), Recipe)


def test_every_pool_has_its_deployment(root: Path) -> None:
    from flows.runners.chunks import DEPLOYED

    listed = yaml.safe_load((root / "deployments/prefect.yaml").read_text())["deployments"]
    there = {(each["entrypoint"], each["name"]): each["work_pool"]["name"] for each in listed}
    for pool, name in DEPLOYED.items():
        assert there["flows.work.work", name.removeprefix("work/")] == pool
