"""A run that waits for a person, without a process, is not taken for one that was lost."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from prefect.events import emit_event
from prefect.exceptions import Pause
from prefect.runtime import flow_run

WAITS = "varifactory.flow-run.waits"
"""The event; ``deployments/automations.yaml`` expects it among others."""

LATER = 2.0
"""Seconds after which it is said again: a server on SQLite that is busy for a moment puts an event
back, behind those that came after it, and the heartbeat would again be the last one."""


@contextmanager
def told_to_wait() -> Iterator[None]:
    """Tell Prefect's server once more when the block ends as suspended.

    Between the state ``Suspended`` and the end of the process lie some requests, and a heartbeat
    sent among them would be the last that the server hears: the automation that ends lost runs
    counts from each, and does not look at the state. This event comes after it, and stops the
    count.
    """
    try:
        yield
    except Pause:
        _say()
        time.sleep(LATER)
        _say()
        raise


def _say() -> None:
    emit_event(WAITS, resource={"prefect.resource.id": f"prefect.flow-run.{flow_run.id}"})
