"""The pins of fastapi and sqlalchemy hold: a server starts, answers, and keeps its schedules.

A newer fastapi lets the server answer its own requests with 422, or not start at all; a newer
sqlalchemy stops its schedules, and nothing shows it but runs that never come.
"""

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import yaml

from bench import outages, wreckage
from bench import server as bench_server
from bench.postgres import Cluster, NoPostgres, cluster
from tests.flows.conftest import TINY

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


@pytest.fixture(scope="module")
def database() -> Iterator[Cluster]:
    """A PostgreSQL server of these tests' own, and Prefect's server on it."""
    with ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="database-")))
        try:
            running = stack.enter_context(cluster())
        except NoPostgres as missing:
            pytest.skip(str(missing))
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        patch.setenv("PREFECT_SERVER_DATABASE_CONNECTION_URL", running.address)
        stack.enter_context(bench_server.prefect_server(home))
        yield running


@pytest.mark.database
def test_a_server_on_postgresql_does_too(database: Cluster) -> None:
    assert ask() == ["answered 0", "scheduled"]


@pytest.mark.database
def test_a_run_outlasts_a_database_that_is_gone_for_seconds(
    database: Cluster, tmp_path: Path
) -> None:
    recipe = tmp_path / "tiny.yaml"
    recipe.write_text(yaml.safe_dump(TINY))
    command = outages.start(recipe, tmp_path / "store")
    outages.wait_for_rows(tmp_path / "store")
    outages.gone(database, 5)
    said = outages.completed(command)
    assert said["code"] == 0, said
    calm = outages.completed(outages.start(recipe, tmp_path / "calm"))
    assert said["dataset_hash"] == calm["dataset_hash"]
    assert wreckage.rows(tmp_path / "store") == wreckage.rows(tmp_path / "calm")
    assert database.ask("select count(*) from flow_run where state_type = 'RUNNING'") == "0\n"
