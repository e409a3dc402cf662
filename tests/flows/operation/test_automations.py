"""Automations on a real server: created once, set right, and their words arrive at a webhook."""

import json
import os
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any, ClassVar

import pytest

from flows.operation import automations
from flows.operation.automations import BLOCK, NotifyError, declared, ensure_automations

LOST = "varifactory-lost-runs"


@pytest.fixture(scope="module")
def server(prefect_server: str) -> Iterator[str]:
    yield prefect_server
    for automation in existing():
        with client() as asked:
            asked.delete_automation(automation.id)


def client() -> Any:
    from prefect.client.orchestration import get_client

    return get_client(sync_client=True)


def existing() -> list[Any]:
    with client() as asked:
        return asked.read_automations()


def test_lost_runs_are_ended_by_one_automation_however_often_it_is_asked_for(server: str) -> None:
    assert ensure_automations() == {LOST: "created"}
    assert ensure_automations() == {LOST: "kept"}
    (found,) = existing()
    assert found.trigger.within.total_seconds() == 90
    assert found.trigger.posture.value == "Proactive"
    assert found.trigger.after == {"prefect.flow-run.heartbeat", "prefect.flow-run.Running"}
    (action,) = found.actions
    assert action.state.value == "CRASHED"


def test_a_run_that_was_killed_before_it_was_heard_of_is_ended(
    server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With ten seconds instead of ninety, the least that Prefect allows."""
    from prefect import flow
    from prefect.states import Running

    soon = declared()
    soon["lost"]["trigger"]["within"] = 10
    monkeypatch.setattr(automations, "declared", lambda: soon)
    ensure_automations()
    with client() as asked:
        run = asked.create_flow_run(flow(lambda: None, name="killed"))
        asked.set_flow_run_state(run.id, Running())
        until = time.monotonic() + 60
        while not (state := asked.read_flow_run(run.id).state).is_final():
            assert time.monotonic() < until
            time.sleep(0.5)
    assert state.is_crashed()
    assert "its process or machine is gone" in state.message
    monkeypatch.undo()
    assert ensure_automations() == {LOST: "updated"}


def test_one_that_was_changed_is_set_right_and_one_turned_off_stays_off(server: str) -> None:
    from prefect.events.schemas.automations import AutomationCore

    ensure_automations()
    (found,) = existing()
    mine = AutomationCore.model_validate(declared()["lost"] | {"description": "mine"})
    with client() as asked:
        asked.update_automation(found.id, mine)
        asked.pause_automation(found.id)
    assert ensure_automations() == {LOST: "updated"}
    (found,) = existing()
    assert found.description == declared()["lost"]["description"]
    assert not found.enabled
    with client() as asked:
        asked.resume_automation(found.id)


def test_a_webhook_is_named_never_written_down(
    server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEAM_HOOK", "http://127.0.0.1:9/hush-7f3a")
    said = ensure_automations("TEAM_HOOK")
    assert said["varifactory-notify-ended"] == "created"
    assert said["varifactory-notify-stuck"] == "created"
    assert set(ensure_automations(f"webhook/{BLOCK}").values()) == {"kept"}
    assert "hush-7f3a" not in "".join(one.model_dump_json() for one in existing())
    with client() as asked:
        documents = asked.request("POST", "/block_documents/filter", json={}).text
    assert "hush-7f3a" not in documents


def test_a_webhook_that_is_not_there_is_told(server: str) -> None:
    with pytest.raises(NotifyError, match=r"no environment variable of that name"):
        ensure_automations("NOWHERE_HOOK")
    with pytest.raises(NotifyError, match=r"'webhook/nowhere', which Prefect does not know"):
        ensure_automations("webhook/nowhere")


class Heard(BaseHTTPRequestHandler):
    """A webhook that keeps what it is told."""

    said: ClassVar[list[dict[str, Any]]] = []
    arrived = threading.Event()

    def do_POST(self) -> None:
        length = int(self.headers["content-length"])
        self.said.append(json.loads(self.rfile.read(length)))
        self.send_response(200)
        self.end_headers()
        self.arrived.set()

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def hook() -> Iterator[str]:
    listening = HTTPServer(("127.0.0.1", 0), Heard)
    threading.Thread(target=listening.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{listening.server_port}/hook"
    listening.shutdown()
    listening.server_close()


def test_a_failed_run_is_told_to_the_webhook(
    server: str, hook: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from prefect import flow

    @flow(name="fails", persist_result=False)
    def fails() -> None:
        raise ValueError('a "quoted" reason')

    monkeypatch.setenv("TEAM_HOOK", hook)
    assert os.environ["TEAM_HOOK"]
    ensure_automations("TEAM_HOOK")
    with pytest.raises(ValueError, match="quoted"):
        fails()
    assert Heard.arrived.wait(60), "the webhook heard nothing"
    text = Heard.said[0]["text"]
    assert ": Failed. " in text
    assert 'a "quoted" reason' in text
