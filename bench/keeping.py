"""Looking after a store of 100,000 images: garbage collection, verify, du; on this disk."""

import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pyarrow as pa

from bench.figures import beside, folder, show
from varifactory.keys import item_key, spec_of
from varifactory.store import Store, names

BLOBS = 100_000
BYTES = 20_000
"""About a PNG of 96 pixels a side."""
SHARD = 512
SPEC = spec_of("edits", {})


def fill(url: str) -> list[str]:
    """Blobs, half of them named by rows of a run; the other half nobody's. Written without fsync,
    for here it is not writing that is measured."""
    import hashlib

    noise = os.urandom(BYTES)

    def write(number: int) -> str:
        data = number.to_bytes(4, "big") + noise
        sha = hashlib.sha256(data).hexdigest()
        path = Path(url) / names.blob(sha, "png")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return f"{sha}.png"

    store = Store(url)
    store.prepare()
    store.write_run("bench", {"actor": "bench"})
    store.use_spec("bench", "edits", SPEC)
    with ThreadPoolExecutor(4) as pool:
        blobs = list(pool.map(write, range(BLOBS)))
    for start in range(0, BLOBS // 2, SHARD):
        some = blobs[start : min(start + SHARD, BLOBS // 2)]
        keys = [item_key(SPEC, blob=blob) for blob in some]
        columns = {"key": keys, "image_blob": some}
        same = {"status": ["ok"] * len(keys), "run": ["bench"] * len(keys)}
        store.append("edits", SPEC, pa.table(columns | same))
    return blobs


def measure(url: str) -> None:
    """One figure each."""
    fill(url)
    store = Store(url)
    began = time.perf_counter()
    store.usage()
    show("du", time.perf_counter() - began, "s", BLOBS)

    began = time.perf_counter()
    found = store.collect()
    show("gc, dry run", time.perf_counter() - began, "s", BLOBS, unneeded=found.count)
    time.sleep(0.1)
    began = time.perf_counter()
    marked = store.collect(delete=True, who="bench").marked
    show("gc, marks", marked / (time.perf_counter() - began), "1/s", marked)
    time.sleep(0.1)
    began = time.perf_counter()
    moved = store.collect(delete=True, grace=0.05, who="bench").moved
    show("gc, moved to the trash", moved / (time.perf_counter() - began), "1/s", moved)
    time.sleep(0.1)
    began = time.perf_counter()
    removed = store.collect(delete=True, grace=0.05, who="bench").removed
    show("gc, removed for good", removed / (time.perf_counter() - began), "1/s", removed)

    began = time.perf_counter()
    report = store.verify()
    seconds = time.perf_counter() - began
    assert report.whole
    read = report.checked["blobs hashed"]
    show("verify, images", read * BYTES / 1e6 / seconds, "MB/s", read)
    show("verify, images of a small size", read / seconds, "1/s", read)
    began = time.perf_counter()
    report = store.verify(sample=0.0)
    rows = report.checked["rows"]
    show("verify, rows alone", rows / (time.perf_counter() - began), "1/s", rows)
    lines = Path("/proc/self/status").read_text().splitlines()
    (high,) = [int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM")]
    show("memory of all of this", high, "MB", BLOBS)


def main() -> None:
    """In a process of its own, whose memory is told."""
    with folder() as place:
        beside("bench.keeping", str(place))


if __name__ == "__main__":
    import sys

    measure(sys.argv[1]) if len(sys.argv) > 1 else main()
