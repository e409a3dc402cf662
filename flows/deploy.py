"""Pools, deployments and automations on a server: python -m flows.deploy

May be run again and again: it sets the server to what ``deployments/`` says.
"""

import os
import subprocess
import sys
from typing import Any

import click
import yaml

from flows.operation.environment import HERE, ROOT, WORKER, apply, server_url
from varifactory.errors import FactoryError

DEPLOYMENTS = ROOT / "deployments" / "prefect.yaml"


class DeployError(FactoryError):
    """Deployments that a server did not take."""


@click.command(help="Set a server to what deployments/ says: pools, deployments, automations.")
@click.option("--notify", default="", envvar="VARIFACTORY_NOTIFY", metavar="NAME",
              help="Variable that holds a webhook's address, or webhook/BLOCK.")  # fmt: skip
def deploy(notify: str) -> None:
    """Deploy all; what became of each, on the screen."""
    apply(WORKER)
    os.environ["PREFECT_API_URL"] = server_url()
    from prefect.settings import PREFECT_API_URL, temporary_settings

    try:
        with temporary_settings({PREFECT_API_URL: server_url()}):
            for line in deployed(notify):
                click.echo(line)
    except FactoryError as error:
        click.echo(f"{type(error).__name__}: {error}", err=True)
        sys.exit(1)


def deployed(notify: str = "") -> list[str]:
    """Create what is missing and set right what is there; a line each.

    Raises:
        DeployError: no server answers, or it refuses a deployment.
        NotifyError: the webhook cannot be found by its name.
    """
    from flows.operation.automations import ensure_automations

    said = [f"pool {name}: {what}" for name, what in ensure_pools().items()]
    _deploy_all()
    said += [f"deployment {name}" for name in names()]
    return said + [
        f"automation {name}: {what}" for name, what in ensure_automations(notify).items()
    ]


def declared() -> dict[str, Any]:
    """``deployments/prefect.yaml`` as it is written."""
    found: dict[str, Any] = yaml.safe_load(DEPLOYMENTS.read_text(encoding="utf-8"))
    return found


def names() -> list[str]:
    """The deployments of the file, ``flow/name`` each."""
    return [
        f"{one['entrypoint'].rsplit('.', 1)[1]}/{one['name']}" for one in declared()["deployments"]
    ]


def ensure_pools() -> dict[str, str]:
    """The pools that the deployments name, of processes on the worker's machine where missing.

    One that is there stays as it is: yours may start containers.
    """
    from httpx import HTTPError
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.actions import WorkPoolCreate
    from prefect.exceptions import ObjectNotFound
    from prefect.workers.process import ProcessWorker

    template = ProcessWorker.get_default_base_job_template()
    became = {}
    with get_client(sync_client=True) as client:
        for name in sorted({one["work_pool"]["name"] for one in declared()["deployments"]}):
            try:
                became[name] = f"kept, of type {client.read_work_pool(name).type}"
            except ObjectNotFound:
                client.create_work_pool(
                    WorkPoolCreate(name=name, type=ProcessWorker.type, base_job_template=template)
                )
                became[name] = f"created, of type {ProcessWorker.type}"
            except HTTPError as error:
                raise DeployError(
                    f"no Prefect server answers at {server_url()} "
                    f"({type(error).__name__}: {error}): start one with make server, or set "
                    "PREFECT_API_URL (and PREFECT_API_AUTH_STRING, if it has a password)"
                ) from error
    return became


def _deploy_all() -> None:
    """By Prefect's own command, which reads the file as its documentation says."""
    # Without the folder of this machine, which would be written into the deployments of all.
    environment = {name: value for name, value in os.environ.items() if name != HERE}
    done = subprocess.run(
        [sys.executable, "-m", "prefect", "--no-prompt", "deploy", "--all",
         "--prefect-file", str(DEPLOYMENTS)],
        cwd=ROOT, env=environment, capture_output=True, text=True,
    )  # fmt: skip
    if done.returncode:
        said = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
        raise DeployError(f"prefect deploy ended with {done.returncode}: {' '.join(said[-1:])}")


if __name__ == "__main__":
    deploy()
