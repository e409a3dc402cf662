"""A stage shared out among workers: chunks of shards as runs of the flow ``work``.

What is asked and what became of it lie in the store as JSON, beside the run's plans; a flow run
carries names alone. A chunk whose process dies is run again, and finds what was finished.
"""

import itertools
import json
import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

import httpx
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.objects import FlowRun
from prefect.deployments import run_deployment
from prefect.exceptions import ObjectNotFound
from prefect.states import Cancelling
from prefect.tasks import Task
from pydantic import BaseModel, ConfigDict, JsonValue, ValidationError

from varifactory.errors import FactoryError, RecipeError
from varifactory.recipe import Recipe
from varifactory.shards import Interrupted, ShardRef, stopping
from varifactory.store import Store, StoreError, StoreMissing

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


class Chunk(BaseModel):
    """Shards of one stage for one worker, as they lie in the store."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    recipe: Recipe
    shards: tuple[ShardRef, ...]
    extra: dict[str, JsonValue]


class Ended(BaseModel):
    """How one shard of a chunk ended: what its task said, or the error it ended in."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    number: int
    said: dict[str, JsonValue] | None = None
    kind: str = ""
    error: str = ""


class ShardError(Exception):
    """A shard that did not end, in another process."""


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


def keep_chunk(store: Store, name: str, chunk: Chunk) -> None:
    """Write down what a worker is asked."""
    store.put_run_object(chunk.shards[0].run, f"{name}.json", chunk.model_dump_json().encode())


def read_chunk(store: Store, run: str, name: str) -> Chunk:
    """What a worker is asked.

    Raises:
        StoreError: there is no such chunk, or it is none of this version of the factory.
    """
    try:
        return Chunk.model_validate_json(store.get_run_object(run, f"{name}.json"))
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        raise StoreError(f"chunk {name!r} of run {run!r} cannot be read: {wrong}") from None


def keep_ends(store: Store, run: str, name: str, ends: Sequence[Ended]) -> None:
    """Write down how the shards of a chunk ended."""
    data = json.dumps([end.model_dump() for end in ends]).encode()
    store.put_run_object(run, f"{name}-ended.json", data)


def ended(number: int, result: Any) -> Ended:
    """A shard's end as JSON, whether a result or an exception."""
    if isinstance(result, BaseException):
        return Ended(number=number, kind=type(result).__name__, error=str(result)[:4000])
    return Ended(number=number, said=result or {})


def result_of(end: Ended) -> Any:
    """A shard's end as it was in the process that had it; an error's kind is kept if it is ours."""
    if not end.kind:
        return end.said
    ours = {kind.__name__: kind for kind in _kinds(FactoryError)}
    kind = ours.get(end.kind)
    if kind is None:
        return ShardError(f"{end.kind}: {end.error}")
    error = kind.__new__(kind)
    Exception.__init__(error, end.error)
    return error


def _kinds(base: type[FactoryError]) -> Iterator[type[FactoryError]]:
    yield base
    for kind in base.__subclasses__():
        yield from _kinds(kind)


def pool_results(
    work: Task[..., Any], recipe: Recipe, shards: Sequence[ShardRef], extra: Mapping[str, Any]
) -> Iterator[tuple[ShardRef, Any]]:
    """How each shard ended, chunk by chunk as workers of the stage's pool end them.

    Raises:
        RecipeError: Prefect's server knows no deployment of ``work`` on that pool.
    """
    with get_client(sync_client=True) as client:
        office = _Office(client, Store(shards[0].store), shards[0].run)
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
        state, waited = flow_run.state, time.monotonic() - chunk.begun
        if state is None or not state.is_final():
            self._mind(flow_run, chunk, waited)
            return
        try:
            ends = json.loads(self._store.get_run_object(self._run, f"{chunk.name}-ended.json"))
        except StoreMissing:
            if state.is_cancelled():
                del self.live[flow_run.id]
                yield chunk.shards[0], Interrupted(f"somebody cancelled {flow_run.name}")
            elif chunk.tries < TRIES:
                self._again(flow_run, chunk, f"{state.name}: {state.message}")
            else:
                del self.live[flow_run.id]
                lost = ShardError(f"{flow_run.name} ended {chunk.tries} times as {state.name}")
                yield from ((shard, lost) for shard in chunk.shards)
            return
        del self.live[flow_run.id]
        by_number = {end.number: result_of(end) for end in map(Ended.model_validate, ends)}
        for shard in chunk.shards:
            if shard.number in by_number:
                yield shard, by_number[shard.number]

    def _mind(self, flow_run: FlowRun, chunk: _Live, waited: float) -> None:
        """Tell when no worker comes; begin anew what a worker took and never began."""
        state = flow_run.state
        if state is None or state.is_running():
            return
        if state.is_pending() and waited > STUCK and chunk.tries < TRIES:
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
