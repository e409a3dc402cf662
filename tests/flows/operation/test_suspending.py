"""Whoever waits for a person is not ended as lost, on a real server with the real trigger."""

import time
from contextlib import nullcontext
from typing import Any
from uuid import UUID

import pytest
from prefect import flow
from prefect.client.orchestration import get_client
from prefect.events import emit_event
from prefect.events.schemas.automations import AutomationCore
from prefect.exceptions import Pause
from prefect.runtime import flow_run
from prefect.states import Paused

from flows.operation.automations import declared
from flows.operation.suspending import WAITS, told_to_wait


def client() -> Any:
    return get_client(sync_client=True)


def test_the_automation_expects_what_a_waiting_run_says() -> None:
    waiting = {"prefect.flow-run.Suspended", "prefect.flow-run.Paused", WAITS}
    assert waiting <= set(declared()["lost"]["trigger"]["expect"])


@pytest.mark.slow
def test_a_run_that_waits_for_a_person_is_not_taken_for_lost(prefect_server: str) -> None:
    """A last heartbeat after ``Suspended`` ends a run as lost, but for the event that follows."""

    begun: list[UUID] = []

    @flow(name="waits", persist_result=False)
    def waits(ours: bool) -> None:
        with told_to_wait() if ours else nullcontext():
            run = UUID(str(flow_run.id))
            begun.append(run)
            with client() as asked:
                state = asked.set_flow_run_state(
                    run, Paused(name="Suspended", timeout_seconds=600)
                ).state
            sent = {"prefect.resource.id": f"prefect.flow-run.{run}"}
            emit_event("prefect.flow-run.heartbeat", resource=sent)
            raise Pause(state=state)

    quick = declared()["lost"]
    with client() as asked:
        made = asked.create_automation(
            AutomationCore.model_validate(quick | {"trigger": quick["trigger"] | {"within": 10}})
        )
    time.sleep(2)  # the server loads it
    for ours in (True, False):
        with pytest.raises(Pause):
            waits(ours)
    kept, lost = begun
    assert name_of(kept) == name_of(lost) == "Suspended"
    until = time.monotonic() + 90
    while name_of(lost) != "Crashed" and time.monotonic() < until:
        time.sleep(1)
    assert name_of(lost) == "Crashed", "the trigger counts from a heartbeat, whatever the state"
    time.sleep(6)
    assert name_of(kept) == "Suspended"
    with client() as asked:
        asked.delete_automation(made)


def name_of(run: UUID) -> str:
    with client() as asked:
        return str(asked.read_flow_run(run).state.name)
