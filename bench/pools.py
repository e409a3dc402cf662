"""Work pools, the deployments of ``work`` and real workers on them, for a measurement or a test."""

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench.figures import ROOT
from bench.server import end

LOOK = {"PREFECT_WORKER_QUERY_SECONDS": "1", "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": "30"}
"""Seconds between two looks of a worker at its pool: shorter than ``worker.env``, to wait less."""


def deploy_work(entrypoint: str = "flows.work.work") -> None:
    """Both pools with the deployments of ``work``, named as ``deployments/prefect.yaml`` does."""
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.actions import WorkPoolCreate
    from prefect.flows import Flow
    from prefect.workers.process import ProcessWorker

    from flows.runners.chunks import DEPLOYED
    from flows.work import work

    pull: list[dict[str, Any]] = [
        {"prefect.deployments.steps.set_working_directory": {"directory": str(ROOT)}}
    ]
    deployed: Flow[..., Any] = work
    with get_client(sync_client=True) as client:
        flow = client.create_flow(deployed)
        for pool, name in DEPLOYED.items():
            template = ProcessWorker.get_default_base_job_template()
            client.create_work_pool(
                WorkPoolCreate(name=pool, type="process", base_job_template=template),
                overwrite=True,
            )
            client.create_deployment(
                flow, name.partition("/")[2], work_pool_name=pool, entrypoint=entrypoint,
                pull_steps=pull, enforce_parameter_schema=False,
            )  # fmt: skip


@contextmanager
def workers(
    pools: Sequence[str], logs: Path, **settings: str
) -> Iterator[list["subprocess.Popen[bytes]"]]:
    """A worker process on each pool named, one run at a time each; ended with the block."""
    begun = [_worker(pool, logs / f"worker-{at}.log", settings) for at, pool in enumerate(pools)]
    try:
        yield begun
    finally:
        for worker in begun:
            end(worker)


def _worker(pool: str, log: Path, settings: dict[str, str]) -> "subprocess.Popen[bytes]":
    command = ["-m", "prefect", "worker", "start", "--pool", pool, "--type", "process",
               "--limit", "1", "--name", log.stem]  # fmt: skip
    with open(log, "wb") as file:
        return subprocess.Popen(
            [sys.executable, *command], cwd=ROOT, env={**os.environ, **LOOK, **settings},
            stdout=file, stderr=file, start_new_session=True,
        )  # fmt: skip
