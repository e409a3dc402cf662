"""One chunk of a stage, on the machine of a worker: shards that a run elsewhere has planned.

Runs of it are begun by a run whose recipe says ``run.runner: workers``; it is deployed on
both work pools, ``cpu`` and ``gpu``.
"""

import logging
from typing import Any

from prefect import flow
from prefect.runtime import flow_run
from prefect.tasks import Task

from flows.operation.deployed import settle_in
from flows.parameters import StoreUrl
from flows.progress import StageProgress
from flows.runners import shard_results
from flows.runners.letters import EVERY, Chunk, Ended, ended, keep_ends, read_chunk, result_of
from tasks.adapters import adapter_shard
from tasks.edits import edit_shard
from tasks.embeddings import embedding_shard
from tasks.leakage import leakage_shard
from tasks.masks import mask_shard
from tasks.prompts import prompt_shard
from tasks.sources import source_shard
from tasks.training import training_shard
from tasks.verdicts import verdict_shard
from varifactory.errors import FactoryError
from varifactory.shards.planning import left_of
from varifactory.shards.working import Interrupted, stopping
from varifactory.store import Store, StoreError

log = logging.getLogger("varifactory")

STAGES: dict[str, Task[..., Any]] = {
    "sources": source_shard,
    "leakage": leakage_shard,
    "prompts": prompt_shard,
    "masks": mask_shard,
    "adapters": adapter_shard,
    "edits": edit_shard,
    "verdicts": verdict_shard,
    "embeddings": embedding_shard,
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
        FactoryError: an error that the user can mend, of a shard or of this worker.
    """
    opened = Store(store)
    try:
        settle_in()
        asked = read_chunk(opened, run, chunk)
        ends = _worked_off(opened, asked, again or (flow_run.run_count or 1) > 1)
        keep_ends(opened, run, chunk, ends)
    except Interrupted:
        raise  # not an end: another worker goes on
    except FactoryError as error:
        _tell(opened, run, chunk, error)
        raise
    for end in ends:
        if end.kind:
            raise result_of(end)
    return {"shards": len(ends), "items": sum(shard.items for shard in asked.shards)}


def _worked_off(store: Store, asked: Chunk, again: bool) -> list[Ended]:
    shards = asked.shards
    stage = shards[0].stage
    if stage not in STAGES:
        raise StoreError(f"a chunk of run {shards[0].run!r} asks for an unknown stage {stage!r}")
    if again:
        shards = left_of(store, shards)
    progress = StageProgress(stage, sum(shard.items for shard in shards), 0)
    ends: list[Ended] = []
    try:
        for shard, result in shard_results(
            STAGES[stage], asked.recipe, shards, asked.extra, at_a_time=1
        ):
            if isinstance(result, Interrupted):
                raise result
            ends.append(ended(shard.number, result))
            progress.add(shard.items)
    except BaseException as error:
        if not isinstance(error, Exception):
            stopping.set()  # a signal: the shard under way finishes its batch
        raise
    progress.close()
    return ends


def _tell(store: Store, run: str, chunk: str, error: FactoryError) -> None:
    """Leave the reason where the run that waits looks for it; without it, it would try again."""
    try:
        keep_ends(store, run, chunk, [ended(EVERY, error)])
    except (FactoryError, OSError) as trouble:
        log.warning("how %s ended could not be written down: %s", chunk, trouble)
