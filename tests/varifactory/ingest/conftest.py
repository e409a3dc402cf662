"""A store with real images, beside which foreign ones are taken in."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.foreign_images import foreign, published, real
from varifactory.ingest.asking import Asked
from varifactory.ingest.publishing import Ingested, ingest
from varifactory.store import Store

Take = Callable[..., Ingested]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    found = Store(str(tmp_path / "store"))
    published(found, real(tmp_path / "real"))
    return found


@pytest.fixture
def theirs(tmp_path: Path) -> Path:
    return foreign(tmp_path / "theirs")


@pytest.fixture
def take(store: Store, theirs: Path) -> Take:
    """Take images in, those of ``theirs`` unless told otherwise."""

    def run(place: str | Path = theirs, **asked: Any) -> Ingested:
        usual = {"name": "theirs", "beside": "pets", "generator": "sd-xl"}
        return ingest(store, Asked(str(place), **{**usual, **asked}), actor="bob")

    return run
