"""What every task shares: caching, retries, names, tags, and how a result is reported."""

import platform
from collections.abc import Callable
from typing import Any

from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.runtime import task_run
from prefect.states import Completed

from varifactory.errors import FactoryError
from varifactory.shards.planning import ShardRef
from varifactory.shards.working import Maker, work_shard
from varifactory.stages import Work
from varifactory.store import StoreUnreachable

RETRY_DELAY = 3.0
"""Seconds before a shard is tried again: long enough for a store to answer, short for people."""


def stage(name: str, *, gpu: bool = False) -> dict[str, Any]:
    """Keyword arguments of ``@task`` for a stage.

    Prefect's result cache is off: the store knows what is there, and a second cache could only go
    stale. References are small, so nothing is persisted either.
    """
    return {
        "name": name,
        "task_run_name": name + "-{shard.number}",
        "cache_policy": NO_CACHE,
        "persist_result": False,
        "retries": 1,
        "retry_delay_seconds": RETRY_DELAY,
        "retry_condition_fn": worth_retrying,
        # A tag can be limited, so Prefect asks its server for a slot before each run of the task,
        # which takes seconds while the server is busy: only the tag that is worth a limit.
        "tags": ["gpu"] if gpu else [],
    }


def worth_retrying(task: Any, run: Any, state: State) -> bool:
    """No for errors that the user must mend (a wrong key, a missing model); yes for the rest."""
    try:
        state.result()
    except StoreUnreachable:
        return True  # a network that is gone for a moment
    except FactoryError:
        return False
    except Exception:
        return True
    return True


def run_shard(
    shard: ShardRef,
    work: Maker | Work[Any, Any],
    *,
    batch_size: int,
    ahead: int = 0,
    where: Callable[[], str] = platform.machine,
) -> State[Any]:
    """Work a shard off and report it as a state: ``Cached`` when the store had all of it."""
    if not shard.missing:
        return Completed(name="Cached", message=f"{shard.items} items in the store", data={})
    again = (task_run.run_count or 1) > 1
    outcome = work_shard(
        shard, work, batch_size=batch_size, ahead=ahead, again=again,
        where=where,
    )  # fmt: skip
    counts = dict(outcome.statuses)
    data = {"made": outcome.made, "counts": counts, "lost_blobs": outcome.lost_blobs}
    said = ", ".join(f"{count} {status}" for status, count in sorted(counts.items()))
    return Completed(message=f"made {outcome.made}: {said}", data=data)
