"""What a run says of its pages."""

import logging
from pathlib import Path
from typing import Any

import pytest

from flows.run import FactoryRun
from flows.summary import announce
from varifactory.recipe import Recipe
from varifactory.store import Store

RECIPE = Recipe.model_validate({"name": "toys", "sources": {"kind": "world"}})


def said(gallery: str) -> dict[str, Any]:
    return {
        "counts": {}, "made": 0, "reused": 3, "seconds": 1.0, "dataset_hash": "ab", "saved": None,
        "estimate": None, "dataset": {"name": "toys", "version": 1}, "gallery": gallery,
        "report": "",
    }  # fmt: skip


@pytest.mark.parametrize(
    "gallery", ["s3://team/store/exports/toys/1/gallery/index.html", "/x.html"]
)
def test_a_gallery_in_a_bucket_is_told_with_the_command_that_opens_it(
    gallery: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    run = FactoryRun("generate", RECIPE, Store(str(tmp_path)), "run-1")
    with caplog.at_level(logging.INFO, logger="varifactory"):
        announce(run, said(gallery))
    told = f"see it: varifactory gallery {gallery}"
    assert (told in caplog.messages) == gallery.startswith("s3://")
