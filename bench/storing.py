"""The local store: durable writes of images, and rows of a large table."""

import os
import time

from bench.figures import folder, show
from varifactory import records
from varifactory.keys import item_key, spec_of
from varifactory.shards.keeping import keep_rows
from varifactory.stages import Made
from varifactory.store import Store

IMAGES = 200
IMAGE_BYTES = 400_000
"""About a PNG of 512 pixels a side."""
ROWS = 100_000
SHARD = 512


def writes(store: Store) -> None:
    """Durable image writes a second, one after another and in batches of 16."""
    blobs = [(os.urandom(IMAGE_BYTES), "png") for _ in range(2 * IMAGES)]
    began = time.perf_counter()
    for blob in blobs[:IMAGES]:
        store.put_blob(*blob)
    middle = time.perf_counter()
    for start in range(IMAGES, 2 * IMAGES, 16):
        store.put_blobs(blobs[start : start + 16])
    ended = time.perf_counter()
    show("durable image writes, one by one", IMAGES / (middle - began), "1/s", IMAGES)
    show("durable image writes, batches of 16", IMAGES / (ended - middle), "1/s", IMAGES, goal=300)


def reads(url: str) -> None:
    """Seconds to read a table of edits: first with nothing in memory, then again."""
    spec = spec_of("edits", {})
    rows = [
        {"key": item_key(spec, n=number), "label": "bird", "status": "ok", "index": number,
         "prompt": f"a photo of a bird in place {number}"}
        for number in range(ROWS)
    ]  # fmt: skip
    writer = Store(url)
    for start in range(0, ROWS, SHARD):
        keep_rows(writer, "edits", spec, "run", [Made(row) for row in rows[start : start + SHARD]])
    for said in ("first", "again"):
        began = time.perf_counter()
        found = Store(url).rows("edits", spec)
        show(f"rows of a table of {len(records.schema('edits'))} columns, {said}",
             time.perf_counter() - began, "s", len(found))  # fmt: skip


def main() -> None:
    """Images, then rows."""
    with folder() as place:
        store = Store(str(place))
        store.prepare()
        writes(store)
        reads(store.url)


if __name__ == "__main__":
    main()
