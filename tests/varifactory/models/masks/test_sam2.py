"""SAM 2 on a tiny checkpoint of its architecture."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from varifactory.errors import ModelError
from varifactory.models import residency


def wanted(folder: Path, **more: object) -> dict[str, object]:
    return {"segmenter": "sam2", "checkpoint": {"name": str(folder), "dtype": "float32"}, **more}


def test_a_mask_for_every_picture_in_its_own_size(build, pictures, sam2_folder):
    found = build(**wanted(sam2_folder)).segment(pictures, ["cup"] * 4)
    assert [one.mask.shape for one in found] == [image.shape[:2] for image in pictures]
    assert {one.method for one in found} == {"middle-box+sam2"}
    assert all(0 <= one.predicted_iou <= 1 for one in found)
    assert found[0].box == (8, 4, 72, 44)
    assert any(one.mask.any() for one in found)


def test_it_draws_what_the_library_draws(build, pictures, sam2_folder):
    import torch
    import transformers

    model = transformers.Sam2Model.from_pretrained(sam2_folder)
    processor = transformers.Sam2Processor.from_pretrained(sam2_folder)
    inputs = processor(
        images=pictures[0].copy(), input_boxes=[[[8, 4, 72, 44]]], return_tensors="pt"
    )
    with torch.inference_mode():
        made = model(**inputs, multimask_output=False)
    [masks] = processor.post_process_masks(made.pred_masks, inputs["original_sizes"])
    [mine] = build(**wanted(sam2_folder)).segment(pictures[:1], ["cup"])
    assert np.array_equal(mine.mask, masks[0, 0].numpy())
    assert mine.predicted_iou == pytest.approx(float(made.iou_scores[0, 0, 0]))


def test_a_video_models_checkpoint_gives_its_image_model(build, pictures, sam2_video_folder):
    from safetensors.torch import load_file

    segmenter = build(**wanted(sam2_video_folder))
    [found] = segmenter.segment(pictures[:1], [""])
    assert found.mask.shape == pictures[0].shape[:2]
    published = load_file(sam2_video_folder / "model.safetensors")
    with segmenter._model.model.use() as (model, _, _):
        own = model.state_dict()
    assert all((published[name] == one).all() for name, one in own.items() if name in published)
    assert len(set(own) & set(published)) > 0.9 * len(own)


def test_a_mask_does_not_depend_on_the_other_images_or_their_order(build, pictures, sam2_folder):
    segmenter = build(**wanted(sam2_folder))
    found = segmenter.segment(pictures, [""] * 4)
    turned = segmenter.segment(pictures[::-1], [""] * 4)[::-1]
    for one, other in zip(found, turned, strict=True):
        assert np.array_equal(one.mask, other.mask)
        assert one.predicted_iou == other.predicted_iou


def test_a_point_gives_three_masks_of_which_the_best_is_taken(build, pictures, sam2_folder):
    segmenter = build(**wanted(sam2_folder, prompt="middle-point"))
    [found] = segmenter.segment(pictures[:1], ["cup"])
    assert len(found.candidates) == 3
    assert found.predicted_iou == pytest.approx(max(one.score for one in found.candidates))
    assert found.choice.startswith("best-score of 3: score")
    assert segmenter.identity["multimask"] is True
    [largest] = build(
        **wanted(sam2_folder, prompt="middle-point", choose="largest")
    ).segment(pictures[:1], ["cup"])  # fmt: skip
    assert largest.mask.mean() == pytest.approx(max(one.area for one in found.candidates))


@pytest.mark.parametrize("shape", [(1, 1), (3, 40), (2, 2)])
def test_the_smallest_pictures_have_masks_too(build, sam2_folder, shape):
    image = np.random.default_rng(1).integers(0, 256, (*shape, 3), np.uint8)
    [found] = build(**wanted(sam2_folder)).segment([image], [""])
    assert found.mask.shape == shape


def test_the_encoder_computes_in_the_declared_numbers(build, pictures, sam2_folder):
    import torch

    plain = build(**wanted(sam2_folder))
    checkpoint = {"name": str(sam2_folder), "dtype": "bfloat16"}
    short = build(segmenter="sam2", checkpoint=checkpoint)
    assert (plain.identity["dtype"], short.identity["dtype"]) == ("float32", "bfloat16")
    one, other = (s.segment(pictures[:1], [""])[0] for s in (plain, short))
    assert (one.mask == other.mask).mean() > 0.95
    with short._model.model.use() as (model, _, _):
        assert next(model.vision_encoder.parameters()).dtype == torch.bfloat16
        assert next(model.mask_decoder.parameters()).dtype == torch.float32


def test_it_is_loaded_once_and_again_after_it_was_given_up(build, pictures, sam2_folder):
    segmenter = build(**wanted(sam2_folder))
    resident = segmenter._model.model
    residency.drop_all()
    loads = resident.loads
    [first] = segmenter.segment(pictures[:1], [""])
    build(**wanted(sam2_folder, gate={"min_area": 0.5})).segment(pictures, [""] * 4)
    build(**wanted(sam2_folder, prompt="middle-point")).segment(pictures, [""] * 4)
    assert resident.loads == loads + 1
    residency.drop_all()
    [again] = segmenter.segment(pictures[:1], [""])
    assert resident.loads == loads + 2
    assert np.array_equal(first.mask, again.mask)


def test_a_picture_that_was_short_of_memory_once_is_drawn_again(build, pictures, sam2_folder):
    """An idle model is given up for it, as on a card that others share."""
    segmenter = build(**wanted(sam2_folder))
    [plain] = segmenter.segment(pictures[:1], [""])
    idle = residency.Resident("idle", lambda: "weights")
    with idle.use():
        pass
    calls = []

    def short_once(*_: object) -> None:
        calls.append(len(calls))
        if len(calls) == 1:
            raise MemoryError("out of memory")

    with segmenter._model.model.use() as (model, _, _):
        handle = model.mask_decoder.register_forward_pre_hook(short_once)
    try:
        [again] = segmenter.segment(pictures[:1], [""])
    finally:
        handle.remove()
    assert calls == [0, 1]
    assert np.array_equal(again.mask, plain.mask)


def test_the_fields_of_its_identity(build, sam2_folder):
    on_cpu = build(**wanted(sam2_folder), threads=2).identity
    assert on_cpu["name"] == "sam2"
    assert (on_cpu["batch"], on_cpu["threads"]) == (1, 2)
    assert on_cpu["reads_class_name"] is False
    on_card = build(**wanted(sam2_folder), device="cuda").identity
    assert not {"batch", "threads"} & set(on_card)
    assert {k: on_cpu[k] for k in ("weights", "dtype", "prompt")} == {
        k: on_card[k] for k in ("weights", "dtype", "prompt")
    }


def test_weights_that_were_exchanged_after_planning_are_refused(build, sam2_folder, tmp_path):
    folder = shutil.copytree(sam2_folder, tmp_path / "sam2")
    segmenter = build(**wanted(folder))
    config = folder / "config.json"
    config.write_text(config.read_text() + " ", encoding="utf-8")
    with pytest.raises(ModelError, match="changed since this run was planned"):
        segmenter.segment([np.zeros((8, 8, 3), np.uint8)], [""])


def test_another_kind_of_model_is_refused(build, dino_folder):
    segmenter = build(**wanted(dino_folder))
    with pytest.raises(ModelError, match=r"kind 'grounding-dino', wanted is sam2 or sam2_video"):
        segmenter.segment([np.zeros((8, 8, 3), np.uint8)], [""])


def test_a_card_is_used_or_its_absence_told(build, pictures, sam2_folder):
    import torch

    segmenter = build(**wanted(sam2_folder), device="cuda")
    if torch.cuda.is_available():
        assert segmenter.segment(pictures[:1], [""])[0].mask.shape == pictures[0].shape[:2]
        return
    with pytest.raises(ModelError, match=r"set run\.device=cpu"):
        segmenter.segment(pictures[:1], [""])
