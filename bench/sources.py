"""Figures of the sources, one JSON object a line: python -m bench.sources"""

import io
import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from bench.photographs import write_photographs
from varifactory.decoding import decode_image
from varifactory.embeddings import Vectors
from varifactory.keys import spec_of
from varifactory.leakage.copies import Pixels, near_copies
from varifactory.leakage.neighbours import find_neighbours
from varifactory.models.registry import clip
from varifactory.recipe import Sources
from varifactory.sources import list_sources, read_sources, source_fields
from varifactory.sources.drawn import draw


def show(figure: str, value: float, unit: str, n: int) -> None:
    """Print one figure."""
    print(json.dumps({"figure": figure, "value": round(value, 4), "unit": unit, "n": n}))


def disguised(pixels: Pixels, rng: np.random.Generator) -> Pixels:
    """A copy: 5 % cut at a random place, mirrored, JPEG of a random quality, resized back."""
    height, width = pixels.shape[:2]
    cut_y, cut_x = round(height * 0.05), round(width * 0.05)
    top, left = int(rng.integers(cut_y + 1)), int(rng.integers(cut_x + 1))
    part = pixels[top : height - cut_y + top, left : width - cut_x + left][:, ::-1]
    stream = io.BytesIO()
    image = Image.fromarray(np.ascontiguousarray(part))
    image.save(stream, "JPEG", quality=int(rng.integers(60, 96)))
    return decode_image(stream.getvalue(), height)


def reading(folder: Path, count: int = 200) -> None:
    """Images read a second, 96 pixels from JPEG files of 512."""
    for path in write_photographs(folder / "photographs"):
        with Image.open(path) as image:
            large = image.convert("RGB").resize((512, 512))
        for number in range(count // 7 + 1):
            target = folder / "set" / path.parent.name / f"{number}.jpg"
            target.parent.mkdir(parents=True, exist_ok=True)
            large.save(target, quality=70 + number % 25)
    settings = Sources.model_validate({"kind": "folder", "uri": str(folder / "set")})
    began = time.perf_counter()
    listing = list_sources(spec_of("sources", source_fields(settings)), settings)
    listed = time.perf_counter()
    made = read_sources(listing.planned, settings)
    show("sources listed", len(made) / (listed - began), "1/s", len(made))
    show("sources read", len(made) / (time.perf_counter() - listed), "1/s", len(made))


def drawn() -> tuple[list[Pixels], list[Pixels]]:
    """Training and test images of the drawn world."""
    settings = Sources.model_validate({"kind": "world", "world": {"validation": 1}})
    listing = list_sources(spec_of("sources", source_fields(settings)), settings)
    pictures: dict[str, list[Pixels]] = {"train": [], "validation": [], "test": []}
    for row in listing.planned:
        pictures[row["split"]].append(draw(row, settings)[0].image)
    return pictures["train"], pictures["test"]


def leaks() -> None:
    """Planted copies found, and unrelated pairs taken for copies, on the drawn world."""
    train, test = drawn()
    began = time.perf_counter()
    false = near_copies(train, test)
    show("leak check", time.perf_counter() - began, "s", len(train) * len(test))
    show("unrelated pairs taken for copies", len(false), "pairs", len(train) * len(test))
    rng = np.random.default_rng(5)
    planted = [disguised(picture, rng) for picture in test[::5]]
    found = {(one, other) for one, other, _ in near_copies(planted, test)}
    hits = sum((number, number * 5) in found for number in range(len(planted)))
    show("planted copies found", hits / len(planted), "share", len(planted))
    show("planted copies taken for others", len(found) - hits, "pairs", len(planted) * len(test))


def neighbour_leaks() -> None:
    """The same for the check among neighbours, with copies in harder disguises."""
    train, test = drawn()
    encoder = clip("small-clip", 1)
    began = time.perf_counter()
    vectors = encoder.embed_images([*train, *test])
    show(
        "embedding, the encoder's loading included", time.perf_counter() - began, "s", len(vectors)
    )
    began = time.perf_counter()
    false = _neighbours(train, vectors[: len(train)], test, vectors[len(train) :])
    show("neighbour check", time.perf_counter() - began, "s", len(train) * len(test))
    show("unrelated pairs taken for neighbours", len(false), "pairs", len(train) * len(test))
    for name, change in HARDER.items():
        copies = [decode_image(_png(change(Image.fromarray(p), n)), p.shape[0])
                  for n, p in enumerate(test[::10])]  # fmt: skip
        found = _neighbours(copies, encoder.embed_images(copies), test, vectors[len(train) :])
        hits = sum((n, 10 * n) in found for n in range(len(copies)))
        show(f"planted copies found, {name}", hits / len(copies), "share", len(copies))


def _neighbours(
    train: list[Pixels], own: Vectors, test: list[Pixels], others: Vectors
) -> set[tuple[int, int]]:
    known = {f"{side}{n}": (pixels, vector)
             for side, both in (("a", (train, own)), ("b", (test, others)))
             for n, (pixels, vector) in enumerate(zip(*both, strict=True))}  # fmt: skip
    first, second = ([{"key": name, "pixel_sha256": name} for name in known if name[0] == side]
                     for side in "ab")  # fmt: skip
    leaks = find_neighbours(
        first,
        second,
        lambda names: np.stack([known[name][1] for name in names]),
        lambda row: known[row["key"]][0],
    )
    return {(int(leak.train_key[1:]), int(leak.test_key[1:])) for leak in leaks}


def _png(image: Image.Image) -> bytes:
    stream = io.BytesIO()
    image.save(stream, "PNG")
    return stream.getvalue()


def _cut(image: Image.Image, share: float, place: int) -> Image.Image:
    width, height = image.size
    left, top = (round(share * side) * at // 2 for side, at in
                 ((width, place % 3), (height, place // 3 % 3)))  # fmt: skip
    return image.crop((left, top, left + width - round(share * width),
                       top + height - round(share * height)))  # fmt: skip


HARDER: dict[str, Callable[[Image.Image, int], Image.Image]] = {
    "cut by 15 %": lambda image, n: _cut(image, 0.15, n),
    "cut by 30 %": lambda image, n: _cut(image, 0.3, n),
    "turned by 7 to 13 degrees": lambda image, n: image.rotate((7, -10, 13, -8)[n % 4],
                                                               Image.Resampling.BICUBIC),
    "grey": lambda image, n: image.convert("L").convert("RGB"),
    "channels swapped": lambda image, n: Image.merge("RGB", image.split()[::-1]),
}  # fmt: skip


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as place:
        reading(Path(place))
    leaks()
    neighbour_leaks()
