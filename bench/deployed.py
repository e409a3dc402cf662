"""A flow as it is operated: a deployment, a worker that can be killed, and what the server says.

It talks to Prefect's server in plain HTTP: a process that forks must not hold Prefect's threads.
"""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from bench.figures import ROOT, beside
from bench.server import end
from flows.operation.environment import WORKER, apply

POOL, FLOW = "crashes", "generate"
WORKING_DIRECTORY = "prefect.deployments.steps.set_working_directory"
ENDED = {"COMPLETED", "FAILED", "CRASHED", "CANCELLED"}
QUERY = {"PREFECT_WORKER_QUERY_SECONDS": "1"}
"""A worker that looks for runs every second; else it is set as ``make worker`` sets it."""


class Deployed:
    """The flow ``generate`` on a work pool of its own, and the pool's only worker."""

    def __init__(self, url: str, home: Path) -> None:
        self.url, self.home = url, home
        self.worker: subprocess.Popen[bytes] | None = None
        os.environ.update(QUERY)
        apply(WORKER)
        beside("bench.deployed", url)
        self.id = self.ask("GET", f"/deployments/name/{FLOW}/{POOL}")["id"]

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """What the server answers; one that is being started is asked again."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(
            self.url + path, data, {"Content-Type": "application/json"}, method=method
        )
        for wait in (0.5, 1, 2, 4, 0):
            try:
                with urllib.request.urlopen(request, timeout=30) as answer:
                    return json.loads(answer.read() or b"null")
            except urllib.error.HTTPError as error:
                if error.code < 500 or not wait:
                    raise RuntimeError(f"{method} {path}: {error.read().decode()[:500]}") from None
            except OSError:
                if not wait:
                    raise
            time.sleep(wait)
        raise AssertionError("unreachable")

    def start_worker(self) -> None:
        """A process worker in a session of its own."""
        command = ["worker", "start", "--pool", POOL, "--type", "process", "--name", "crashes"]
        with open(self.home / "worker.log", "ab") as log:
            self.worker = subprocess.Popen(
                [sys.executable, "-m", "prefect", *command],
                cwd=ROOT, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip

    def kill_worker(self) -> None:
        """kill -9 of the worker alone: its flow's process is another."""
        if self.worker is not None:
            os.kill(self.worker.pid, signal.SIGKILL)
            self.worker.wait()

    def end_worker(self) -> None:
        """End it for good."""
        end(self.worker)

    def begin(self, parameters: dict[str, Any]) -> str:
        """Ask for a run; its id."""
        body = {"parameters": parameters, "state": {"type": "SCHEDULED"}}
        made = self.ask("POST", f"/deployments/{self.id}/create_flow_run", body)
        return str(made["id"])

    def retry(self, run: str) -> None:
        """What the UI's Retry does."""
        state = {"type": "SCHEDULED", "name": "AwaitingRetry"}
        said = self.ask("POST", f"/flow_runs/{run}/set_state", {"state": state, "force": False})
        if said["status"] != "ACCEPT":
            raise RuntimeError(f"retry of {run} was refused: {said}")

    def state(self, run: str) -> dict[str, Any]:
        """Type, name, message and timestamp."""
        state: dict[str, Any] = self.ask("GET", f"/flow_runs/{run}")["state"]
        return state

    def ended(self, run: str, within: float, *, after: str = "") -> dict[str, Any]:
        """The state that a run ends in, later than the time ``after``; the last if it does not."""
        until = time.monotonic() + within
        while True:
            state = self.state(run)
            if (state["type"] in ENDED and state["timestamp"] > after) or time.monotonic() > until:
                return state
            time.sleep(0.2)

    def unended(self) -> list[str]:
        """Runs that the server takes for running."""
        runs = self.ask(
            "POST", "/flow_runs/filter",
            {"flow_runs": {"state": {"type": {"any_": ["RUNNING", "PENDING"]}}}, "limit": 200},
        )  # fmt: skip
        return [str(run["id"]) for run in runs]


def process_of(run: str) -> int | None:
    """Process of a flow run that a worker started; None where there is none."""
    wanted = f"PREFECT__FLOW_RUN_ID={run}".encode()
    for place in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            lives = b" Z " not in (place / "stat").read_bytes().rpartition(b")")[2][:4]
            if lives and wanted in (place / "environ").read_bytes().split(b"\0"):
                return int(place.name)
    return None


def since(state: dict[str, Any], began: float) -> float:
    """Seconds from a time of this machine's clock to a state."""
    return datetime.fromisoformat(state["timestamp"]).timestamp() - began


def _deploy() -> None:
    """Work pool, deployment and the automations of ``make deploy``."""
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.actions import WorkPoolCreate

    from flows.generate import generate
    from flows.operation.automations import ensure_automations

    with get_client(sync_client=True) as client:
        client.create_work_pool(WorkPoolCreate(name=POOL, type="process"))
        client.create_deployment(
            flow_id=client.create_flow(generate),
            name=POOL,
            entrypoint="flows.generate.generate",
            work_pool_name=POOL,
            pull_steps=[{WORKING_DIRECTORY: {"directory": str(ROOT)}}],
        )
    ensure_automations()


if __name__ == "__main__":
    _deploy()
