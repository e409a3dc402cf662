"""Who works off the shards of a stage, and how many at a time."""

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from prefect.futures import PrefectFuture, as_completed
from prefect.tasks import Task

from varifactory.errors import FactoryError
from varifactory.recipe import Recipe
from varifactory.shards import ShardRef


def shard_results(
    work: Task[..., Any], recipe: Recipe, shards: Sequence[ShardRef], extra: Mapping[str, Any]
) -> Iterator[tuple[ShardRef, Any]]:
    """How each shard ended, ``run.workers`` at a time; no further one if the user must act.

    A shard that did not end gives its exception instead of raising it.
    """
    patient = work.with_options(retries=recipe.run.retries)
    hit = work.with_options()
    hit.tags = set()  # what is done must not wait for a slot that limits its tags
    waiting = deque(shards)
    running: dict[PrefectFuture[Any], ShardRef] = {}
    while waiting or running:
        while waiting and len(running) < recipe.run.workers:
            shard = waiting.popleft()
            kind = patient if shard.missing else hit
            running[kind.submit(recipe, shard, **extra)] = shard
        future = next(as_completed(list(running)))
        result = future.result(raise_on_failure=False)
        yield running.pop(future), result
        if isinstance(result, FactoryError):
            waiting.clear()
