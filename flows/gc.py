"""What no data set, pin or recent run needs is collected, a grace period after it was marked.

python -m flows.gc [--delete] [--grace DAYS] [--keep-runs DAYS] [--store URL] [--json]
"""

import sys
from collections.abc import Callable
from functools import partial
from typing import Annotated, Any

import click
from prefect import flow
from prefect.artifacts import create_table_artifact
from prefect.runtime import flow_run
from pydantic import Field

from flows.parameters import StoreUrl, store_url
from varifactory.actor import actor
from varifactory.answering import DEFAULT_STORE
from varifactory.store import Store

DAY = 24 * 3600.0

Days = Annotated[float, Field(ge=0, le=3650)]


@flow(name="gc", persist_result=False)
def gc(
    store: StoreUrl = "", delete: bool = False, grace_days: Days = 7.0, keep_runs_days: Days = 90.0
) -> dict[str, Any]:
    """Say what nothing needs; with delete mark it, and move away what was marked long enough ago.

    Args:
        store: Folder, or such as s3://team/store; empty takes the worker's VARIFACTORY_STORE.
        delete: Off is a dry run, which writes nothing; on needs a role that may delete.
        grace_days: How long a mark must stand before anything moves to trash/, and how long it
            then lies there; below two days only while nobody writes.
        keep_runs_days: How long all that a run worked with is kept.
    """
    found = Store(store_url(store)).collect(
        delete=delete, grace=grace_days * DAY, keep_runs=keep_runs_days * DAY, who=actor()
    )
    if flow_run.id and found.unneeded:
        rows = [tally.model_dump() for tally in found.unneeded]
        create_table_artifact(key="not-needed", table=rows, description="What nothing needs")
    told = found.model_dump(mode="json")
    done = f"marked {found.marked}, moved {found.moved}, removed {found.removed}"
    lines = [
        f"not needed: {found.count} objects, {found.bytes / 1e6:.1f} MB",
        done if delete else "dry run: nothing was written",
    ]
    return {**told, "count": found.count, "bytes": found.bytes, "lines": lines}


@click.command(help="Collect what no data set, pin or recent run needs.")
@click.option("--delete", is_flag=True, help="Mark, and move what was marked long ago.")
@click.option("--grace", default=7.0, show_default=True, metavar="DAYS")
@click.option("--keep-runs", default=90.0, show_default=True, metavar="DAYS")
@click.option("--store", default=DEFAULT_STORE, show_default=True, metavar="URL",
              envvar="VARIFACTORY_STORE", show_envvar=True)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
def command(delete: bool, grace: float, keep_runs: float, store: str, as_json: bool) -> None:
    """The flow from the command line."""
    from flows.command import answer

    def ready() -> Callable[[], dict[str, Any]]:
        from flows.gc import gc  # not this very module, which is called __main__

        return partial(gc, store, delete, grace, keep_runs)

    sys.exit(answer(ready, as_json))


if __name__ == "__main__":
    command()
