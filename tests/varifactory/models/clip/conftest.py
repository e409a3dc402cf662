from pathlib import Path

import numpy as np
import pytest

from varifactory.models.clip.bases import find_base
from varifactory.models.clip.export import export
from varifactory.world import load_world, render, sample_scene


@pytest.fixture(scope="session")
def in_transformers(tmp_path_factory) -> Path:
    """The weights of small-clip as a folder of transformers."""
    folder = tmp_path_factory.mktemp("clip") / "transformers"
    export(find_base("small-clip"), folder, "transformers")
    return folder


@pytest.fixture(scope="session")
def bases(in_transformers) -> dict[str, str]:
    """The same weights in both libraries' formats, by name."""
    return {"open_clip": "small-clip", "transformers": str(in_transformers)}


@pytest.fixture(scope="session")
def images() -> list[np.ndarray]:
    world = load_world()
    scenes = [sample_scene(world, seed, class_name=world.study_classes[4 * (seed % 3)])
              for seed in range(6)]  # fmt: skip
    return [render(world, scene).image for scene in scenes]
