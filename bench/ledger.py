"""Memory over a ledger of a million rows: each look at it in a process of its own."""

import hashlib
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa

from bench.figures import beside, folder, show
from varifactory import records
from varifactory.keys import spec_of
from varifactory.store import Manifest, ManifestPart, PartRef, Store, dataset_hash

ROWS = 1_000_000
SHARD = 512
PLANNED = 100_000
GOAL = 500
"""MB."""
EDITS, ITEMS = spec_of("edits", {}), spec_of("items", {})
TEXTS = {"label": "bird", "attribute": "background", "feasibility": "feasible",
         "prompt": "a photo of a bird on a snow-covered branch in the evening", "value": "snow",
         "editor": "compositor", "run": "5c6a9d1e-run", "device": "x86_64",
         "versions": '{"python": "3.11.9", "torch": "2.9.0", "diffusers": "0.36.0"}'}  # fmt: skip


def _hash(*parts: Any) -> str:
    return hashlib.sha256(repr(parts).encode()).hexdigest()


def rows(stage: str, start: int, count: int) -> pa.Table:
    """Rows as a stage has them: hashes that differ, words that repeat."""
    numbers = range(start, start + count)
    columns = []
    for field in records.schema(stage):
        name = field.name
        values: list[Any] = [None] * count
        if name == "key":
            values = [_hash("edits", n) for n in numbers]
        elif name in ("status", "made_at"):
            values = ["ok" if name == "status" else datetime(2026, 1, 1, tzinfo=UTC)] * count
        elif name.endswith("_blob"):
            values = [f"{_hash(name, n)}.png" for n in numbers]
        elif name.endswith(("_key", "_sha256", "_pixels")):
            values = [_hash(name, n) for n in numbers]
        elif name in TEXTS:
            values = [TEXTS[name]] * count
        columns.append(pa.array(values, field.type))
    return pa.table(columns, schema=records.schema(stage))


def fill(url: str) -> None:
    """A million edits in shards, and a version of as many items."""
    store = Store(url)
    store.prepare()
    for start in range(0, ROWS, SHARD):
        store.append("edits", EDITS, rows("edits", start, min(SHARD, ROWS - start)))
    items = rows("items", 0, ROWS)
    part = store.append("items", ITEMS, items)
    _publish(store, part, dataset_hash(items))


def _publish(store: Store, part: PartRef, held: str) -> None:
    listed = ManifestPart(
        stage="items", spec=ITEMS, name=part.name, rows=part.rows, bytes=part.bytes
    )
    store.publish(
        Manifest(
            name="large", version=1, created_at=datetime.now(UTC), actor="bench", recipe={},
            recipe_fingerprint="bench", dataset_hash=held, counts={}, parts=(listed,), run_id="r",
        )
    )  # fmt: skip


def opening(url: str) -> int:
    """What a reader does: the version is opened, its hash checked, a few rows chosen."""
    from varifactory.datasets import open_dataset

    return len(open_dataset(url, "large").select(status="ok"))


def status(url: str) -> int:
    """What ``varifactory status`` does for each stage."""
    table = Store(url).rows("edits", EDITS, columns=["status"])
    return int(table["status"].value_counts()[0]["counts"].as_py())


def planning(url: str) -> int:
    """What a run does before a stage: which of its items are there?"""
    from varifactory.shards.planning import plan_shards

    planned = [{"key": _hash("edits", 9 * n)} for n in range(PLANNED)]
    return plan_shards(Store(url), "bench", "edits", EDITS, planned, size=SHARD).reused


def reading(url: str) -> int:
    """What a run does after a stage: the rows of its items."""
    keys = {_hash("edits", n) for n in range(PLANNED)}
    return int(Store(url).rows("edits", EDITS, keys=keys).num_rows)


LOOKS: dict[str, Callable[[str], int]] = {
    "opening": opening, "status": status, "planning": planning, "reading": reading,
}  # fmt: skip


def look(what: str, url: str) -> None:
    """One look, and the most memory that this process ever had."""
    began = time.perf_counter()
    found = LOOKS[what](url)
    seconds = time.perf_counter() - began
    lines = Path("/proc/self/status").read_text().splitlines()
    (high,) = [int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM")]
    show(f"memory: {what}, a ledger of {ROWS} rows", high, "MB", found, goal=GOAL,
         seconds=round(seconds, 1))  # fmt: skip


def main() -> None:
    """Fill, then look."""
    with folder() as place:
        beside("bench.ledger", "fill", str(place))
        for what in LOOKS:
            beside("bench.ledger", what, str(place))


if __name__ == "__main__":
    if len(sys.argv) == 1:
        main()
    elif sys.argv[1] == "fill":
        fill(sys.argv[2])
    else:
        look(*sys.argv[1:])
