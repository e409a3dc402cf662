"""Who works off the shards of a stage: threads, Dask, or workers of Prefect's work pools."""

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from queue import Empty, SimpleQueue
from typing import Any, Protocol

from prefect.futures import PrefectFuture
from prefect.tasks import Task

from flows.runners.chunks import pool_results, stays_here
from varifactory.errors import FactoryError
from varifactory.recipe import Recipe
from varifactory.shards.planning import ShardRef
from varifactory.shards.working import Interrupted, stopping

Results = Iterator[tuple[ShardRef, Any]]
"""How each shard ended, as it ends: what its task said, or the exception it ended in."""

TICK = 1.0
"""Seconds between two looks whether the process was asked to stop."""


class Hands(Protocol):
    """Starts task runs, in threads or elsewhere."""

    def submit(self, work: Task[..., Any], parameters: dict[str, Any]) -> PrefectFuture[Any]:
        """Start one task run."""

    def tick(self) -> None:
        """Called now and then while the run waits for one to end."""


class Threads:
    """Threads of this process, as Prefect starts them."""

    def submit(self, work: Task[..., Any], parameters: dict[str, Any]) -> PrefectFuture[Any]:
        """Start one task run in a thread."""
        future: PrefectFuture[Any] = work.submit(**parameters)
        return future

    def tick(self) -> None:
        """Nothing to do: shards of this process see a stop themselves."""


class Crew:
    """Who works for one run: made with it, started by the first stage that needs them."""

    def __init__(self, recipe: Recipe) -> None:
        self._recipe = recipe
        self._stack = ExitStack()
        self._hands: Hands | None = None

    def results(
        self, work: Task[..., Any], shards: Sequence[ShardRef], extra: Mapping[str, Any]
    ) -> Results:
        """How each shard of a stage ended; no further one is begun once the user must act.

        What the store holds already is said by a thread, whoever works.

        Raises:
            RecipeError: the runner that the recipe names cannot be had.
        """
        runner = self._recipe.run.runner
        if runner == "threads" or not any(shard.missing for shard in shards):
            yield from shard_results(work, self._recipe, shards, extra)
            return
        yield from shard_results(
            work, self._recipe, [shard for shard in shards if not shard.missing], extra
        )
        missing = [shard for shard in shards if shard.missing]
        if runner == "dask":
            yield from shard_results(work, self._recipe, missing, extra, self._dask())
        elif stays_here(work, missing):
            yield from shard_results(work, self._recipe, missing, extra)
        else:
            yield from pool_results(work, self._recipe, missing, extra)

    def close(self) -> None:
        """Send home who was started."""
        self._stack.close()

    def _dask(self) -> Hands:
        if self._hands is None:
            from flows.runners.dask_cluster import cluster

            self._hands = self._stack.enter_context(cluster(self._recipe.run))
        return self._hands


def shard_results(
    work: Task[..., Any],
    recipe: Recipe,
    shards: Sequence[ShardRef],
    extra: Mapping[str, Any],
    hands: Hands | None = None,
    at_a_time: int | None = None,
) -> Results:
    """How each shard ended, ``run.workers`` at a time; no further one if the user must act.

    A shard that did not end gives its exception instead of raising it. ``hands`` are
    threads by default.
    """
    patient = work.with_options(retries=recipe.run.retries)
    hit = work.with_options()
    hit.tags = set()  # what is done must not wait for a slot that limits its tags
    hands = hands or Threads()
    waiting = deque(shards)
    running: dict[PrefectFuture[Any], ShardRef] = {}
    ended: SimpleQueue[PrefectFuture[Any]] = SimpleQueue()
    while waiting or running:
        while waiting and len(running) < (at_a_time or recipe.run.workers):
            shard = waiting.popleft()
            kind = patient if shard.missing else hit
            future = hands.submit(kind, {"recipe": recipe, "shard": shard, **extra})
            running[future] = shard
            future.add_done_callback(ended.put)
        future = _next(ended, hands)
        result = future.result(raise_on_failure=False)
        yield running.pop(future), result
        if isinstance(result, FactoryError):
            waiting.clear()
        elif stopping.is_set() and waiting:
            yield waiting.popleft(), Interrupted("stopped: run the same command again to go on")
            waiting.clear()


def _next(ended: "SimpleQueue[PrefectFuture[Any]]", hands: Hands) -> PrefectFuture[Any]:
    """The next that ends; a signal is let in between two looks."""
    while True:
        try:
            return ended.get(timeout=TICK)
        except Empty:
            hands.tick()
