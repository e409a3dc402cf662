"""The pins of fastapi and sqlalchemy hold: a server starts, answers, and keeps its schedules.

A newer fastapi lets the server answer its own requests with 422, or not start at all; a newer
sqlalchemy stops its schedules, and nothing shows it but runs that never come.
"""

import glob
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench import server as bench_server

WAIT = 90.0
"""Seconds for the scheduler's first round, which comes at once on an idle machine."""
CLIENT = """
import asyncio, sys, time
from datetime import timedelta
from prefect import flow
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import DeploymentScheduleCreate
from prefect.client.schemas.schedules import IntervalSchedule

@flow
def nothing():
    pass

async def main(wait):
    async with get_client() as client:
        print("answered", len(await client.read_flow_runs()), flush=True)
        deployment = await client.create_deployment(
            flow_id=await client.create_flow(nothing), name="often",
            schedules=[DeploymentScheduleCreate(
                schedule=IntervalSchedule(interval=timedelta(minutes=10)), active=True)])
        until = time.monotonic() + wait
        while time.monotonic() < until:
            runs = await client.read_flow_runs()
            if any(run.deployment_id == deployment and run.state.is_scheduled() for run in runs):
                print("scheduled", flush=True)
                return
            await asyncio.sleep(0.5)

asyncio.run(main(float(sys.argv[1])))
"""


def ask() -> list[str]:
    """What a client finds on the server that the environment names."""
    answer = subprocess.run(
        [sys.executable, "-c", CLIENT, str(WAIT)], capture_output=True, text=True,
        timeout=WAIT + 90,
    )  # fmt: skip
    assert answer.returncode == 0, answer.stderr[-3000:]
    return answer.stdout.splitlines()


def test_a_server_answers_and_schedules(tmp_path: Path) -> None:
    with bench_server.prefect_server(tmp_path):
        answers = ask()
    assert answers == ["answered 0", "scheduled"]
    log = (tmp_path / "server.log").read_text()
    assert "InvalidRequestError" not in log
    assert "Traceback" not in log


@pytest.fixture
def postgres(tmp_path: Path) -> Iterator[str]:
    """Address of a PostgreSQL server of this test's own."""
    found = sorted(glob.glob("/usr/lib/postgresql/*/bin")) + [
        str(Path(place).parent) for place in [shutil.which("initdb")] if place
    ]
    if not found:
        pytest.skip("needs a PostgreSQL server (make test-full installs it)")
    with PostgreSQL(Path(found[-1]), tmp_path) as address:
        yield address


class PostgreSQL:
    """A cluster in a folder, listening on loopback; it refuses to run as root, so it does not."""

    def __init__(self, programs: Path, place: Path) -> None:
        self.programs, self.data = programs, place / "cluster"
        self.owner = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
        self.port = bench_server.free_port()

    def __enter__(self) -> str:
        self.data.mkdir()
        if self.owner:
            shutil.chown(self.data, "postgres")
            for folder in (self.data.parent, *self.data.parent.parents):
                if folder.stat().st_uid == 0 and not folder.stat().st_mode & 1:
                    folder.chmod(folder.stat().st_mode | 0o011)
        self._run("initdb", "-D", str(self.data), "-U", "prefect", "--auth=trust", "--no-sync")
        options = (f"-c listen_addresses=127.0.0.1 -c port={self.port} -c fsync=off "
                   f"-c unix_socket_directories={self.data}")  # fmt: skip
        self._run("pg_ctl", "-D", str(self.data), "-w", "-l", str(self.data / "log"),
                  "-o", options, "start")  # fmt: skip
        return f"postgresql+asyncpg://prefect@127.0.0.1:{self.port}/postgres"

    def __exit__(self, *_: object) -> None:
        self._run("pg_ctl", "-D", str(self.data), "-m", "immediate", "stop")

    def _run(self, program: str, *arguments: str) -> None:
        done = subprocess.run([*self.owner, str(self.programs / program), *arguments],
                              cwd=self.data, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                              timeout=120)  # fmt: skip
        assert done.returncode == 0, done.stderr.decode()[-2000:]


@pytest.mark.database
def test_a_server_on_postgresql_does_too(
    tmp_path: Path, postgres: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PREFECT_SERVER_DATABASE_CONNECTION_URL", postgres)
    home = tmp_path / "home"
    home.mkdir()
    with bench_server.prefect_server(home):
        assert ask() == ["answered 0", "scheduled"]
