"""A server and a worker as `make server`, `make worker` and `make deploy` start them."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Any

from bench.server import free_port

ROOT = Path(__file__).parents[2]
PATIENCE = 240.0
"""Seconds for whatever a slow machine does."""


@dataclass(slots=True)
class Place:
    """One machine of an operator: a server's address, and processes that are ended with it."""

    folder: Path
    url: str
    environment: dict[str, str]
    started: list["subprocess.Popen[bytes]"] = field(default_factory=list)

    def start(self, *command: str, log: str, **extra: str) -> "subprocess.Popen[bytes]":
        """A process of a session of its own, with what it says in a file."""
        with open(self.folder / log, "ab") as said:
            process = subprocess.Popen(
                [sys.executable, "-m", *command], cwd=ROOT, stdout=said, stderr=said,
                env={**self.environment, **extra}, start_new_session=True,
            )  # fmt: skip
        self.started.append(process)
        return process

    def run(self, *command: str, **extra: str) -> "subprocess.CompletedProcess[str]":
        """A command to its end."""
        return subprocess.run(
            [sys.executable, "-m", *command], cwd=ROOT, env={**self.environment, **extra},
            capture_output=True, text=True, timeout=PATIENCE,
        )  # fmt: skip

    def ask(self, path: str, body: Any = None, method: str = "") -> Any:
        """What the server's API answers."""
        request = urllib.request.Request(
            self.url + path, method=method or ("GET" if body is None else "POST"),
            data=None if body is None else json.dumps(body).encode(),
            headers={"content-type": "application/json"},
        )  # fmt: skip
        return json.loads(_answered(request) or b"null")

    def begin(self, deployment: str, parameters: dict[str, Any]) -> str:
        """A run, as the UI's form begins one; its id."""
        found = self.ask(f"/deployments/name/{deployment}")
        run = self.ask(f"/deployments/{found['id']}/create_flow_run",
                       {"parameters": parameters, "state": {"type": "SCHEDULED"}})  # fmt: skip
        return str(run["id"])

    def state(self, run: str) -> str:
        """The name of a run's state."""
        return str(self.ask(f"/flow_runs/{run}")["state_name"])

    def until(self, run: str, *states: str) -> None:
        """Wait for a run to be in one of the states."""
        wait(lambda: self.state(run) in states, f"run {run} to be {states}", self)

    def log(self, name: str) -> str:
        """What a process said."""
        return (self.folder / name).read_text(errors="replace")


def _answered(request: urllib.request.Request) -> bytes:
    """Asked again while the server says that its database is busy, as Prefect's own client does."""
    until = time.monotonic() + PATIENCE
    while True:
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return bytes(answer.read())
        except urllib.error.HTTPError as refused:
            if refused.code != HTTPStatus.SERVICE_UNAVAILABLE or time.monotonic() > until:
                raise
            time.sleep(0.5)


def wait(done: Any, what: str, place: Place, patience: float = PATIENCE) -> None:
    """Wait until something holds; what the processes said, if it does not."""
    until = time.monotonic() + patience
    while not done():
        if time.monotonic() > until:
            said = "\n".join(path.read_text(errors="replace")[-2000:]
                             for path in place.folder.glob("*.log"))  # fmt: skip
            raise AssertionError(f"waited {patience:.0f} s in vain for {what}:\n{said}")
        time.sleep(0.2)


@contextmanager
def operated(folder: Path, **settings: str) -> Iterator[Place]:
    """A server of its own home and port, ready; and all that is started beside it ended."""
    port = free_port()
    home = folder / "prefect"
    home.mkdir()
    url = f"http://127.0.0.1:{port}/api"
    own = {"PREFECT_HOME": str(home), "PREFECT_API_URL": url,
           "VARIFACTORY_STORE": str(folder / "store")}  # fmt: skip
    place = Place(folder, url, {**os.environ, **own, **settings})
    try:
        server = place.start("flows.serve", "--port", str(port), log="server.log")
        wait(lambda: server.poll() is not None or _answers(url), "the server", place)
        assert server.poll() is None, place.log("server.log")
        yield place
    finally:
        for process in reversed(place.started):
            _end(process)


def _answers(url: str) -> bool:
    with suppress(urllib.error.URLError, OSError), urllib.request.urlopen(f"{url}/health"):
        return True
    return False


def _end(process: "subprocess.Popen[bytes]") -> None:
    """End a process and what it started: they share a session that is theirs alone."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout=20)
            return
