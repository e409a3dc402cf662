"""The benchmark of cards runs end to end on a CPU with tiny models, and says where it cannot."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from bench.gpu.__main__ import main
from bench.gpu.building import configuration
from bench.gpu.measuring import Busy, Times, nominal_flops


def run(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "error::DeprecationWarning:bench", "-m", "bench.gpu", *arguments],
        cwd=root, capture_output=True, text=True, timeout=300,
        env={**os.environ, "CUDA_VISIBLE_DEVICES": ""},
    )  # fmt: skip


def test_without_a_card_it_says_so_in_one_line_and_ends_well(root: Path) -> None:
    ran = run(root)
    assert ran.returncode == 0, ran.stderr
    (line,) = ran.stdout.splitlines()
    assert line.startswith("no CUDA card here")


@pytest.fixture(scope="module")
def lines(root: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """Every figure of a whole run in tiny, by its name."""
    out = tmp_path_factory.mktemp("out") / "figures.jsonl"
    ran = run(root, "--size", "tiny", "--out", str(out), "--set", "inpainting.repeats=2")
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout == out.read_text(encoding="utf-8")
    found = [json.loads(line) for line in ran.stdout.splitlines()]
    assert all(one["size"] == "tiny" and one["device"].startswith("CPU") for one in found)
    assert all("torch" in one["versions"] and one["date"] for one in found)
    names = {one["figure"]: one for one in found}
    assert len(names) == len(found)
    return names


def test_the_stage_is_set_against_the_bare_loop(lines: dict[str, dict[str, Any]]) -> None:
    bare, stage = lines["inpainting, bare"], lines["inpainting, stage"]
    share = lines["inpainting, stage against the bare loop"]
    assert len(bare["each"]) == len(stage["each"]) == 2
    assert share["value"] == pytest.approx(stage["value"] / bare["value"], rel=2e-3)
    assert share["goal"] == 0.98
    assert lines["inpainting, stage with speed settings against the bare loop"]["goal"] == 1.5


def test_all_ways_draw_the_same_pictures(lines: dict[str, dict[str, Any]]) -> None:
    """On a CPU in float32; the last bits may still round a level up or down."""
    for way in ("bare", "stage with speed settings"):
        largest = lines[f"inpainting, {way}: pixels apart from the stage's, largest"]
        assert largest["value"] <= 1
        assert largest["contrast"] > 20, "of grey pictures every two agree"


def test_operations_are_counted_and_set_against_the_peak(lines: dict[str, dict[str, Any]]) -> None:
    operations = lines["inpainting: operations"]["value"]
    rate, peak = lines["inpainting, bare"]["value"], lines["product of matrices"]["value"]
    share = lines["inpainting, bare: share of the roofline"]
    assert 0 < share["value"] < 1.5
    assert share["value"] == pytest.approx(operations * rate / peak, rel=5e-3)


def test_masks_and_training_are_measured_both_ways(lines: dict[str, dict[str, Any]]) -> None:
    for name in ("SAM masks, bare", "SAM masks, stage", "CLIP LoRA, plain PEFT loop",
                 "CLIP LoRA, our trainee"):  # fmt: skip
        assert lines[name]["value"] > 0
    for name in ("SAM masks, stage: card waits", "inpainting, stage: card waits"):
        assert 0 < lines[name]["value"] < 1
    assert lines["CLIP LoRA, our trainee: memory"]["value"] is None, "a CPU tells none"


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (["painting"], "there are training, masking, inpainting"),
        (["--set", "inpainting.sides=3"], "inpainting has side, steps"),
        (["--set", "painting.side=3"], "there are training"),
        (["--set", "inpainting.side=wide"], "invalid literal"),
        (["--device", "cpu"], "--size tiny"),
    ],
)
def test_what_cannot_be_asked_for_is_refused(
    given: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        main(given)
    assert caught.value.code == 2
    assert words in capsys.readouterr().err


def test_full_sizes_are_those_that_people_use() -> None:
    """Numbers of weights, counted without making any: 2.57 and 0.84 thousand million in SDXL."""
    import diffusers
    import torch
    from transformers import CLIPConfig, CLIPModel, CLIPTextConfig, CLIPTextModelWithProjection

    from varifactory.models.masks.sam import build_sam
    from varifactory.models.masks.sam_checkpoint import sizes

    def count(model: Any) -> int:
        return sum(each.numel() for each in model.parameters())

    parts, clip = configuration("sdxl", "full"), configuration("clip", "full")
    with torch.device("meta"):
        unet = diffusers.UNet2DConditionModel(**parts["unet"])
        vae = diffusers.AutoencoderKL(**parts["vae"])
        text = CLIPTextModelWithProjection(CLIPTextConfig(**parts["text_encoder_2"]))
        sam = build_sam(sizes()[configuration("sam", "full")])
        both = CLIPModel(CLIPConfig(**clip))
    assert count(unet) == 2_567_463_684 + 320 * 5 * 9  # five more input channels, 3 x 3
    assert count(vae) == 83_653_863
    assert count(text) == 694_659_840
    assert count(both) == 149_620_737
    assert count(sam) == 641_090_608


def test_what_a_network_takes_is_timed_call_by_call() -> None:
    import torch

    network = torch.nn.Linear(400, 400)
    busy = Busy("cpu")
    with busy.watching([network]):
        for _ in range(3):
            network(torch.ones(400, 400))
    network(torch.ones(2, 400))
    assert len(busy._spans) == 3
    assert 0 < busy.seconds() < 10
    assert Times((3.0, 1.0, 2.0)).median == 2.0
    assert nominal_flops("cpu") is None
