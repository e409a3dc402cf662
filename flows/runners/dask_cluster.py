"""Shards worked off by Dask: on a cluster that is there, or by processes of this machine."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from prefect.futures import PrefectFuture
from prefect.tasks import Task

from varifactory.errors import RecipeError
from varifactory.recipe import Run
from varifactory.shards.working import stopping

DRAIN = 60.0
"""Seconds that processes get to finish their batch once the run was asked to stop."""

ANSWER = 15
"""Seconds that a scheduler gets to answer."""


class DaskHands:
    """Starts task runs in Dask's processes; a stop reaches those that are the run's own."""

    def __init__(self, runner: Any, own: bool) -> None:
        self._runner, self._own, self._told = runner, own, False

    def submit(self, work: Task[..., Any], parameters: dict[str, Any]) -> PrefectFuture[Any]:
        """Start one task run in whatever process is free."""
        future: PrefectFuture[Any] = self._runner.submit(work, parameters)
        return future

    def tick(self) -> None:
        """Hand on a stop. Others may work on a cluster that is shared, so its shards end first."""
        if stopping.is_set() and self._own and not self._told:
            self._told = True
            self._runner.client.run(_stop)

    def drain(self) -> None:
        """Wait until nobody works any more."""
        until = time.monotonic() + DRAIN
        while any(self._runner.client.processing().values()) and time.monotonic() < until:
            time.sleep(0.1)


@contextmanager
def cluster(run: Run) -> Iterator[DaskHands]:
    """A Dask cluster for one run: that of ``run.cluster``, else ``run.workers`` processes here.

    Raises:
        RecipeError: Dask is not installed, or nobody answers at ``run.cluster``.
    """
    try:
        from prefect_dask.task_runners import DaskTaskRunner
    except ImportError as error:
        raise RecipeError(
            f"run.runner is 'dask', and {error.name or 'prefect_dask'} is not installed: "
            "pip install 'varifactory[run,dask]', or set run.runner to threads or workers"
        ) from error
    runner = DaskTaskRunner(**(_there(run) if run.cluster else _here(run)))
    with runner:
        try:
            runner.client.scheduler_info()
        except (OSError, TimeoutError) as error:
            raise RecipeError(
                f"run.cluster is {run.cluster!r}, and no Dask scheduler answers there: {error}"
            ) from error
        hands = DaskHands(runner, own=not run.cluster)
        try:
            yield hands
        finally:
            hands.tick()
            if stopping.is_set():
                hands.drain()


def _there(run: Run) -> dict[str, Any]:
    return {"address": run.cluster, "client_kwargs": {"timeout": ANSWER}}


def _here(run: Run) -> dict[str, Any]:
    """One thread a process: a model is used by one batch at a time."""
    local = {
        "n_workers": run.workers, "threads_per_worker": 1, "processes": True,
        # Dask would end a process that takes its share of the memory; a model may need more.
        "memory_limit": 0, "dashboard_address": None, "silence_logs": "ERROR",
    }  # fmt: skip
    return {"cluster_kwargs": local}


def _stop() -> None:
    """In a process of Dask: the shard under way ends after its batch."""
    stopping.set()
