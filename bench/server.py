"""A real Prefect server for a measurement: its own home and port, ended with it."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

READY_WITHIN = 120.0
"""Seconds; a first start migrates a new database."""


@contextmanager
def prefect_server(home: Path) -> Iterator[str]:
    """Start a server; gives its address, which ``PREFECT_API_URL`` holds meanwhile.

    Enter it before anything imports Prefect, whose settings are read once.
    """
    port = free_port()
    settings = {
        "PREFECT_HOME": str(home),
        "PREFECT_SERVER_API_HOST": "127.0.0.1",
        "PREFECT_SERVER_API_PORT": str(port),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
        "PREFECT_API_URL": f"http://127.0.0.1:{port}/api",
    }
    os.environ.update(settings)
    with open(home / "server.log", "wb") as log:
        server = subprocess.Popen(
            [sys.executable, "-m", "prefect", "server", "start"],
            stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip
    before = signal.signal(signal.SIGTERM, _leave)
    try:
        _wait(server, settings["PREFECT_API_URL"], home / "server.log")
        yield settings["PREFECT_API_URL"]
    finally:
        _end(server)
        signal.signal(signal.SIGTERM, before)
        for name in settings:
            os.environ.pop(name, None)


def free_port() -> int:
    """A port of the loopback that nobody listens on."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def _wait(server: subprocess.Popen[bytes], url: str, log: Path) -> None:
    until = time.monotonic() + READY_WITHIN
    while time.monotonic() < until and server.poll() is None:
        with suppress(urllib.error.URLError, OSError):
            urllib.request.urlopen(f"{url}/health", timeout=2).close()
            return
        time.sleep(0.2)
    raise SystemExit(f"Prefect's server did not start:\n{log.read_text()[-2000:]}")


def _leave(number: int, frame: object) -> None:
    """Leave by the way that ends the server."""
    sys.exit(128 + number)


def _end(server: subprocess.Popen[bytes]) -> None:
    """End the server and what it started: they share a session that is theirs alone."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(server.pid, number)
        with suppress(subprocess.TimeoutExpired):
            server.wait(timeout=10)
            return
