"""Keeping a batch: blobs before the rows that name them."""

import json
import platform
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cache
from importlib import metadata

from varifactory import records
from varifactory.stages import Made
from varifactory.store import Store

LIBRARIES = ("varifactory", "torch", "diffusers", "transformers", "segment-anything",
             "open_clip_torch", "peft", "timm", "numpy", "pillow")  # fmt: skip
"""Whose versions are kept with every row."""


def keep_rows(
    store: Store,
    stage: str,
    spec: str,
    run: str,
    batch: Sequence[Made],
    seconds: float = 0.0,
    device: str = "",
) -> str:
    """Keep a batch, blobs before the rows that name them; the name of the new part.

    ``seconds`` is the batch's wall time, shared out among its rows; ``device`` is where its model
    computed, by default this machine's processor.
    """
    named = _put_blobs(store, batch)
    shared = {
        "made_at": datetime.now(UTC),
        "run": run,
        "seconds": seconds / max(1, len(batch)),
        "device": device or platform.machine(),
        "versions": library_versions(),
    }
    rows = [
        {"reason": "", **made.row, **shared, **blobs}
        for made, blobs in zip(batch, named, strict=True)
    ]
    return store.append(stage, spec, records.table(stage, rows)).name


def _put_blobs(store: Store, batch: Sequence[Made]) -> list[dict[str, str]]:
    """Column -> blob name, a mapping an item."""
    places = [(at, column) for at, made in enumerate(batch) for column in made.blobs]
    hashes = store.put_blobs([(batch[at].blobs[c], _extension(c)) for at, c in places])
    named: list[dict[str, str]] = [{} for _ in batch]
    for (at, column), sha in zip(places, hashes, strict=True):
        named[at][column] = f"{sha}.{_extension(column)}"
    return named


def _extension(column: str) -> str:
    return "safetensors" if column.startswith(("adapter", "bridge", "checkpoint")) else "png"


@cache
def library_versions() -> str:
    """Versions of Python and the libraries, as JSON."""
    found = {}
    for name in LIBRARIES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return json.dumps({"python": platform.python_version(), **found})
