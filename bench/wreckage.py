"""What a killed run left behind in its store."""

from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq

from varifactory.shards.planning import finished
from varifactory.store import Store
from varifactory.store.rows import blob_columns

Rows = dict[str, list[tuple[str, str]]]
"""Stage -> key and status of every row that counts."""


def rows(url: str | Path) -> Rows:
    """The rows that count in all stages."""
    store = Store(str(url))
    return {
        stage: sorted(
            (row["key"], row["status"])
            for spec in store.specs(stage)
            for row in store.rows(stage, spec, columns=["key", "status"]).to_pylist()
        )
        for stage in store.stages()
    }


def torn(url: str | Path) -> int:
    """Parts, blobs and versions that are not whole, and keys that count twice."""
    store = Store(str(url))
    held = rows(url).values()
    doubled = sum(len(stage) - len({key for key, _ in stage}) for stage in held)
    return len(store.verify(heal=False).findings) + doubled


def orphans(url: str | Path) -> int:
    """Blobs that no row names: what was made and not kept."""
    store = Store(str(url))
    tables = [store.history(stage, spec) for stage in store.stages() for spec in store.specs(stage)]
    named = {
        blob
        for table in tables
        for column in blob_columns(table)
        for blob in table[column].to_pylist()
    }
    return len({path.name for path in Path(url).glob("blobs/sha256/*/*.*")} - named)


def hit(url: str | Path) -> str:
    """Where the run was: in the stage it had planned last, amid a fold of it, or after it."""
    plans = sorted(Path(url).glob("runs/*/plan-*"), key=lambda path: path.stat().st_mtime)
    if not plans:
        return "before the first stage"
    stage = plans[-1].name.split("-")[1]
    shards = [keys for path in plans if path.name.split("-")[1] == stage for keys in _planned(path)]
    store = Store(str(url))
    done = {key for spec in store.specs(stage) for key in finished(store, stage, spec)}
    parts = list(_parts(store, Path(url), stage))
    if any(keys <= done and sum(bool(keys & part) for part in parts) > 1 for keys in shards):
        return f"{stage}, fold"
    return f"after {stage}" if all(keys <= done for keys in shards) else stage


def _planned(path: Path) -> Iterator[set[str]]:
    """Keys of a shard; none where the plan itself was being replaced."""
    if path.suffix == ".parquet":
        yield set(pq.read_table(path, columns=["key"])["key"].to_pylist())


def _parts(store: Store, url: Path, stage: str) -> Iterator[set[str]]:
    """Keys of each part that no fold replaces."""
    for spec in store.specs(stage):
        for ref in store.parts(stage, spec):
            path = url / "stages" / stage / spec / ref.name
            yield set(pq.read_table(path, columns=["key"])["key"].to_pylist())
