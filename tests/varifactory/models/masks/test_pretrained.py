"""What transformers loads: safetensors alone, every tensor there, refusals in words."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from varifactory.errors import ModelError
from varifactory.models.checkpoints import Found
from varifactory.models.masks.pretrained import load
from varifactory.models.masks.sam2 import KINDS
from varifactory.models.weight_hashes import files_hash


@pytest.fixture
def folder(sam2_folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(sam2_folder, tmp_path / "sam2"))


def loaded(folder: Path, model: str = "Sam2Model", kinds: tuple[str, ...] = KINDS):
    found = Found("masks.checkpoint", str(folder), "", files_hash(folder), "", "float32")
    return load(found, model, "Sam2Processor", kinds)


def test_a_model_is_given_ready_without_gradients(folder):
    import torch

    model, processor = loaded(folder)
    assert not model.training
    assert not any(one.requires_grad for one in model.parameters())
    assert {one.dtype for one in model.parameters()} == {torch.float32}
    pictures = processor(images=[np.zeros((8, 9, 3), np.uint8)], return_tensors="pt")
    assert pictures["pixel_values"].shape == (1, 3, 64, 64)


def test_tensors_that_are_missing_are_refused_not_made_up(folder):
    from safetensors.torch import load_file, save_file

    weights = load_file(folder / "model.safetensors")
    gone = sorted(name for name in weights if name.startswith("mask_decoder"))[:3]
    save_file({n: one for n, one in weights.items() if n not in gone}, folder / "model.safetensors",
              metadata={"format": "pt"})  # fmt: skip
    with pytest.raises(ModelError, match=rf"3 tensors are missing .* such as {gone[0]}"):
        loaded(folder)


def test_tensors_of_another_shape_are_refused(folder):
    config = json.loads((folder / "config.json").read_text())
    config["mask_decoder_config"]["mlp_dim"] = 48
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(ModelError, match=r"masks\.checkpoint\.name .* Sam2Model"):
        loaded(folder)


def test_damaged_weights_are_refused(folder):
    data = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(data[: len(data) // 2])
    with pytest.raises(ModelError, match="fetch it again, or name another checkpoint"):
        loaded(folder)


def test_pickles_are_refused(folder):
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(ModelError, match=r"pytorch_model\.bin is a pickle checkpoint"):
        loaded(folder)


def test_a_processor_that_is_missing_is_refused(folder):
    (folder / "processor_config.json").unlink()
    with pytest.raises(ModelError, match=r"cannot be loaded as Sam2Model"):
        loaded(folder)


def test_a_folder_without_a_config_and_a_file_are_refused(folder):
    (folder / "config.json").unlink()
    with pytest.raises(ModelError, match=r"its config\.json cannot be read"):
        loaded(folder)
    with pytest.raises(ModelError, match="is a file: name the folder"):
        loaded(folder / "model.safetensors")
