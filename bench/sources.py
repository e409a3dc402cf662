"""Figures of the sources, one JSON object a line: python -m bench.sources"""

import io
import json
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

from bench.photographs import write_photographs
from varifactory.decoding import decode_image
from varifactory.keys import spec_of
from varifactory.leakage import Pixels, near_copies
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


def leaks() -> None:
    """Planted copies found, and unrelated pairs taken for copies, on the drawn world."""
    settings = Sources.model_validate({"kind": "world", "world": {"validation": 1}})
    listing = list_sources(spec_of("sources", source_fields(settings)), settings)
    pictures: dict[str, list[Pixels]] = {"train": [], "validation": [], "test": []}
    for row in listing.planned:
        pictures[row["split"]].append(draw(row, settings)[0].image)
    train, test = pictures["train"], pictures["test"]
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


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as place:
        reading(Path(place))
    leaks()
