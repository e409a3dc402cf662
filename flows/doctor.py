"""Prefect's part of the check-up: python -m flows.doctor [--json]

The store's and the models' part is `varifactory doctor`, which needs no Prefect.
"""

import asyncio
import json
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from importlib import metadata

import click
from packaging.specifiers import SpecifierSet

from flows.command import DONE, FAILED, QUIET_PREFECT, quiet_logs, start_server

PINS = {"prefect": ">=3.8.8,<3.9", "fastapi": ">=0.139,<0.151", "sqlalchemy": ">=2.0,<2.1"}
"""Bounds of pyproject.toml. A newer fastapi answers Prefect's own requests with 422 or does not
start its server; a newer sqlalchemy silently stops its schedules."""


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at, and what to do where it is not well."""

    what: str
    ok: bool
    found: str
    todo: str = ""


def pins() -> list[Check]:
    """The versions that Prefect's server runs with."""
    checks = []
    for name, bounds in PINS.items():
        try:
            version = metadata.version(name)
        except metadata.PackageNotFoundError:
            version = ""
        ok = bool(version) and version in SpecifierSet(bounds)
        todo = "" if ok else f"install {name}{bounds} (make install takes the locked versions)"
        checks.append(Check(name, ok, version or "not installed", todo))
    return checks


def server() -> Check:
    """A server answers: the one that is set, or Prefect's temporary one."""
    from prefect.settings import PREFECT_API_URL

    where = PREFECT_API_URL.value() or "Prefect's temporary server"
    try:
        seconds = start_server()
        runs = asyncio.run(_flow_runs())
    except Exception as error:
        todo = (
            "start it with `prefect server start`, or unset PREFECT_API_URL to use a temporary one"
        )
        return Check("server", False, f"{where}: {type(error).__name__}: {error}", todo)
    started = f", started in {seconds:.1f} s" if seconds else ""
    return Check("server", True, f"{where} answers{started}; it knows {runs} flow runs")


async def _flow_runs() -> int:
    from prefect.client.orchestration import get_client

    async with get_client() as client:
        # With default arguments: the very request that a wrong fastapi answers with 422.
        return len(await client.read_flow_runs())


CHECKS: tuple[Callable[[], list[Check]], ...] = (pins, lambda: [server()])


@click.command(help="Check Prefect's part of the factory.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
def doctor(as_json: bool) -> None:
    """Print each check; exit code 1 where one is not well."""
    import os

    for name, value in QUIET_PREFECT.items():
        os.environ.setdefault(name, value)
    quiet_logs()
    checks = [check for group in CHECKS for check in group()]
    well = all(check.ok for check in checks)
    if as_json:
        click.echo(json.dumps({"ok": well, "checks": [asdict(check) for check in checks]}))
    else:
        for check in checks:
            click.echo(f"{'ok  ' if check.ok else 'MEND'}  {check.what:<11} {check.found}")
            if check.todo:
                click.echo(f"      {check.todo}")
    sys.exit(DONE if well else FAILED)


if __name__ == "__main__":
    doctor()
