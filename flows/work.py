"""One chunk of a stage, on the machine of a worker: shards that a run elsewhere has planned.

Runs of it are begun by a run whose recipe says ``run.runner: workers``; it is deployed on
both work pools, ``cpu`` and ``gpu``.
"""

from typing import Any

from prefect import flow
from prefect.runtime import flow_run
from prefect.tasks import Task

from flows.operation.deployed import settle_in
from flows.parameters import StoreUrl
from flows.progress import StageProgress
from flows.runners import shard_results
from flows.runners.chunks import Ended, ended, keep_ends, read_chunk, result_of
from tasks.adapters import adapter_shard
from tasks.edits import edit_shard
from tasks.leakage import leakage_shard
from tasks.masks import mask_shard
from tasks.prompts import prompt_shard
from tasks.sources import source_shard
from tasks.training import training_shard
from tasks.verdicts import verdict_shard
from varifactory.shards import Interrupted, left_of, stopping
from varifactory.store import Store, StoreError

STAGES: dict[str, Task[..., Any]] = {
    "sources": source_shard,
    "leakage": leakage_shard,
    "prompts": prompt_shard,
    "masks": mask_shard,
    "adapters": adapter_shard,
    "edits": edit_shard,
    "verdicts": verdict_shard,
    "training": training_shard,
}
"""What a chunk may ask for; nothing is imported by a name that a store holds."""


@flow(name="work", persist_result=False)
def work(store: StoreUrl, run: str, chunk: str, again: bool = False) -> dict[str, Any]:
    """Work the shards of one chunk off, one after the other; its model stays loaded.

    Args:
        store: Folder or s3://bucket/prefix, as the run that planned it names it.
        run: Id of that run, which rows name as their maker.
        chunk: Name of the chunk among the objects of that run.
        again: It was begun before, so what is finished by now is left out.

    Raises:
        StoreError: there is no such chunk, or no such stage.
        FactoryError: an error of a shard that the user can mend.
    """
    settle_in()
    opened = Store(store)
    asked = read_chunk(opened, run, chunk)
    stage = asked.shards[0].stage
    if stage not in STAGES:
        raise StoreError(f"chunk {chunk!r} of run {run!r} asks for an unknown stage {stage!r}")
    shards = asked.shards
    if again or (flow_run.run_count or 1) > 1:
        shards = left_of(opened, shards)
    progress = StageProgress(stage, sum(shard.items for shard in shards), 0)
    ends: list[Ended] = []
    try:
        for shard, result in shard_results(
            STAGES[stage], asked.recipe, shards, asked.extra, at_a_time=1
        ):
            if isinstance(result, Interrupted):
                raise result  # not an end: another worker goes on
            ends.append(ended(shard.number, result))
            progress.add(shard.items)
    except BaseException as error:
        if not isinstance(error, Exception):
            stopping.set()  # a signal: the shard under way finishes its batch
        raise
    progress.close()
    keep_ends(opened, run, chunk, ends)
    for end in ends:
        if end.kind:
            raise result_of(end)
    return {"shards": len(ends), "items": sum(shard.items for shard in shards)}
