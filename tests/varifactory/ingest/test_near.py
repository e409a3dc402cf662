"""A copy of a held-out image is known in any bytes; what only looks alike stays."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image
from sklearn.datasets import load_digits

from tests.foreign_images import Pixels, drawn, published, saved
from varifactory.datasets import open_dataset
from varifactory.images import encode_png
from varifactory.ingest.asking import Asked
from varifactory.ingest.publishing import Ingested, ingest
from varifactory.store import Store
from varifactory.world import load_world

CLASSES = tuple(load_world().study_classes[:6])


def smaller(pixels: Pixels) -> bytes:
    side = len(pixels) * 2 // 3
    shrunk = Image.fromarray(pixels).resize((side, side), Image.Resampling.LANCZOS)
    return encode_png(np.asarray(shrunk))


DISGUISES: dict[str, Callable[[Pixels], bytes]] = {
    "q75.jpg": lambda pixels: saved(pixels, "JPEG", quality=75),
    "q50.jpg": lambda pixels: saved(pixels, "JPEG", quality=50),
    "q30.jpg": lambda pixels: saved(pixels, "JPEG", quality=30),
    "q75.webp": lambda pixels: saved(pixels, "WEBP", quality=75),
    "smaller.png": smaller,
    "cut-1.png": lambda pixels: encode_png(pixels[1:-1, 1:-1]),
    "cut-3.png": lambda pixels: encode_png(pixels[3:-3, 3:-3]),
    "mirrored.png": lambda pixels: encode_png(pixels[:, ::-1]),
}


def taken(store: Store, place: Path, files: dict[str, bytes]) -> tuple[Ingested, dict[str, str]]:
    """What an ingest of these files ended in, and the reason of each by its name."""
    for name, data in files.items():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_bytes(data)
    found = ingest(store, Asked(str(place), "theirs", "pets", "a copier"))
    rows = store.rows("foreign", store.specs("foreign")[0]).to_pylist()
    uris = {row["key"]: str(Path(row["uri"]).relative_to(place)) for row in rows
            if row["uri"].startswith(f"{place}/")}  # fmt: skip
    items = open_dataset(store.url, "theirs", found.manifest.version).select(kind="foreign").table()
    return found, {uris[row["edit_key"]]: row["reason"] for row in items.to_pylist()}


def test_every_copy_is_refused_and_no_training_image_is_taken_for_one(tmp_path: Path) -> None:
    store = Store(str(tmp_path / "store"))
    published(store, drawn(tmp_path / "real", CLASSES, train=6, held_out=4), size=96)
    copies, fresh = {}, {}
    for item in open_dataset(store.url, "pets"):
        pixels, name = np.asarray(item.image()), f"{item['label']}/{item['split']}-{item.key[:8]}"
        if item["split"] == "train":
            fresh[f"{name}.png"] = encode_png(pixels)
        else:
            copies |= {f"{name}-{kind}": made(pixels) for kind, made in DISGUISES.items()}
    found, reasons = taken(store, tmp_path / "theirs", {**copies, **fresh})
    assert len(copies) == 2 * 4 * len(CLASSES) * len(DISGUISES)
    assert {name for name, reason in reasons.items() if reason} == copies.keys()
    assert found.classes == dict.fromkeys(CLASSES, 6)
    for split in ("test", "validation"):
        whys = [why for name, why in reasons.items() if f"/{split}-" in name]
        assert all(f" of a {split} image of pets@1: " in why for why in whys)
        mirrored = next(why for name, why in reasons.items() if name.endswith("mirrored.png"))
        assert "it has a likeness of 1.00 to the one with the pixel hash" in mirrored


def digit(values: Pixels) -> Pixels:
    grey = Image.fromarray((values * 15.9).astype(np.uint8))
    return np.asarray(grey.resize((32, 32), Image.Resampling.BICUBIC).convert("RGB"))


def test_other_digits_stay_though_they_are_as_alike_as_copies_of_scenes(tmp_path: Path) -> None:
    digits = load_digits()
    pictures = [(str(label), digit(values)) for values, label in
                zip(digits.images[:240], digits.target, strict=False)]  # fmt: skip
    for number, (label, pixels) in enumerate(pictures[:140]):
        split = "test" if number % 4 == 0 else "train"
        path = tmp_path / "real" / split / label / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encode_png(pixels))
    store = Store(str(tmp_path / "store"))
    published(store, tmp_path / "real", size=32)
    fresh = {f"{label}/{n}.png": encode_png(pixels)
             for n, (label, pixels) in enumerate(pictures[140:])}  # fmt: skip
    copies = {f"{label}/copy-{n}.jpg": saved(pixels, "JPEG", quality=50)
              for n, (label, pixels) in enumerate(pictures[:140:4])}  # fmt: skip
    _, reasons = taken(store, tmp_path / "theirs", {**fresh, **copies})
    assert {name for name, reason in reasons.items() if reason} == copies.keys()
