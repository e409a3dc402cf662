"""The scripts of ``make models``, a few steps of each: what they write can be used."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from varifactory.models.builtin.cards import check_weights, read_card
from varifactory.models.edits.diffusion import small_diffusion
from varifactory.models.masks.sam import small_sam

SHORT = {
    "train_small_sam": ("--images", "8", "--steps", "2", "--held-out", "8"),
    "train_small_diffusion": (
        "--images",
        "16",
        "--vae-steps",
        "2",
        "--unet-steps",
        "2",
        "--held-out",
        "4",
    ),
}


def trained(name: str, folder: Path) -> Path:
    command = [sys.executable, "-m", f"varifactory.models.builtin.{name}"]
    done = subprocess.run(
        [*command, *SHORT[name], "--out", str(folder)], capture_output=True, text=True, check=True
    )
    assert json.loads(done.stdout.splitlines()[-1]) == read_card(folder)["figures"]
    check_weights(folder, read_card(folder)["sha256"])
    return folder


@pytest.mark.slow
def test_the_sam_script_makes_a_segmenter(tmp_path):
    sam = small_sam(folder=trained("train_small_sam", tmp_path / "sam"))
    assert sam.segment([np.zeros((40, 50, 3), np.uint8)], [""])[0].mask.shape == (40, 50)


@pytest.mark.slow
def test_the_inpainting_script_makes_a_pipeline(tmp_path):
    folder = trained("train_small_diffusion", tmp_path / "diffusion")
    editor = small_diffusion(folder=folder)
    assert editor.inpaint([]) == []
    with editor._resident.use() as loaded:
        assert loaded.pipeline.unet.config.in_channels == 9
