"""What a Prefect server knows of pools, workers, limits and lost runs, checked and set free."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from flows.operation.automations import declared
from varifactory.doctor import Check

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient
    from prefect.client.schemas.objects import FlowRun

FREE = "python -m flows.doctor --free does it"
UNDER_WAY = ["PENDING", "RUNNING", "CANCELLING"]
"""States in which a run may hold a slot."""
PAGE = 200
"""Most that a server gives at once."""


def checks(client: "SyncPrefectClient", *, free: bool = False) -> list[Check]:
    """Everything that a server others share can be asked; ``free`` mends what is stale."""
    return [
        *pools(client),
        *automations(client),
        *lost_runs(client, free=free),
        *tag_limits(client, free=free),
        *other_limits(client, free=free),
    ]


def pools(client: "SyncPrefectClient") -> Iterator[Check]:
    """Every work pool and its workers, with the age of their last sign of life."""
    found = client.read_work_pools()
    if not found:
        yield Check("pools", "note", "there are none", "make deploy creates them")
    for pool in found:
        workers = client.read_workers_for_work_pool(pool.name)
        online = [one for one in workers if one.status.value == "ONLINE"]
        told = f"of type {pool.type}, {len(online)} workers"
        if pool.is_paused:
            yield Check(f"pool {pool.name}", "note", f"{told}, paused",
                        f"prefect work-pool resume {pool.name}")  # fmt: skip
        elif online:
            yield Check(f"pool {pool.name}", "ok", told)
        else:
            yield Check(f"pool {pool.name}", "note", f"{told}: its runs wait",
                        f"make worker POOL={pool.name}")  # fmt: skip
        for worker in online:
            seen = f"last seen {_age(worker.last_heartbeat_time):.0f} s ago"
            yield Check(f"worker {worker.name}", "ok", seen)


def automations(client: "SyncPrefectClient") -> Iterator[Check]:
    """Whether lost runs are ended, and failed ones told."""
    there = {one.name: one for one in client.read_automations()}
    for short, wanted in declared().items():
        name = wanted["name"]
        if name not in there:
            advice = "make deploy creates it"
            if short == "lost":
                yield Check(f"automation {name}", "trouble",
                            "not there: the run of a lost machine stays Running for ever",
                            advice)  # fmt: skip
            else:
                yield Check(f"automation {name}", "note", "not there: nobody is told of it",
                            f"{advice}, where VARIFACTORY_NOTIFY names a webhook")  # fmt: skip
        elif there[name].enabled:
            yield Check(f"automation {name}", "ok", "on")
        else:
            yield Check(f"automation {name}", "note", "turned off by hand",
                        f"prefect automation resume {name!r}")  # fmt: skip


def lost_runs(client: "SyncPrefectClient", *, free: bool) -> Iterator[Check]:
    """Runs that say they run, without a sign of life for as long as the automation waits."""
    from prefect.states import Crashed

    patience = declared()["lost"]["trigger"]["within"]
    for run in _runs(client, ["RUNNING", "CANCELLING"]):
        state = run.state_name or "under way"
        beat = _last_heartbeat(client, run)
        if beat is None:
            if _age(run.start_time) > patience:
                yield Check(f"run {run.name}", "note", f"{state}, and sends no heartbeat",
                            "start workers by make worker, whose runs send one")  # fmt: skip
        elif _age(beat) > patience:
            told = f"{state}, its last heartbeat {_age(beat):.0f} s ago"
            if free:
                message = "No heartbeat: its process is gone. What it finished is kept."
                client.set_flow_run_state(run.id, Crashed(message=message), force=True)
                yield Check(f"run {run.name}", "note", f"{told}: ended as Crashed",
                            f"prefect flow-run retry {run.id}")  # fmt: skip
            else:
                yield Check(f"run {run.name}", "trouble", told, f"end it: {FREE}")


def tag_limits(client: "SyncPrefectClient", *, free: bool) -> Iterator[Check]:
    """Slots of task tags; Prefect holds them for a task that was killed until they are reset."""
    for limit in client.read_concurrency_limits(limit=PAGE, offset=0):
        stale = [slot for slot in limit.active_slots if not _is_under_way(client, slot)]
        name, taken = f"limit of tag {limit.tag}", f"{len(limit.active_slots)} of"
        told = f"{taken} {limit.concurrency_limit} slots taken"
        if not stale:
            yield Check(name, "ok", told)
            continue
        told += f", {len(stale)} by tasks that ended"
        if free:
            live: list[Any] = [slot for slot in limit.active_slots if slot not in stale]
            client.reset_concurrency_limit_by_tag(limit.tag, slot_override=live)
            yield Check(name, "note", f"{told}: freed")
        else:
            yield Check(name, "trouble", told, f"free them: {FREE}")


def other_limits(client: "SyncPrefectClient", *, free: bool) -> Iterator[Check]:
    """Slots of all other limits, which are stale for certain where no run is under way."""
    from prefect.client.schemas.actions import GlobalConcurrencyLimitUpdate

    idle = not _runs(client, UNDER_WAY)
    for limit in client.read_global_concurrency_limits(limit=PAGE):
        if limit.name.startswith("tag:"):
            continue
        name, told = f"limit {limit.name}", f"{limit.active_slots} of {limit.limit} slots taken"
        if not limit.active_slots or not idle:
            yield Check(name, "ok", told)
        elif free:
            update = GlobalConcurrencyLimitUpdate(active_slots=0)
            client.update_global_concurrency_limit(limit.name, update)
            yield Check(name, "note", f"{told}, and no run is under way: freed")
        else:
            yield Check(name, "trouble", f"{told}, and no run is under way", f"free them: {FREE}")


def _runs(client: "SyncPrefectClient", states: list[str]) -> "list[FlowRun]":
    from prefect.client.schemas.filters import (
        FlowRunFilter,
        FlowRunFilterState,
        FlowRunFilterStateType,
    )
    from prefect.client.schemas.objects import StateType

    types = FlowRunFilterStateType(any_=[StateType(state) for state in states])
    only = FlowRunFilter(state=FlowRunFilterState(type=types))
    return client.read_flow_runs(flow_run_filter=only, limit=PAGE)


def _is_under_way(client: "SyncPrefectClient", task_run: Any) -> bool:
    """Whether a task that holds a slot still runs, and the flow it belongs to."""
    from prefect.client.schemas.filters import FlowRunFilter, TaskRunFilter, TaskRunFilterId
    from prefect.exceptions import ObjectNotFound

    try:
        task = client.read_task_run(task_run)
    except ObjectNotFound:
        # It is told to the server with a delay; a run under way may yet tell it.
        return bool(_runs(client, UNDER_WAY))
    if task.state is not None and task.state.is_final():
        return False
    holding = client.read_flow_runs(
        flow_run_filter=FlowRunFilter(), limit=1,
        task_run_filter=TaskRunFilter(id=TaskRunFilterId(any_=[task.id])),
    )  # fmt: skip
    return any(run.state is not None and not run.state.is_final() for run in holding)


def _last_heartbeat(client: "SyncPrefectClient", run: "FlowRun") -> datetime | None:
    from prefect.events.filters import EventFilter, EventNameFilter, EventResourceFilter

    wanted = EventFilter(
        event=EventNameFilter(name=["prefect.flow-run.heartbeat"]),
        resource=EventResourceFilter(id=[f"prefect.flow-run.{run.id}"]),
    )
    page = client.read_events(filter=wanted, limit=1)
    return page.events[0].occurred if page.events else None


def _age(moment: datetime | None) -> float:
    """Seconds since then; of a moment that never was, none at all."""
    return (datetime.now(UTC) - moment).total_seconds() if moment else 0.0
