"""Tiny checkpoints of every family, saved once a session, and jobs for them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests import tiny_pipelines
from varifactory.catalog import load_catalog
from varifactory.models import InpaintingJob
from varifactory.models.checkpoints import find
from varifactory.models.edits.diffusion import DiffusersInpainter
from varifactory.models.edits.families import families
from varifactory.models.edits.loading import Setup
from varifactory.recipe import Checkpoint

Tiny = Callable[..., Path]
Build = Callable[..., DiffusersInpainter]


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Tiny:
    """Folder of a tiny checkpoint, by the family's name."""
    folders: dict[Any, Path] = {}

    def saved(family: str, **options: Any) -> Path:
        key = (family, *sorted(options.items()))
        if key not in folders:
            folder = tmp_path_factory.mktemp("checkpoint") / family
            folders[key] = getattr(tiny_pipelines, family.replace("-", "_"))(folder, **options)
        return folders[key]

    return saved


@pytest.fixture(scope="session")
def build(tiny: Tiny) -> Build:
    """An inpainter over a tiny checkpoint, through the real loader; nothing is loaded yet."""

    def built(
        family: str, *, folder: Path | None = None, dtype: str = "float32",
        options: Any = None, **setup: Any,
    ) -> DiffusersInpainter:  # fmt: skip
        folder = folder or tiny(family, **(options or {}))
        found = find(Checkpoint(name=str(folder), dtype=dtype), "edits.checkpoint")
        setup = {"batch": 4, "side": tiny_pipelines.SIDE, **setup}
        return DiffusersInpainter(families()[family], found, Setup(**setup))

    return built


@pytest.fixture(scope="session")
def job() -> Callable[..., InpaintingJob]:
    """A job of two quick steps on a picture of noise."""

    def made(number: int = 0, *, kind: str = "inpaint", size: tuple[int, int] = (32, 32),
             prompt: str = "", **settings: Any) -> InpaintingJob:  # fmt: skip
        height, width = size
        rng = np.random.default_rng(number)
        mask = np.zeros(size, bool)
        mask[height // 4 : -height // 4, width // 4 : -width // 4] = True
        return InpaintingJob(
            image=rng.integers(0, 255, (height, width, 3), dtype=np.uint8),
            object_mask=mask,
            region=mask if kind == "inpaint" else np.ones_like(mask),
            class_name="cat",
            attribute=load_catalog().attribute("color"),
            value="red",
            prompt=prompt or f"a red cat of kind {number}",
            seed=number,
            settings={"steps": 2, "guidance": 2.0, **settings},
            kind=kind,
        )

    return made
