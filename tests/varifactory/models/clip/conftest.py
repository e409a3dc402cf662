import json
from pathlib import Path

import numpy as np
import open_clip
import pytest
import torch
from safetensors.torch import save_file

from varifactory.models.clip.bases import find_base
from varifactory.models.clip.export import export
from varifactory.models.clip.open_clip import CONFIG, WEIGHTS
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


@pytest.fixture(scope="session")
def paper_like(tmp_path_factory) -> Path:
    """Random weights in the shape of the paper's CLIP, only small: 77 tokens, QuickGELU."""
    folder = tmp_path_factory.mktemp("clip") / "paper-like"
    config = {
        "embed_dim": 32, "quick_gelu": True,
        "vision_cfg": {"image_size": 32, "patch_size": 8, "width": 64, "layers": 2,
                       "head_width": 32},
        "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 32, "heads": 2,
                     "layers": 2},
    }  # fmt: skip
    folder.mkdir()
    torch.manual_seed(3)
    model = open_clip.CLIP(**config)
    (folder / CONFIG).write_text(json.dumps({"model_cfg": config}))
    save_file(model.state_dict(), folder / WEIGHTS)
    return folder
