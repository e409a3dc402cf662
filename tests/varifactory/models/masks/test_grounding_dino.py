"""Grounding DINO on a tiny checkpoint of its architecture, alone and in front of SAM."""

import numpy as np
import pytest

from varifactory.models.masks.grounding_dino import sentence


@pytest.fixture(scope="module")
def detector(dino_folder):
    return {"checkpoint": {"name": str(dino_folder), "dtype": "float32"}, "threshold": 0.1}


@pytest.fixture(scope="module")
def wanted(detector):
    return {"segmenter": "small-sam", "prompt": "grounding-dino", "detector": detector}


def boxes_of(found):
    return [(one.box, one.score) for one in found.candidates]


def test_every_box_gets_a_mask_and_one_is_chosen_for_a_reason(build, pictures, wanted):
    [found] = build(**wanted).segment(pictures[:1], ["cup"])
    assert found.method == "grounding-dino+sam"
    assert 1 < len(found.candidates) <= 8
    scores = [one.score for one in found.candidates if not one.note]
    at = next(place for place, one in enumerate(found.candidates) if one.box == found.box)
    assert found.candidates[at].score == max(scores)
    assert found.choice.startswith(f"best-score of {len(scores)}: score {max(scores):.3f} = box")


def test_the_rule_is_a_setting_and_part_of_the_identity(build, pictures, wanted):
    largest = build(**wanted, choose="largest")
    [found] = largest.segment(pictures[:1], ["cup"])
    assert found.mask.mean() == pytest.approx(max(one.area for one in found.candidates))
    assert "largest of" in found.choice
    assert largest.identity["choose"] == "largest"
    assert largest.identity != build(**wanted).identity


def test_its_boxes_are_the_librarys(build, pictures, wanted, dino_folder):
    import torch
    import transformers

    model = transformers.AutoModelForZeroShotObjectDetection.from_pretrained(dino_folder)
    processor = transformers.AutoProcessor.from_pretrained(dino_folder)
    inputs = processor(images=pictures[0].copy(), text="a cup.", return_tensors="pt")
    with torch.inference_mode():
        made = model(**inputs)
    [seen] = processor.post_process_grounded_object_detection(
        made, inputs["input_ids"], threshold=0.1, target_sizes=[pictures[0].shape[:2]]
    )
    shown = build(**wanted)._pointer.show(pictures[:1], ["cup"])[0].prompts
    scores = sorted(seen["scores"].tolist(), reverse=True)
    assert [one.score for one in shown] == pytest.approx(scores[: len(shown)])
    best = seen["boxes"][int(seen["scores"].argmax())].tolist()
    assert any(np.allclose(one.box, best, atol=1) for one in shown)


def test_boxes_lie_inside_their_image_best_first(build, pictures, wanted):
    for image, shown in zip(
        pictures, build(**wanted)._pointer.show(pictures, ["cup"] * 4), strict=True
    ):
        scores = [one.score for one in shown.prompts]
        assert scores == sorted(scores, reverse=True)
        for left, top, right, bottom in (one.box for one in shown.prompts):
            assert 0 <= left < right <= image.shape[1]
            assert 0 <= top < bottom <= image.shape[0]


def test_more_boxes_than_allowed_are_left_out_and_that_is_told(build, pictures, wanted, detector):
    [found] = build(**{**wanted, "detector": {**detector, "max_boxes": 1}}).segment(
        pictures[:1], ["cup"]
    )
    assert len(found.candidates) == 1
    assert found.choice.startswith("the only one: score")
    assert found.choice.endswith("more left out by masks.detector.max_boxes")


def test_no_box_is_an_empty_mask_that_says_so(build, pictures, wanted, detector):
    [found] = build(**{**wanted, "detector": {**detector, "threshold": 1.0}}).segment(
        pictures[:1], ["cup"]
    )
    assert not found.mask.any()
    assert found.method == "grounding-dino"
    assert "no box of 'a cup.' above masks.detector.threshold 1" in found.choice


def test_a_mask_does_not_depend_on_the_other_images_or_their_order(build, pictures, wanted):
    names = ["cup", "dog", "F-16A/B", "café"]
    segmenter = build(**wanted)
    found = segmenter.segment(pictures, names)
    turned = segmenter.segment(pictures[::-1], names[::-1])[::-1]
    for one, other in zip(found, turned, strict=True):
        assert np.array_equal(one.mask, other.mask)
        assert one.candidates == other.candidates


def test_the_class_name_and_the_phrase_are_read(build, pictures, wanted, detector):
    [cup] = build(**wanted).segment(pictures[:1], ["cup"])
    [dog] = build(**wanted).segment(pictures[:1], ["dog"])
    assert boxes_of(cup) != boxes_of(dog)
    other = build(**{**wanted, "detector": {**detector, "phrase": "one {class_name}"}})
    assert boxes_of(other.segment(pictures[:1], ["cup"])[0]) != boxes_of(cup)
    assert build(**wanted).identity["reads_class_name"] is True
    assert build(**wanted).identity != other.identity


def test_it_shows_sam2_the_boxes_too(build, pictures, detector, sam2_folder):
    checkpoint = {"name": str(sam2_folder), "dtype": "float32"}
    segmenter = build(
        segmenter="sam2", checkpoint=checkpoint, prompt="grounding-dino", detector=detector
    )
    found = segmenter.segment(pictures, ["cup"] * 4)
    assert {one.method for one in found} == {"grounding-dino+sam2"}
    assert len(found[0].candidates) > 1
    assert segmenter.identity["weights"] != segmenter.identity["detector weights"]


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_mm_grounding_dino_is_read_too(build, pictures, wanted, mm_dino_folder, dtype):
    checkpoint = {"name": str(mm_dino_folder), "dtype": dtype}
    detector = {"checkpoint": checkpoint, "threshold": 0.0}
    [found] = build(**{**wanted, "detector": detector}).segment(pictures[:1], ["cup"])
    assert found.method == "grounding-dino+sam"
    assert found.candidates


def test_the_backbone_computes_in_the_declared_numbers(build, pictures, wanted, detector):
    import torch

    checkpoint = {**detector["checkpoint"], "dtype": "bfloat16"}
    short = build(**{**wanted, "detector": {**detector, "checkpoint": checkpoint}})
    assert short.identity["detector dtype"] == "bfloat16"
    assert short.segment(pictures[:1], ["cup"])[0].candidates
    with short._pointer.model.use() as (model, _, _):
        assert next(model.model.backbone.parameters()).dtype == torch.bfloat16
        assert next(model.model.decoder.parameters()).dtype == torch.float32


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("Golden_Retriever", "a golden retriever."),
        ("St. Bernard", "a st bernard."),
        ("F/A-18\n", "a f/a-18."),
        ("{class_name}", "a {class name}."),
        ("___", ""),
    ],
)
def test_a_class_name_becomes_one_sentence(name, said):
    assert sentence("A {class_name}", name) == said


def test_a_class_name_without_words_finds_nothing_and_says_so(build, pictures, wanted):
    [found] = build(**wanted).segment(pictures[:1], ["__"])
    assert not found.mask.any()
    assert "'__' has no words to look for" in found.choice
