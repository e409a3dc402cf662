"""Chunks handed out on a real server, where the test does what workers do."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from flows.runners.letters import Chunk, ShardError
from tests.flows.conftest import Make
from varifactory.recipe import Recipe
from varifactory.shards.planning import ShardRef
from varifactory.store import Store


@pytest.fixture
def office(prefect_server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Who hands out, with nobody at work."""
    from prefect.client.orchestration import get_client

    from bench.pools import deploy_work
    from flows.runners import chunks

    deploy_work()
    monkeypatch.setattr(chunks, "LOOK", 0.1)
    store = Store(str(tmp_path / "store"))
    store.prepare()
    with get_client(sync_client=True) as client:
        made = chunks._Office(client, store, "run")
        yield made
        made.cancel()


def begin(office: Any, recipe: Recipe) -> UUID:
    shard = ShardRef(office._store.url, "run", "sources", "a" * 64, 0, 0, 1, 1, 1)
    office.begin("chunk-sources-1", Chunk(recipe=recipe, shards=(shard,), extra={}), "cpu")
    return only(office)


def only(office: Any) -> UUID:
    (run,) = office.live
    assert isinstance(run, UUID)
    return run


def test_a_chunk_that_queued_for_long_is_left_to_the_worker_that_takes_it(
    office: Any, tiny: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    from prefect.states import Pending

    from flows.runners import chunks

    run = begin(office, tiny())
    office.live[run].begun -= 10 * chunks.STUCK
    office._client.set_flow_run_state(run, Pending())
    assert list(office.look()) == []
    assert only(office) == run
    monkeypatch.setattr(chunks, "STUCK", 0.0)
    assert list(office.look()) == []
    assert only(office) != run
    assert office._client.read_flow_run(run).state.is_cancelling()


def test_the_last_of_several_ends_says_why(office: Any, tiny: Make) -> None:
    from prefect.states import Failed

    from flows.runners.chunks import TRIES

    begin(office, tiny())
    for _ in range(TRIES):
        ends = list(office.look())
        assert ends == []
        office._client.set_flow_run_state(only(office), Failed(message="no disk"), force=True)
    ((_, lost),) = office.look()
    assert isinstance(lost, ShardError)
    assert str(lost) == "chunk-sources-1 ended 3 times, last as Failed: no disk"


@pytest.mark.parametrize(("shards", "workers"), [(1, 1), (5, 2), (196, 2), (400, 8), (3, 64)])
def test_chunks_shrink_and_cover_every_shard(shards: int, workers: int) -> None:
    from flows.runners.chunks import sizes

    found = sizes(shards, workers)
    assert sum(found) == shards
    assert found == sorted(found, reverse=True)
    assert len(found) <= 8 * workers + 8
