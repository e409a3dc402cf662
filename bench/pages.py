"""Gallery pages over 10,000 edits: how long they take to build, how large they are, how quickly a
browser has one on the screen."""

import io
import os
import statistics
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from bench.figures import folder, show
from tests.browser.chromium import browser, chromium
from varifactory import keys, records
from varifactory.catalog.taxonomy import FEASIBILITIES
from varifactory.datasets import Dataset, open_dataset
from varifactory.exports import export_gallery
from varifactory.gallery.pictures import Pictures
from varifactory.loading import read_blob
from varifactory.store import Manifest, ManifestPart, Store, dataset_hash

EDITS = 10_000
CLASSES = 20
ATTRIBUTES = ("background", "color", "texture")
SIDE = 96
"""Pixels, as in the quickstart."""
LARGE = 512
THUMBNAILS = 200
SEED = 7


def drawn(side: int, dice: np.random.Generator) -> bytes:
    """A PNG of a blob of colour on a noisy ground: no two alike."""
    y, x = np.mgrid[:side, :side] / side - 0.5
    ground = dice.normal(140, 6, (side, side, 3)) + 60 * y[..., None]
    ground[np.hypot(x, y) < dice.uniform(0.2, 0.4)] += dice.uniform(-90, 90, 3)
    return png(ground.clip(0, 255).astype(np.uint8))


def png(pixels: NDArray[np.uint8]) -> bytes:
    """Encoded fast: its size is not what is measured."""
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, format="PNG", compress_level=1)
    return stream.getvalue()


def rows_of(store: Store, edits: int, side: int) -> Iterator[dict[str, Any]]:
    """Sources with six edits each, pictures stored."""
    dice = np.random.default_rng(SEED)
    y, x = np.mgrid[:side, :side] / side - 0.5
    mask = f"{store.put_blob(png((np.hypot(x, y) < 0.3).astype(np.uint8) * 255), 'png')}.png"
    sides = [(attribute, side) for attribute in ATTRIBUTES for side in FEASIBILITIES]
    for number in range(edits // len(sides) + 1):
        shas = store.put_blobs([(drawn(side, dice), "png") for _ in range(len(sides) + 1)])
        blobs = [f"{sha}.png" for sha in shas]
        key = f"{number:064x}"
        shared = {"label": f"class {number % CLASSES}", "split": "train", "source_key": key,
                  "source_blob": blobs[0], "mask_blob": mask, "forced": False,
                  "reason": ""}  # fmt: skip
        yield {**shared, "key": key, "kind": "source", "status": "ok", "image_blob": blobs[0]}
        for at, (attribute, feasibility) in enumerate(sides):
            status = "rejected" if dice.random() < 0.2 else "ok"
            yield {**shared, "key": f"{at + 1}{key[1:]}", "edit_key": f"{at + 1}{key[1:]}",
                   "kind": "edit", "status": status, "attribute": attribute, "value": "red",
                   "feasibility": feasibility, "index": 0, "attempt": 0, "editor": "compositor",
                   "prompt": "a red one", "image_blob": blobs[at + 1], "paired": False,
                   "reason": "attribute not seen" if status == "rejected" else ""}  # fmt: skip


def publish(store: Store, rows: list[dict[str, Any]], version: int) -> Dataset:
    """A version of these rows, opened."""
    table = records.table("items", rows)
    spec = keys.spec_of("items", {})
    part = store.append("items", spec, table)
    listed = ManifestPart(stage="items", spec=spec, name=part.name, rows=part.rows,
                          bytes=part.bytes)  # fmt: skip
    store.publish(Manifest(
        name="many", version=version, created_at=datetime.now(UTC), actor="bench", recipe={},
        recipe_fingerprint="f" * 64, dataset_hash=dataset_hash(table), counts={}, parts=(listed,),
        run_id="bench",
    ))  # fmt: skip
    return open_dataset(store.url, "many", version)


def built(data: Dataset, said: str, edits: int) -> Path:
    """Build a gallery and print the seconds; its folder."""
    began, worked = time.perf_counter(), time.process_time()
    first = Path(export_gallery(data))
    show(f"gallery of {edits} edits, {said}", time.perf_counter() - began, "s", edits,
         processor_seconds=round(time.process_time() - worked, 1))  # fmt: skip
    return first.parent


def main() -> None:
    """Build, build again, build a version with one edit in a hundred changed; then look."""
    with folder() as place:
        os.environ["VARIFACTORY_CACHE"] = str(place / "cache")
        store = Store(str(place / "store"))
        store.prepare()
        rows = list(rows_of(store, EDITS, SIDE))
        pages = built(publish(store, rows, 1), f"{SIDE} pixels, first", EDITS)
        built(open_dataset(store.url, "many", 1), f"{SIDE} pixels, again", EDITS)
        dice = np.random.default_rng(SEED + 1)
        for row in rows[1::100]:
            row["image_blob"] = f"{store.put_blob(drawn(SIDE, dice), 'png')}.png"
        built(publish(store, rows, 2), f"{SIDE} pixels, 1 in 100 new", EDITS)
        sizes = [page.stat().st_size for page in pages.glob("*.html")]
        show("gallery pages", len(sizes), "pages", EDITS)
        show("largest gallery page", max(sizes) / 1e6, "MB", len(sizes))
        loaded(place, pages)
        large(store)


def loaded(place: Path, pages: Path) -> None:
    """Seconds until a page stands in a headless Chromium, all its pictures decoded."""
    if not chromium():
        print("page loads: not measured, no Chromium was found", file=sys.stderr)
        return
    found = [page.relative_to(pages).name for page in sorted(pages.glob("*.html"))]
    with browser(place / "profile") as tab:
        tab.window(1440)
        tab.open(pages / found[0])  # what the browser itself needs to begin is not the page's
        times = []
        for name in found[1::10]:
            began = time.perf_counter()
            tab.open(pages / name)
            shown = tab.ask("Promise.all([...document.images].map(i => i.decode()))"
                            ".then(all => all.length)")  # fmt: skip
            times.append(time.perf_counter() - began)
            assert shown > 0
            assert tab.complaints() == []
        show("gallery page on the screen, median", statistics.median(times), "s", len(times))
        began = time.perf_counter()
        tab.open(pages / found[0], "#status=rejected&attribute=color")
        tab.ask("document.getElementById('shown').textContent")
        show("gallery page opened with a filter", time.perf_counter() - began, "s", 1)


def large(store: Store) -> None:
    """Thumbnails of pictures as diffusion makes them: decoding is what costs."""
    dice = np.random.default_rng(SEED)
    blobs = store.put_blobs([(drawn(LARGE, dice), "png") for _ in range(THUMBNAILS)])
    rows = [{"image_blob": f"{sha}.png"} for sha in blobs]
    began = time.perf_counter()
    Pictures(partial(read_blob, store)).fetch(rows, [])
    show(f"thumbnails of {LARGE} pixels", THUMBNAILS / (time.perf_counter() - began), "1/s",
         THUMBNAILS)  # fmt: skip


if __name__ == "__main__":
    main()
