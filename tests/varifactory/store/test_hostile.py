"""What others wrote into a store is refused in words: no crash, no file elsewhere, no memory."""

import io
import json
import os
import resource
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from varifactory.errors import FactoryError
from varifactory.store import PartDamaged, Store, StoreError, names, parts
from varifactory.store.parts import decode, encode
from varifactory.store.rows import BASE

GOOD: dict[str, Any] = {
    "name": "cats", "version": 1, "created_at": "2026-01-02T03:04:05Z", "actor": "ann",
    "recipe": {}, "recipe_fingerprint": "f", "dataset_hash": "a" * 64, "counts": {},
    "parts": [{"stage": "items", "spec": "s", "name": f"part-{'0' * 64}.parquet",
               "rows": 1, "bytes": 9}],
    "run_id": "r",
}  # fmt: skip
ROWS = pa.table({"key": ["a"], "status": ["ok"]})

odd = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=9)
    | st.sampled_from(["../../etc/passwd", "/etc/passwd", "..", "a/b", "con", "x" * 300, "\0",
                       10**30, -1, "part-0.parquet", "s3://other/bucket"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner,
                                                                max_size=3),
    max_leaves=6,
)  # fmt: skip
calm = settings(
    max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture
def opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], set[str]]:
    """Call for the files that were opened below or beside the store, and are not of it."""
    strange: set[str] = set()
    root, real = str(tmp_path / "store"), open

    def watched(path: Any, *more: Any, **named: Any) -> Any:
        place = os.path.realpath(path) if isinstance(path, str | os.PathLike) else ""
        if place and not place.startswith(root):
            strange.add(place)
        return real(path, *more, **named)

    monkeypatch.setattr("varifactory.store.local.open", watched, raising=False)
    return lambda: strange


def asked(store: Store) -> list[str]:
    """What all that reads what others wrote refuses; an error must be one of words."""
    refused = []
    for look in (
        lambda: store.dataset("cats"),
        lambda: store.collect(keep_runs=0),
        lambda: store.verify(heal=False),
        lambda: store.usage(),
        lambda: [store.read_run(run) for run in store.runs()],
        lambda: store.pins(),
        lambda: store.rows("edits", "s"),
        lambda: store.prepare(),
    ):
        try:
            look()
        except FactoryError as error:
            refused.append(str(error))
    return refused


@calm
@given(st.dictionaries(st.sampled_from(sorted(GOOD)), odd, min_size=1, max_size=3), odd)
def test_odd_manifests(
    local: Store, opened: Callable[[], set[str]], change: dict[str, Any], inner: Any
) -> None:
    part = {**GOOD["parts"][0], "name": inner, "stage": inner}
    for content in ({**GOOD, **change}, {**GOOD, "parts": [part]}, {**GOOD, "parts": inner}):
        local.backend.put_over(names.dataset("cats", 1), json.dumps(content).encode())
        asked(local)
    assert not opened()


@calm
@given(odd, st.binary(max_size=60), st.sampled_from(["runs/r.json", "runs/r/ended.json",
       "pins/p.json", "gc/marks-1.json", "store.json", "datasets/cats/1.json",
       "datasets/cats/1.dropped.json"]))  # fmt: skip
def test_odd_records(
    local: Store, opened: Callable[[], set[str]], content: Any, raw: bytes, path: str
) -> None:
    for data in (
        json.dumps(content).encode(),
        json.dumps({"specs": content}).encode(),
        raw or b"{",
    ):
        local.backend.put_over(path, data)
        asked(local)
    assert not opened()
    local.backend.delete(path)


@pytest.mark.parametrize(
    "path",
    ["runs/r.json", "runs/r/ended.json", "pins/p.json", "gc/marks-1.json", "datasets/cats/1.json",
     "store.json"],
)  # fmt: skip
def test_deeply_nested_records(local: Store, path: str) -> None:
    before = asked(local)
    for record in (b'{"a":' * 100_000, b"[" * 100_000 + b"]" * 100_000):
        local.backend.put_over(path, record)
        told = [text for text in asked(local) if text not in before]
        # Marks that cannot be read mark nothing; all else is refused by its name.
        assert all(path in text for text in told)
        assert bool(told) is (path != "gc/marks-1.json")


@pytest.mark.parametrize("path", ["runs/r.json", "pins/p.json", "datasets/cats/1.json"])
def test_huge_records_are_refused_before_they_are_read(local: Store, path: str) -> None:
    local.backend.put_over(path, b"{")
    with open(Path(local.url) / path, "r+b") as file:
        file.truncate(10**10)  # sparse: it takes no disk, and would take 10 GB of memory
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    asked(local)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000


def test_huge_parts_are_refused_before_they_are_read(local: Store) -> None:
    ref = local.append("edits", "s", ROWS)
    parts._RECENT._forget()
    with open(Path(local.url) / names.part("edits", "s", ref.name), "r+b") as file:
        file.truncate(10**10)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(StoreError, match="larger"):
        local.rows("edits", "s")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000


@calm
@given(st.data())
def test_odd_parts(data: st.DataObject) -> None:
    """Bytes that were changed, and bytes that are named rightly and hold something else."""
    name, whole = encode(ROWS, "edits", "s")
    place = data.draw(st.integers(0, len(whole) - 1))
    changed = (
        whole[:place] + bytes([whole[place] ^ data.draw(st.integers(1, 255))]) + whole[place + 1 :]
    )
    with pytest.raises(PartDamaged):
        decode(changed, name, "edits", "s")
    with pytest.raises(PartDamaged):  # the very name of these bytes, which are no part all the same
        decode(changed, named(changed), "masks", "s")


def named(data: bytes) -> str:
    import hashlib

    return f"part-{hashlib.sha256(data).hexdigest()}.parquet"


@calm
@given(odd, odd)
def test_odd_metadata_of_parts(about: Any, replaces: Any) -> None:
    for meta in (about, {"stage": "edits", "spec": "s", "replaces": replaces}):
        sink = io.BytesIO()
        table = BASE.empty_table()
        text = json.dumps(meta).encode()
        pq.write_table(table.replace_schema_metadata({b"varifactory": text}), sink)
        data = sink.getvalue()
        if meta is not about and replaces == []:
            assert decode(data, named(data), "edits", "s").replaces == frozenset()
            continue
        with pytest.raises(PartDamaged):
            decode(data, named(data), "edits", "s")


def test_part_that_unpacks_to_a_thousand_times_its_size(local: Store) -> None:
    """The rows that are read are bounded by what a part may unpack to."""
    big = pa.table({"key": [f"k{n}" for n in range(2000)], "status": ["ok"] * 2000,
                    "prompt": ["x" * 10_000] * 2000})  # fmt: skip
    ref = local.append("edits", "s", big)
    assert ref.bytes < 10**6
    parts._RECENT._forget()
    assert local.rows("edits", "s").num_rows == 2000
