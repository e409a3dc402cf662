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
    with mortal_server(home) as server:
        yield server.url


@contextmanager
def mortal_server(home: Path) -> "Iterator[Server]":
    """The same, as a server that can be killed and started again."""
    server = Server(home)
    os.environ.update(server.settings)
    before = signal.signal(signal.SIGTERM, leave)
    try:
        server.start()
        yield server
    finally:
        end(server.process)
        signal.signal(signal.SIGTERM, before)
        for name in server.settings:
            os.environ.pop(name, None)


class Server:
    """A server's home and port, which it keeps however often it is started."""

    def __init__(self, home: Path) -> None:
        port = free_port()
        self.log = home / "server.log"
        self.url = f"http://127.0.0.1:{port}/api"
        self.process: subprocess.Popen[bytes] | None = None
        self.settings = {
            "PREFECT_HOME": str(home),
            "PREFECT_SERVER_API_HOST": "127.0.0.1",
            "PREFECT_SERVER_API_PORT": str(port),
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
            "DO_NOT_TRACK": "1",
            "PREFECT_API_URL": self.url,
        }

    def start(self) -> None:
        """Start it with the environment's settings, and wait until it answers.

        Raises:
            RuntimeError: it does not, with the end of its log.
        """
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "prefect", "server", "start"],
                stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        until = time.monotonic() + READY_WITHIN
        while time.monotonic() < until and self.process.poll() is None:
            with suppress(urllib.error.URLError, OSError):
                urllib.request.urlopen(f"{self.url}/health", timeout=2).close()
                return
            time.sleep(0.2)
        raise RuntimeError(f"Prefect's server did not start:\n{self.log.read_text()[-2000:]}")

    def kill(self) -> None:
        """kill -9 of all its processes."""
        if self.process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


def free_port() -> int:
    """A port of the loopback that nobody listens on."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def leave(number: int, frame: object) -> None:
    """Leave by the way that ends what was started."""
    sys.exit(128 + number)


def end(process: "subprocess.Popen[bytes] | None") -> None:
    """End a process and what it started: they share a session that is theirs alone."""
    for number in (signal.SIGTERM, signal.SIGKILL) if process else ():
        assert process is not None
        with suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout=10)
            return
