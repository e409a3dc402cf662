"""A store is read again; what is lost or damaged is hidden, so that the next run makes it anew.

python -m flows.verify [--sample SHARE] [--no-heal] [--store URL] [--json]
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
from flows.run import UNDER_WAY
from varifactory.answering import DEFAULT_STORE, told
from varifactory.store import Store, StoreError, VerifyReport

SHOWN = 1000
"""Findings in the UI's table; the rest are in the answer."""

Share = Annotated[float, Field(ge=0, le=1)]


@flow(name="verify", persist_result=False)
def verify(store: StoreUrl = "", sample: Share = 1.0, heal: bool = True) -> dict[str, Any]:
    """Read all tables and versions of a store again, and hash its images or a share of them.

    Fails where a published data set is damaged, for no run mends that.

    Args:
        store: Folder, or such as s3://team/store; empty takes the worker's VARIFACTORY_STORE.
        sample: Share of the images that are read and hashed; the others must only be there.
        heal: Hide rows whose images are lost or damaged, so that the next run makes them again.
    """
    report = Store(store_url(store)).verify(sample=sample, heal=heal)
    if flow_run.id and report.findings:
        rows = [finding.model_dump() for finding in report.findings[:SHOWN]]
        create_table_artifact(key="findings", table=rows, description="Not as it was written")
    beyond = [finding for finding in report.findings if not finding.healed]
    if beyond and heal:
        error = StoreError(
            f"{len(beyond)} of {len(report.findings)} findings are beyond healing; the first: "
            f"{beyond[0].kind}: {beyond[0].where}: {beyond[0].detail}"
        )
        error.add_note(UNDER_WAY)
        raise error
    return _answer(report)


def _answer(report: VerifyReport) -> dict[str, Any]:
    found = "all is as it was written" if report.whole else f"found: {told(report.counts)}"
    return {
        **report.model_dump(mode="json"),
        "whole": report.whole,
        "counts": report.counts,
        "failed": len(report.findings),
        "lines": [f"checked: {told(report.checked)}", found],
    }


@click.command(help="Read a store again.")
@click.option("--sample", default=1.0, show_default=True, type=click.FloatRange(0, 1),
              metavar="SHARE", help="Share of the images that are hashed.")  # fmt: skip
@click.option("--heal/--no-heal", default=True, show_default=True,
              help="Hide rows whose images are lost or damaged.")  # fmt: skip
@click.option("--store", default=DEFAULT_STORE, show_default=True, metavar="URL",
              envvar="VARIFACTORY_STORE", show_envvar=True)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
def command(sample: float, heal: bool, store: str, as_json: bool) -> None:
    """The flow from the command line."""
    from flows.command import answer

    def ready() -> Callable[[], dict[str, Any]]:
        from flows.verify import verify  # not this very module, which is called __main__

        return partial(verify, store, sample, heal)

    sys.exit(answer(ready, as_json))


if __name__ == "__main__":
    command()
