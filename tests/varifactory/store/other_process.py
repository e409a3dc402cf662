"""Another process at the same store: ``other_process.py WHAT URL NAME``.

race     make the same 12 items as everyone else, and publish version 1 as NAME
studies  register a plan and put studies of the one data set, some NAME's own, until killed
read     read the winners again and again until standard input closes
write    write blobs and parts without end, to be killed
churn    for NAME seconds make, hide and make again the same few items, folding now and then
collect  collect garbage again and again with NAME seconds of grace, to be killed
fill     write blobs until the file size limit of NAME bytes is met
"""

import hashlib
import json
import resource
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime

import pyarrow as pa

from varifactory.store import (
    Manifest,
    ManifestPart,
    Store,
    StoreFull,
    StudyCell,
    StudyManifest,
    VersionTaken,
    backend,
    parts,
)


def race(store: Store, name: str) -> None:
    """Every process writes the same pixels but its own name into the row."""
    print("ready", flush=True)
    sys.stdin.readline()
    for index in range(12):
        sha = store.put_blob(b"image" * 1000 + bytes([index]), "png")
        row = {"key": f"k{index:02}", "status": "ok", "image_blob": f"{sha}.png", "who": name}
        store.append("edits", "s", pa.Table.from_pylist([row]))
    table = store.rows("edits", "s", ["key", "who"]).to_pylist()
    answer = {"rows": len(table)}
    for dataset, content in (("disputed", name), ("agreed", "same content")):
        try:
            answer[dataset] = store.publish(manifest(store, dataset, name, content)).actor
        except VersionTaken:
            answer[dataset] = "refused"
    print(json.dumps(answer), flush=True)


def manifest(store: Store, dataset: str, who: str, content: str) -> Manifest:
    part = store.parts("edits", "s")[0]
    return Manifest(
        name=dataset,
        version=1,
        created_at=datetime.now(UTC),
        actor=who,
        recipe={},
        recipe_fingerprint="f",
        dataset_hash=hashlib.sha256(content.encode()).hexdigest(),
        counts={},
        parts=(
            ManifestPart(stage="edits", spec="s", name=part.name, rows=part.rows, bytes=part.bytes),
        ),
        run_id=who,
    )


def studies(store: Store, name: str) -> None:
    """One study that everyone puts, then ever more of this process's own."""
    print("ready", flush=True)
    sys.stdin.readline()
    for index in range(10**6):
        who = name if index else "everyone"
        plan = store.register_plan("pets", {"margin": 0.005, "of": who, "index": index})
        held = store.put_study(study(store, plan, name))
        store.put_study_file("pets", held.version, f"{name}.txt", b"beside")
        if index < 4:
            print(json.dumps({"version": held.version, "actor": held.actor}), flush=True)


def study(store: Store, plan: dict[str, object], who: str) -> StudyManifest:
    held = store.dataset("cats", 1)
    cells = store.rows("training", "s").to_pylist()
    return StudyManifest(
        name="pets",
        version=1,
        created_at=datetime.now(UTC),
        actor=who,
        run_id="r1",
        recipe={},
        plan=plan,
        datasets=({"name": "cats", "version": 1, "dataset_hash": held.dataset_hash},),
        cells=tuple(
            StudyCell(
                trainee="clip-lora", arm=row["arm"], seed=row["seed"], name="cats", version=1,
                spec="s", key=row["key"],
            )
            for row in cells
        ),
        specs={"training/s": {}},
        provenance={},
        study_hash="",
    )  # fmt: skip


def read(store: Store, name: str) -> None:
    """Counts how many keys each read saw, with nothing remembered between reads."""
    print("ready", flush=True)
    counts: set[int] = set()
    deadline = time.monotonic() + float(name)
    while time.monotonic() < deadline:
        parts._RECENT._forget()
        counts.add(len(store.rows("edits", "s", ["key"])))
    print(json.dumps(sorted(counts)), flush=True)


def write(store: Store, name: str) -> None:
    for index in range(10**6):
        data = bytes(range(256)) * 8192 + f"{name}-{index}".encode()
        sha = store.put_blob(data, "png")
        row = {"key": f"{name}-{index}", "status": "ok", "image_blob": f"{sha}.png"}
        store.append("edits", "s", pa.Table.from_pylist([row]))
        if not index:
            print("ready", flush=True)


def churn(store: Store, name: str) -> None:
    """Blobs become orphans, and are put again right before a row names them again."""
    backend.YOUNG = 0.0
    spec, index = "a" * 64, 0
    store.write_run("churn", {})
    store.use_spec("churn", "edits", spec)
    print("ready", flush=True)
    deadline = time.monotonic() + float(name)
    while time.monotonic() < deadline or index < 12:  # a busy machine takes longer
        key = f"k{index % 5}"
        sha = store.put_blob(f"image {key}".encode() * 100, "png")
        store.append("edits", spec, pa.table({"key": [key], "status": ["ok"],
                                              "image_blob": [f"{sha}.png"]}))  # fmt: skip
        if index % 3 == 2:
            store.invalidate("edits", spec, [key], "again")
            time.sleep(0.1)
        if index % 7 == 6:
            store.fold("edits", spec, [part.name for part in store.parts("edits", spec)])
        index += 1
    print(index, flush=True)


def collect(store: Store, name: str) -> None:
    """Collect with NAME seconds of grace, again and again, to be killed."""
    print("ready", flush=True)
    while True:
        store.collect(delete=True, grace=float(name))


def fill(store: Store, name: str) -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(name), int(name)))
    store.put_blob(b"fits", "png")
    try:
        store.put_blob(b"x" * (int(name) + 1), "png")
    except StoreFull as error:
        print(error, flush=True)


WORK: dict[str, Callable[[Store, str], None]] = {
    "race": race,
    "studies": studies,
    "read": read,
    "write": write,
    "churn": churn,
    "collect": collect,
    "fill": fill,
}
if __name__ == "__main__":
    WORK[sys.argv[1]](Store(sys.argv[2]), sys.argv[3])
