"""A small published data set of drawn real images, and folders of foreign ones beside it."""

import io
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from PIL import Image

from varifactory import items, records
from varifactory.images import encode_png
from varifactory.keys import spec_of
from varifactory.recipe import Recipe, Sources
from varifactory.sources import list_sources, read_sources, settle, source_fields
from varifactory.store import Manifest, ManifestPart, Store, dataset_hash

CLASSES = ("cat", "dog", "Öwl 猫")
SIDE = 32
SPLITS = {"train": 4, "validation": 2, "test": 3}

Pixels = NDArray[np.uint8]


def picture(*seed: int) -> Pixels:
    """(32, 32, 3): blotches of its own for each seed."""
    small = np.random.default_rng(seed).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    return np.asarray(Image.fromarray(small).resize((SIDE, SIDE), Image.Resampling.BICUBIC))


def saved(pixels: Pixels, kind: str, **how: Any) -> bytes:
    """A picture's file."""
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, kind, **how)
    return stream.getvalue()


def real(folder: Path) -> Path:
    """A folder of real images in three splits."""
    for at, (split, label, number) in enumerate(_places()):
        place = folder / split / label
        place.mkdir(parents=True, exist_ok=True)
        (place / f"{number}.png").write_bytes(encode_png(picture(1, at)))
    return folder


def _places() -> Iterator[tuple[str, str, int]]:
    for split, count in SPLITS.items():
        for label in CLASSES:
            for number in range(count):
                yield split, label, number


def drawn(folder: Path, classes: tuple[str, ...], train: int, held_out: int = 2) -> Path:
    """A folder of pictures of the built-in world, 96 pixels a side."""
    asked = Sources.model_validate({
        "kind": "world", "size": 96, "classes": classes,
        "world": {"train": train, "validation": held_out, "test": held_out},
    })  # fmt: skip
    listing = list_sources("spec", asked)
    for made in read_sources(list(listing.planned), asked):
        place = folder / str(made.row["split"]) / str(made.row["label"])
        place.mkdir(parents=True, exist_ok=True)
        number = str(made.row["uri"]).rpartition("/")[2]
        (place / f"{number}.png").write_bytes(made.blobs["image_blob"])
    return folder


def published(store: Store, folder: Path, name: str = "pets", size: int = SIDE) -> Manifest:
    """A version of the real images of a folder, with their rows and masters, as a run leaves it."""
    store.prepare()
    recipe = Recipe(name=name, sources=Sources(kind="folder", uri=str(folder), size=size))
    fields = source_fields(recipe.sources)
    spec = spec_of("sources", fields)
    listing = list_sources(spec, recipe.sources)
    made = read_sources(list(listing.planned), recipe.sources)
    rows = [
        {**one.row, "image_blob": f"{store.put_blob(one.blobs['image_blob'], 'png')}.png"}
        for one in made
    ]
    run = f"made-{name}"
    store.write_run(run, {"flow": "generate", "recipe": recipe.model_dump(mode="json")})
    store.use_spec(run, "sources", spec, fields)
    store.append("sources", spec, records.table("sources", rows))
    settled = settle(listing, {row["key"]: row for row in rows}, recipe.sources, spec)
    table = records.table("items", items.assemble(settled.rows, [], [], {}, recipe))
    part = store.append("items", spec_of("items", items.item_spec()), table)
    listed = ManifestPart(
        stage="items", spec=spec_of("items", items.item_spec()), name=part.name, rows=part.rows,
        bytes=part.bytes,
    )  # fmt: skip
    return store.publish(
        Manifest(
            name=name, version=store.next_version(name), created_at=datetime.now(UTC), actor="ada",
            recipe=recipe.model_dump(mode="json"), recipe_fingerprint=recipe.fingerprint(),
            dataset_hash=dataset_hash(table), counts={"sources": {"ok": len(rows)}},
            parts=(listed,), run_id=run,
        )
    )  # fmt: skip


def foreign(folder: Path, each: int = 3) -> Path:
    """A folder of so many good foreign images a class."""
    for at, label in enumerate(CLASSES):
        (folder / label).mkdir(parents=True, exist_ok=True)
        for number in range(each):
            (folder / label / f"{number}.png").write_bytes(encode_png(picture(2, at, number)))
    return folder


def foreign_table(path: Path, **columns: list[Any]) -> Path:
    """A Parquet table of one foreign image a class, with further columns."""
    images = [encode_png(picture(2, at, 0)) for at in range(len(CLASSES))]
    pq.write_table(pa.table({"image": images, "label": list(CLASSES), **columns}), path)
    return path
