"""What a worker is asked, and what became of it: JSON in the store, beside the run's plans."""

from collections.abc import Iterator, Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict, JsonValue, TypeAdapter, ValidationError

from varifactory.errors import FactoryError
from varifactory.recipe import Recipe
from varifactory.shards.planning import ShardRef
from varifactory.store import Store, StoreError

EVERY = -1
"""Number of an end that all shards of a chunk share: the trouble lay outside of each."""


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


_ENDS = TypeAdapter(list[Ended])


class ShardError(Exception):
    """A shard that did not end, in another process."""


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
        raise _unreadable(f"chunk {name!r} of run {run!r}", error) from None


def keep_ends(store: Store, run: str, name: str, ends: Sequence[Ended]) -> None:
    """Write down how the shards of a chunk ended."""
    store.put_run_object(run, f"{name}-ended.json", _ENDS.dump_json(list(ends)))


def read_ends(store: Store, run: str, name: str) -> dict[int, Ended]:
    """How the shards of a chunk ended, by number; ``EVERY`` for those without one of their own.

    Raises:
        StoreMissing: nothing is written down, so the process died.
        StoreError: a worker of another version of the factory wrote it.
    """
    try:
        ends = _ENDS.validate_json(store.get_run_object(run, f"{name}-ended.json"))
    except ValidationError as error:
        raise _unreadable(f"how chunk {name!r} of run {run!r} ended", error) from None
    return {end.number: end for end in ends}


def _unreadable(what: str, error: ValidationError) -> StoreError:
    wrong = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
    return StoreError(
        f"{what} cannot be read: {wrong}; workers and runs must be of one version of varifactory"
    )


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
