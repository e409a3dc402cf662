"""A stage shared out among workers: chunks of shards as runs of the flow ``work``.

What is asked and what became of it lie in the store (``letters``); a flow run carries names alone.
A chunk whose process dies is run again, and finds what was finished.
"""

import itertools
import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import httpx
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.objects import FlowRun
from prefect.deployments import run_deployment
from prefect.exceptions import ObjectNotFound
from prefect.states import Cancelling
from prefect.tasks import Task

from flows.parameters import anywhere
from flows.runners.letters import EVERY, Chunk, ShardError, keep_chunk, read_ends, result_of
from varifactory.errors import FactoryError, RecipeError
from varifactory.recipe import Recipe
from varifactory.shards.planning import ShardRef
from varifactory.shards.working import Interrupted, stopping
from varifactory.store import Store, StoreMissing

log = logging.getLogger("varifactory")

DEPLOYED = {"cpu": "work/work", "gpu": "work/work-gpu"}
"""The deployment of ``work`` on each work pool."""
LOOK = 2.0
"""Seconds between two looks at the runs of all chunks: one request each."""
TRIES = 3
"""Times a chunk is begun before its shards count as not ended."""
SLOW_START = 60.0
"""Seconds after which waiting for a worker is told."""
STUCK = 600.0
"""Seconds after which a run that a worker took and never began is begun anew."""
OFFLINE = 600.0
"""Seconds that Prefect's server may be gone."""
_NUMBERS = itertools.count(1)
"""Of the chunks of this process: a run may share out one stage several times."""


@dataclass(slots=True)
class _Live:
    """A chunk that a worker has, or waits for."""

    name: str
    shards: Sequence[ShardRef]
    pool: str
    begun: float = 0.0
    tries: int = 0
    told: bool = False


def pool_of(work: Task[..., Any]) -> str:
    """Which machines a stage needs: its policy says whether it uses a card."""
    return "gpu" if "gpu" in work.tags else "cpu"


def stays_here(work: Task[..., Any], shards: Sequence[ShardRef]) -> bool:
    """Whether sharing out would only cost: a single shard that needs no card."""
    return len(shards) == 1 and pool_of(work) == "cpu"


def sizes(shards: int, workers: int) -> list[int]:
    """How many shards each chunk takes: large ones first, so that few processes start, and small
    ones last, so that all workers end together."""
    found, least = [], max(1, shards // (8 * workers))
    while shards:
        found.append(min(shards, max(least, -(-shards // (2 * workers)))))
        shards -= found[-1]
    return found


def pool_results(
    work: Task[..., Any], recipe: Recipe, shards: Sequence[ShardRef], extra: Mapping[str, Any]
) -> Iterator[tuple[ShardRef, Any]]:
    """How each shard ended, chunk by chunk as workers of the stage's pool end them.

    Raises:
        RecipeError: Prefect's server knows no deployment of ``work`` on that pool.
    """
    with get_client(sync_client=True) as client:
        url = anywhere(shards[0].store)
        shards = [replace(shard, store=url) for shard in shards]
        office = _Office(client, Store(url), shards[0].run)
        try:
            start = 0
            for size in sizes(len(shards), recipe.run.workers):
                piece = tuple(shards[start : start + size])
                start += size
                chunk = Chunk(recipe=recipe, shards=piece, extra=dict(extra))
                office.begin(f"chunk-{piece[0].stage}-{next(_NUMBERS)}", chunk, pool_of(work))
            while office.live:
                for shard, result in office.look():
                    yield shard, result
                    if isinstance(result, FactoryError):
                        return
        finally:
            office.cancel()


class _Office:
    """The chunks of one stage that are not done yet."""

    def __init__(self, client: SyncPrefectClient, store: Store, run: str) -> None:
        self._client, self._store, self._run = client, store, run
        self._answered = time.monotonic()
        self.live: dict[UUID, _Live] = {}

    def begin(self, name: str, chunk: Chunk, pool: str) -> None:
        """Hand a chunk to whatever worker of a pool is free next."""
        keep_chunk(self._store, name, chunk)
        self._submit(_Live(name, chunk.shards, pool))

    def _submit(self, chunk: _Live) -> None:
        asked: dict[str, Any] = {"store": self._store.url, "run": self._run, "chunk": chunk.name}
        if chunk.tries:
            asked["again"] = True
        try:
            begun = run_deployment(
                DEPLOYED[chunk.pool], parameters=asked, flow_run_name=chunk.name, timeout=0
            )
        except ObjectNotFound:
            raise RecipeError(
                "run.runner is 'workers', and Prefect's server has no deployment "
                f"{DEPLOYED[chunk.pool]}: run `make deploy`, or set run.runner to threads"
            ) from None
        assert isinstance(begun, FlowRun)
        self.live[begun.id] = replace(
            chunk, begun=time.monotonic(), tries=chunk.tries + 1, told=False
        )

    def look(self) -> Iterator[tuple[ShardRef, Any]]:
        """Wait a moment; then the shards of what has ended since."""
        stopping.wait(LOOK)
        if stopping.is_set():
            chunk = self.live[next(iter(self.live))]
            stop = Interrupted("stopped: run the same command again to go on")
            yield chunk.shards[0], stop
            return
        for flow_run in self._flow_runs():
            yield from self._ended(flow_run, self.live[flow_run.id])

    def _flow_runs(self) -> list[FlowRun]:
        try:
            found = [self._client.read_flow_run(each) for each in self.live]
        except httpx.TransportError as error:
            silent = time.monotonic() - self._answered
            if silent > OFFLINE:
                raise
            log.warning("Prefect's server has not answered for %.0f s (%s)", silent, error)
            return []
        self._answered = time.monotonic()
        return found

    def _ended(self, flow_run: FlowRun, chunk: _Live) -> Iterator[tuple[ShardRef, Any]]:
        state = flow_run.state
        if state is None or not state.is_final():
            self._mind(flow_run, chunk)
            return
        try:
            ends = read_ends(self._store, self._run, chunk.name)
        except StoreMissing:
            why = f"{state.name}: {state.message or 'no reason given'}"
            if state.is_cancelled():
                del self.live[flow_run.id]
                yield chunk.shards[0], Interrupted(f"somebody cancelled {flow_run.name}")
            elif chunk.tries < TRIES:
                self._again(flow_run, chunk, why)
            else:
                del self.live[flow_run.id]
                lost = ShardError(f"{flow_run.name} ended {chunk.tries} times, last as {why}")
                yield from ((shard, lost) for shard in chunk.shards)
            return
        del self.live[flow_run.id]
        for shard in chunk.shards:
            if end := ends.get(shard.number, ends.get(EVERY)):
                yield shard, result_of(end)

    def _mind(self, flow_run: FlowRun, chunk: _Live) -> None:
        """Tell when no worker comes; begin anew what a worker took and never began."""
        state, waited = flow_run.state, time.monotonic() - chunk.begun
        if state is None or state.is_running():
            return
        if state.is_pending():
            # However long it waited for a worker before: what counts is since one took it.
            taken = (datetime.now(UTC) - state.timestamp).total_seconds()
            if taken > STUCK and chunk.tries < TRIES:
                self._client.set_flow_run_state(flow_run.id, Cancelling())
                self._again(flow_run, chunk, "Pending: a worker took it and never began")
        elif waited > SLOW_START and not chunk.told:
            chunk.told = True
            log.warning(
                "%s has waited %.0f s for a free worker of the pool %s: start one (make worker)",
                chunk.name, waited, chunk.pool,
            )  # fmt: skip

    def _again(self, flow_run: FlowRun, chunk: _Live, why: str) -> None:
        """A run of its own: Prefect's worker does not stand one that comes back at once."""
        log.warning("%s ended as %s: it is run again", chunk.name, why)
        del self.live[flow_run.id]
        self._submit(chunk)

    def cancel(self) -> None:
        """Let go of what is not done: workers end it after the batch under way."""
        for flow_run, chunk in self.live.items():
            try:
                self._client.set_flow_run_state(flow_run, Cancelling())
            except httpx.HTTPError as error:
                log.warning("%s could not be cancelled: %s", chunk.name, error)
        self.live.clear()
