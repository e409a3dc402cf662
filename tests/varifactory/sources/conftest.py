"""Folders of real images, and the whole way from a place to its sources."""

import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from varifactory.keys import spec_of
from varifactory.recipe import Sources
from varifactory.sources import (
    Listing,
    Settled,
    list_sources,
    read_sources,
    settle,
    source_fields,
)
from varifactory.stages import Made


def picture(number: int, kind: str = "PNG") -> bytes:
    """An image of its own for each number."""
    pixels = np.random.default_rng(number).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    stream = io.BytesIO()
    Image.fromarray(pixels).resize((48, 40)).save(stream, kind)
    return stream.getvalue()


@dataclass
class Result:
    listing: Listing
    made: list[Made]
    settled: Settled

    def by_uri(self, end: str) -> dict[str, Any]:
        return next(row for row in self.settled.rows if row["uri"].endswith(end))


@pytest.fixture(autouse=True)
def storage_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """A bucket's stand-in, which no recipe can name."""
    monkeypatch.setattr("varifactory.sources.folder.PLACES", ("file", "s3", "memory", "locked"))


@pytest.fixture(name="picture")
def picture_fixture() -> Callable[..., bytes]:
    return picture


@pytest.fixture
def gather() -> Callable[..., Result]:
    """List, read in batches of three, and settle."""

    def run(**settings: Any) -> Result:
        recipe = Sources(**{"size": 32, **settings})
        spec = spec_of("sources", source_fields(recipe))
        listing = list_sources(spec, recipe)
        rows = list(listing.planned)
        made = [m for n in range(0, len(rows), 3) for m in read_sources(rows[n : n + 3], recipe)]
        return Result(
            listing, made, settle(listing, {m.row["key"]: m.row for m in made}, recipe, spec)
        )

    return run


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two classes of six images."""
    for index, name in enumerate(("cat", "dog")):
        (tmp_path / "set" / name).mkdir(parents=True)
        for number in range(6):
            (tmp_path / "set" / name / f"{number}.png").write_bytes(picture(index * 100 + number))
    return tmp_path / "set"
