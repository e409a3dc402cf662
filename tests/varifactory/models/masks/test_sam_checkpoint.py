"""segment_anything's checkpoints: sizes, files, and what does not fit."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from varifactory.errors import ModelError
from varifactory.models.masks.sam import BUILT_IN, WEIGHTS, build_sam
from varifactory.models.masks.sam_checkpoint import sizes


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built-in SAM as a publisher would give it: a .pth of float32 tensors and its sizes."""
    import torch
    from safetensors.torch import load_file

    made = tmp_path_factory.mktemp("sam")
    weights = {name: one.float() for name, one in load_file(BUILT_IN / WEIGHTS).items()}
    torch.save(weights, made / "sam.pth")
    shutil.copy(BUILT_IN / "config.json", made)
    return made


@pytest.fixture
def own(folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(folder, tmp_path / "own"))


def wanted(place: Path, **more: object) -> dict[str, object]:
    return {
        "segmenter": "sam",
        "architecture": "config",
        "checkpoint": {"name": str(place), "dtype": "float32"},
        **more,
    }


IMAGE = np.random.default_rng(3).integers(0, 256, (96, 96, 3), np.uint8)


@pytest.mark.parametrize("place", ["sam.pth", "."])
def test_it_draws_as_the_built_in_one_with_the_same_weights(build, pictures, folder, place):
    found = build(**wanted(folder / place)).segment(pictures, [""] * 4)
    small = build(segmenter="small-sam").segment(pictures, [""] * 4)
    for one, other in zip(found, small, strict=True):
        assert np.array_equal(one.mask, other.mask)
        assert one.predicted_iou == other.predicted_iou
        assert one.method == other.method == "middle-box+sam"
    assert any(one.mask.any() for one in found)


def test_safetensors_draw_the_same(build, pictures, folder, tmp_path):
    shutil.copy(folder / "config.json", tmp_path)
    shutil.copy(BUILT_IN / WEIGHTS, tmp_path)
    one, other = (
        build(**wanted(place)).segment(pictures[:1], [""])[0] for place in (folder, tmp_path)
    )
    assert np.array_equal(one.mask, other.mask)


@pytest.mark.parametrize("name", ["vit_h", "vit_l", "vit_b"])
def test_the_sizes_are_those_of_the_package(name):
    import torch
    from segment_anything import sam_model_registry

    with torch.device("meta"):
        theirs = sam_model_registry[name]()
        ours = build_sam(sizes()[name])
    shapes = [{n: one.shape for n, one in sam.state_dict().items()} for sam in (theirs, ours)]
    assert shapes[0] == shapes[1]
    # What no tensor's shape tells.
    for one, other in zip(theirs.image_encoder.blocks, ours.image_encoder.blocks, strict=True):
        assert (one.window_size, one.attn.num_heads) == (other.window_size, other.attn.num_heads)
    theirs_decoder, ours_decoder = (sam.mask_decoder.transformer for sam in (theirs, ours))
    assert theirs_decoder.num_heads == ours_decoder.num_heads
    assert theirs.image_encoder.img_size == ours.image_encoder.img_size == 1024


def test_a_point_gives_three_masks_and_boxes_may(build, folder):
    for prompt, more in (("middle-point", {}), ("middle-box", {"multimask": True})):
        segmenter = build(**wanted(folder, prompt=prompt, **more))
        [found] = segmenter.segment([IMAGE], [""])
        assert found.method == f"{prompt}+sam"
        assert len(found.candidates) == 3
        assert found.predicted_iou == max(one.score for one in found.candidates if not one.note)
    [alone] = build(**wanted(folder, prompt="middle-point", multimask=False)).segment([IMAGE], [""])
    assert alone.candidates == ()


def test_identity_tells_weights_architecture_numbers_and_sizes(build, folder, own):
    identity = build(**wanted(folder)).identity
    assert identity["name"] == "sam"
    assert identity["architecture"] == "config"
    assert identity["dtype"] == "float32"
    assert (identity["batch"], identity["threads"]) == (1, 1)
    config = json.loads((own / "config.json").read_text())
    (own / "config.json").write_text(json.dumps({**config, "heads": 2, "decoder_heads": 4}))
    file = own / "sam.pth"
    other = build(**wanted(file)).identity
    same = build(**wanted(folder / "sam.pth")).identity
    assert other["weights"] == same["weights"]
    assert other["config"] != same["config"]
    assert "threads" not in build(**wanted(folder), device="cuda").identity


def test_the_encoder_alone_computes_in_bfloat16(build, folder):
    import torch

    checkpoint = {"name": str(folder), "dtype": "bfloat16"}
    short = build(**{**wanted(folder), "checkpoint": checkpoint})
    [one], [other] = (s.segment([IMAGE], [""]) for s in (build(**wanted(folder)), short))
    assert (one.mask == other.mask).mean() > 0.95
    with short._model.predictor.use() as predictor:
        assert next(predictor.model.image_encoder.parameters()).dtype == torch.bfloat16
        assert next(predictor.model.mask_decoder.parameters()).dtype == torch.float32
    assert short.identity["dtype"] == "bfloat16"


def test_weights_of_another_architecture_are_refused(build, folder):
    segmenter = build(**wanted(folder, architecture="vit_b"))
    with pytest.raises(ModelError, match=r"does not fit masks\.architecture 'vit_b': .*=config"):
        segmenter.segment([IMAGE], [""])


def test_weights_of_a_known_architecture_are_named(build, own):
    import torch

    torch.save({"image_encoder.patch_embed.proj.weight": torch.zeros(768, 3, 16, 16)}, own / "x.pt")
    with pytest.raises(ModelError, match=r"looks like vit_b: set masks\.architecture=vit_b"):
        build(**wanted(own / "x.pt")).segment([IMAGE], [""])


def test_weights_of_no_sam_are_refused(build, own):
    import torch

    torch.save({"weight": torch.zeros(2)}, own / "sam.pth")
    with pytest.raises(ModelError, match=r"no segment_anything checkpoint .* name another"):
        build(**wanted(own)).segment([IMAGE], [""])
    torch.save([1, 2], own / "list.pth")
    with pytest.raises(ModelError, match="no mapping of names to tensors"):
        build(**wanted(own / "list.pth")).segment([IMAGE], [""])


class Runs:
    """What a pickle may hold: code that runs when it is read."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (exec, ("raise SystemExit('it ran')",))


def test_a_pickle_that_is_not_weights_only_is_refused_unread(build, own):
    import torch

    torch.save(Runs(), own / "sam.pth")
    with pytest.raises(ModelError, match="holds more than weights"):
        build(**wanted(own)).segment([IMAGE], [""])


def test_another_hash_than_the_recipes_is_refused(build, folder):
    checkpoint = {"name": str(folder / "sam.pth"), "sha256": "0" * 64}
    with pytest.raises(ModelError, match=r"masks\.checkpoint\.sha256 is 000000000000"):
        build(**{**wanted(folder), "checkpoint": checkpoint})


def test_no_checkpoint_and_one_that_is_not_there_are_refused(build, tmp_path):
    with pytest.raises(ModelError, match=r"masks\.checkpoint\.name is empty"):
        build(segmenter="sam")
    with pytest.raises(ModelError, match=r"masks\.checkpoint\.name .*neither a folder nor a file"):
        build(**wanted(tmp_path / "none.pth"))


def test_a_config_that_is_missing_or_lacks_sizes_is_refused_at_once(build, own):
    (own / "config.json").write_text('{"width": 96}')
    with pytest.raises(ModelError, match=r"lacks depth, heads, image_size"):
        build(**wanted(own / "sam.pth"))
    (own / "config.json").unlink()
    with pytest.raises(
        ModelError, match=r"masks\.architecture is 'config', and .* set it to vit_h"
    ):
        build(**wanted(own / "sam.pth"))


def test_of_several_files_one_is_named(build, own, pictures):
    shutil.copy(own / "sam.pth", own / "other.pth")
    with pytest.raises(
        ModelError, match=r"2 files .*other\.pth, sam\.pth\): name one .*masks\.file"
    ):
        build(**wanted(own))
    assert build(**wanted(own, file="sam.pth")).identity["file"] == "sam.pth"
    with pytest.raises(ModelError, match=r"masks\.file 'nine\.pth' is not among the files"):
        build(**wanted(own, file="nine.pth"))
    [found] = build(**wanted(own, file="sam.pth")).segment(pictures[:1], [""])
    assert found.mask.shape == pictures[0].shape[:2]


def test_a_file_of_another_kind_is_refused(build, own):
    (own / "sam.onnx").write_bytes(b"onnx")
    with pytest.raises(ModelError, match=r"is not one of \.pt, \.pth, \.safetensors"):
        build(**wanted(own / "sam.onnx"))


def test_weights_that_were_exchanged_after_planning_are_refused(build, own):
    segmenter = build(**wanted(own))
    with (own / "sam.pth").open("ab") as stream:
        stream.write(b"x")
    with pytest.raises(ModelError, match="changed since this run was planned"):
        segmenter.segment([IMAGE], [""])
