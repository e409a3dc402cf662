"""What travels between a run and its workers: asked for, ended, and read again."""

import json
from pathlib import Path

import pytest

from flows.runners.letters import (
    EVERY,
    Chunk,
    Ended,
    ShardError,
    ended,
    keep_chunk,
    keep_ends,
    read_chunk,
    read_ends,
    result_of,
)
from tests.flows.conftest import Make
from varifactory.errors import FactoryError, ModelError
from varifactory.shards.planning import ShardRef
from varifactory.store import Store, StoreError


def test_an_error_of_the_whole_work_ends_every_shard(
    tmp_path: Path, tiny: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    import flows.work
    from flows.operation.cards import CardTaken
    from flows.runners.letters import read_ends

    def taken() -> None:
        raise CardTaken("card 0 is used by another worker")

    monkeypatch.setattr(flows.work, "settle_in", taken)
    store = Store(str(tmp_path / "store"))
    with pytest.raises(CardTaken):
        flows.work.work.fn(store.url, "run", "chunk-1")
    told = result_of(read_ends(store, "run", "chunk-1")[EVERY])
    assert type(told) is CardTaken
    assert str(told) == "card 0 is used by another worker"


def test_an_error_keeps_its_kind_between_processes() -> None:
    told = ended(3, ModelError("no such model"))
    back = result_of(Ended.model_validate_json(told.model_dump_json()))
    assert type(back) is ModelError
    assert str(back) == "no such model"
    odd = result_of(ended(3, ZeroDivisionError("by zero")))
    assert isinstance(odd, ShardError)
    assert not isinstance(odd, FactoryError)
    assert str(odd) == "ZeroDivisionError: by zero"


def test_a_chunk_asks_for_nothing_but_stages(tmp_path: Path, tiny: Make) -> None:
    from flows.work import work

    store = Store(str(tmp_path / "store"))
    store.prepare()
    odd = ShardRef(store.url, "run", "os.system", "a" * 64, 0, 0, 1, 1, 1)
    keep_chunk(store, "chunk-odd", Chunk(recipe=tiny(), shards=(odd,), extra={}))
    assert read_chunk(store, "run", "chunk-odd").shards == (odd,)
    with pytest.raises(StoreError, match=r"unknown stage 'os\.system'"):
        work.fn(store.url, "run", "chunk-odd")
    data = json.loads(store.get_run_object("run", "chunk-odd.json"))
    store.put_run_object("run", "chunk-more.json", json.dumps(data | {"module": "os"}).encode())
    with pytest.raises(StoreError, match=r"chunk 'chunk-more'.*module"):
        read_chunk(store, "run", "chunk-more")


def test_an_end_of_another_version_is_told(tmp_path: Path) -> None:
    store = Store(str(tmp_path / "store"))
    keep_ends(store, "run", "chunk-1", [ended(0, {"made": 1})])
    assert read_ends(store, "run", "chunk-1")[0].said == {"made": 1}
    store.put_run_object("run", "chunk-2-ended.json", b'[{"number": 0, "newer": 1}]')
    with pytest.raises(StoreError, match=r"how chunk 'chunk-2'.*newer.*one version"):
        read_ends(store, "run", "chunk-2")
