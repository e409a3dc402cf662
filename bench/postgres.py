"""A real PostgreSQL for a measurement or a test: a cluster in its own folder, ended with it."""

import glob
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.server import free_port

WHERE = "/usr/lib/postgresql/*/bin"
"""Debian keeps the programs of each version apart and off the path."""


class NoPostgres(Exception):
    """This machine has no PostgreSQL server."""


class PostgresFailed(RuntimeError):
    """One of its programs ended with an error."""


@contextmanager
def postgres() -> Iterator[str]:
    """A server on loopback, gone with its data when left; gives the address that Prefect takes.

    Raises:
        NoPostgres: its programs are not installed (``make test-full`` installs them).
    """
    with cluster() as running:
        yield running.address


@contextmanager
def cluster() -> "Iterator[Cluster]":
    """The same, as a server that can be stopped and started again.

    Its folder lies beside a test's and not in it: pytest closes its own to every other user
    whenever one of its sessions begins, and the server is another user where this one is root.
    """
    programs = _programs()
    with tempfile.TemporaryDirectory(prefix="postgres-", ignore_cleanup_errors=True) as place:
        made = Cluster(programs, Path(place) / "cluster")
        made.make()
        made.start()
        try:
            yield made
        finally:
            made.stop()


def _programs() -> Path:
    found = sorted(glob.glob(WHERE))
    on_path = shutil.which("initdb")
    if not found and not on_path:
        raise NoPostgres("needs a PostgreSQL server: make test-full installs it")
    return Path(found[-1]) if found else Path(str(on_path)).parent


class Cluster:
    """Data and programs of one server; it refuses to run as root, so it does not."""

    def __init__(self, programs: Path, data: Path) -> None:
        self.programs, self.data, self.port = programs, data, free_port()
        self.owner = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []

    @property
    def address(self) -> str:
        """As ``PREFECT_SERVER_DATABASE_CONNECTION_URL`` takes it."""
        return f"postgresql+asyncpg://prefect@127.0.0.1:{self.port}/postgres"

    def make(self) -> None:
        """Create the empty cluster, in a folder that its owner may reach."""
        self.data.mkdir()
        if self.owner:
            shutil.chown(self.data, "postgres")
            self.data.parent.chmod(0o711)
        self._run("initdb", "-D", str(self.data), "-U", "prefect", "--auth=trust", "--no-sync")

    def start(self) -> None:
        """Listen; files are not forced to disk, for nothing here outlives the machine."""
        options = (f"-c listen_addresses=127.0.0.1 -c port={self.port} -c fsync=off "
                   f"-c unix_socket_directories={self.data}")  # fmt: skip
        self._run("pg_ctl", "-D", str(self.data), "-w", "-l", str(self.data / "log"),
                  "-o", options, "start")  # fmt: skip

    def stop(self) -> None:
        """End it at once."""
        self._run("pg_ctl", "-D", str(self.data), "-m", "immediate", "stop")

    def ask(self, question: str) -> str:
        """The answer of ``psql`` to one query, a row a line, columns apart by ``|``."""
        return self._run("psql", "-h", "127.0.0.1", "-p", str(self.port), "-U", "prefect",
                         "-d", "postgres", "-At", "-c", question)  # fmt: skip

    def _run(self, program: str, *arguments: str) -> str:
        done = subprocess.run([*self.owner, str(self.programs / program), *arguments],
                              cwd=self.data, timeout=120,
                              stdout=subprocess.PIPE if program == "psql" else subprocess.DEVNULL,
                              stderr=subprocess.PIPE)  # fmt: skip
        if done.returncode:
            log = self.data / "log"
            said = done.stderr.decode() + (log.read_text() if log.exists() else "")
            raise PostgresFailed(f"{program} ended with {done.returncode}: {said[-2000:].strip()}")
        return (done.stdout or b"").decode()
