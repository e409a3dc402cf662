"""The check-up of a server that others share: what is stale is seen, and freed when asked for."""

import time
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from flows.operation import checks
from varifactory.doctor import Check


@pytest.fixture(scope="module")
def client(prefect_server: str) -> Iterator[Any]:
    from prefect.client.orchestration import get_client

    with get_client(sync_client=True) as found:
        yield found


@pytest.fixture
def running(client: Any) -> Iterator[Any]:
    """A run that says it runs, and has no process."""
    from prefect import flow
    from prefect.states import Crashed, Running

    @flow(name="gone", persist_result=False)
    def gone() -> None:
        pass

    run = client.create_flow_run(gone, state=Running())
    yield run
    client.set_flow_run_state(run.id, Crashed(), force=True)


def end_all(client: Any) -> None:
    """End every run under way: the server is that of other tests too, which leave some."""
    from prefect.states import Completed

    for run in checks._runs(client, checks.UNDER_WAY):
        client.set_flow_run_state(run.id, Completed(), force=True)


def named(checks: Iterator[Check] | list[Check], name: str) -> Check:
    (found,) = [check for check in checks if check.name == name]
    return found


def heartbeat(run: Any, ago: float) -> None:
    from prefect.events import emit_event
    from prefect.events.worker import EventsWorker

    emit_event(
        event="prefect.flow-run.heartbeat",
        resource={"prefect.resource.id": f"prefect.flow-run.{run.id}"},
        occurred=datetime.now(UTC) - timedelta(seconds=ago),
    )
    EventsWorker.instance().drain()


def eventually(found: Callable[[], bool]) -> None:
    until = time.monotonic() + 60
    while not found():
        assert time.monotonic() < until
        time.sleep(0.2)


def test_a_lost_run_is_seen_and_ended(client: Any, running: Any) -> None:
    name = f"run {running.name}"
    heartbeat(running, ago=300)
    eventually(lambda: any(one.state == "trouble" for one in checks.lost_runs(client, free=False)
                           if one.name == name))  # fmt: skip
    seen = named(checks.lost_runs(client, free=False), name)
    assert seen.found.startswith("Running, its last heartbeat 30")
    assert "python -m flows.doctor --free" in seen.advice
    freed = named(checks.lost_runs(client, free=True), name)
    assert freed.advice == f"prefect flow-run retry {running.id}"
    assert client.read_flow_run(running.id).state_name == "Crashed"
    assert not [one for one in checks.lost_runs(client, free=False) if one.name == name]


def test_a_run_that_sends_heartbeats_is_left_alone(client: Any, running: Any) -> None:
    heartbeat(running, ago=1)
    eventually(lambda: checks._last_heartbeat(client, running) is not None)
    found = list(checks.lost_runs(client, free=True))
    assert not [one for one in found if one.name == f"run {running.name}"]
    assert client.read_flow_run(running.id).state_name == "Running"


def test_the_slot_of_a_task_that_was_killed_is_seen_and_freed(client: Any) -> None:
    end_all(client)
    tag = f"gpu-{uuid.uuid4()}"
    client.create_concurrency_limit(tag=tag, concurrency_limit=1)
    try:
        client.request("POST", "/concurrency_limits/increment",
                       json={"names": [tag], "task_run_id": str(uuid.uuid4())})  # fmt: skip
        seen = named(checks.tag_limits(client, free=False), f"limit of tag {tag}")
        assert (seen.state, seen.found) == (
            "trouble", "1 of 1 slots taken, 1 by tasks that ended")  # fmt: skip
        named(checks.tag_limits(client, free=True), f"limit of tag {tag}")
        left = named(checks.tag_limits(client, free=False), f"limit of tag {tag}")
        assert (left.state, left.found) == ("ok", "0 of 1 slots taken")
    finally:
        client.delete_concurrency_limit_by_tag(tag)


def test_the_slot_of_a_task_under_way_is_left_alone(client: Any, running: Any) -> None:
    tag = f"gpu-{uuid.uuid4()}"
    client.create_concurrency_limit(tag=tag, concurrency_limit=1)
    try:
        client.request("POST", "/concurrency_limits/increment",
                       json={"names": [tag], "task_run_id": str(uuid.uuid4())})  # fmt: skip
        kept = named(checks.tag_limits(client, free=True), f"limit of tag {tag}")
        assert (kept.state, kept.found) == ("ok", "1 of 1 slots taken")
    finally:
        client.delete_concurrency_limit_by_tag(tag)


def test_other_slots_are_freed_where_no_run_is_under_way(client: Any, running: Any) -> None:
    from prefect.client.schemas.actions import GlobalConcurrencyLimitCreate

    name = f"store-{uuid.uuid4()}"
    client.create_global_concurrency_limit(
        GlobalConcurrencyLimitCreate(name=name, limit=2, active_slots=1)
    )
    try:
        busy = named(checks.other_limits(client, free=True), f"limit {name}")
        assert (busy.state, busy.found) == ("ok", "1 of 2 slots taken")
        end_all(client)
        seen = named(checks.other_limits(client, free=False), f"limit {name}")
        assert seen.state == "trouble"
        named(checks.other_limits(client, free=True), f"limit {name}")
        left = named(checks.other_limits(client, free=False), f"limit {name}")
        assert left.found == "0 of 2 slots taken"
    finally:
        client.delete_global_concurrency_limit_by_name(name)


def test_a_pool_without_workers_and_missing_automations_are_told(client: Any) -> None:
    from flows.deploy import ensure_pools

    before = {pool.name for pool in client.read_work_pools()}
    if "gpu" in before:  # of another test, whose worker may have been seen a moment ago
        client.delete_work_pool("gpu")
    try:
        assert set(ensure_pools()) == {"cpu", "gpu"}
        assert ensure_pools()["gpu"] == "kept, of type process"
        pool = named(checks.pools(client), "pool gpu")
        assert pool.found == "of type process, 0 workers: its runs wait"
        told = {check.name: check for check in checks.automations(client)}
        lost = told["automation varifactory-lost-runs"]
        assert (lost.state, lost.advice) == ("trouble", "make deploy creates it")
        assert told["automation varifactory-notify-ended"].state == "note"
    finally:
        for name in {"cpu", "gpu"} - before:
            client.delete_work_pool(name)
