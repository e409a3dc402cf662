"""Prefect's part of the check-up: python -m flows.doctor [--free] [--json]

The rest (packages, models, store) is `varifactory doctor`, which needs no Prefect.
"""

import asyncio
import json
import sys
from dataclasses import asdict

import click

from flows.command import DONE, FAILED, quiet_logs, set_environment, unattended
from flows.operation.server import start_server
from varifactory.doctor import Check


def server() -> Check:
    """A server answers: the one that is set, or Prefect's temporary one."""
    from prefect.settings import PREFECT_API_URL

    where = PREFECT_API_URL.value() or "Prefect's temporary server"
    try:
        seconds = start_server()
        runs = asyncio.run(_flow_runs())
    except Exception as error:
        found = f"{where}: {type(error).__name__}: {error}"
        advice = "run `make server`, or unset PREFECT_API_URL to use a temporary server"
        return Check("server", "trouble", found, advice)
    started = f", started in {seconds:.1f} s" if seconds else ""
    return Check("server", "ok", f"{where} answers{started}; it knows {runs} flow runs")


async def _flow_runs() -> int:
    from prefect.client.orchestration import get_client

    async with get_client() as client:
        # With default arguments: the very request that a fastapi too new answers with 422.
        return len(await client.read_flow_runs())


def shared(*, free: bool) -> list[Check]:
    """Pools, workers, automations, lost runs and limits, of a server that others share."""
    from prefect.client.orchestration import get_client
    from prefect.settings import PREFECT_API_URL

    from flows.operation.checks import checks

    if not PREFECT_API_URL.value():
        return []  # a temporary server has no workers, and forgets its runs' slots with them
    with get_client(sync_client=True) as client:
        return checks(client, free=free)


@click.command(help="Check Prefect's part of the factory.")
@click.option("--free", is_flag=True, help="End lost runs and free slots that nobody uses.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
def doctor(free: bool, as_json: bool) -> None:
    """Say what is in order and what is not; exit code 1 where something is in the way."""
    set_environment()
    quiet_logs()
    with unattended():
        found = [server()]
        if found[0].state == "ok":
            found += shared(free=free)
    trouble = sum(check.state == "trouble" for check in found)
    if as_json:
        click.echo(json.dumps({"checks": [asdict(check) for check in found], "trouble": trouble}))
    else:
        for check in found:
            click.echo(f"{check.state:<8}{check.name}: {check.found}")
            if check.advice:
                click.echo(f"        {check.advice}")
    sys.exit(FAILED if trouble else DONE)


if __name__ == "__main__":
    doctor()
