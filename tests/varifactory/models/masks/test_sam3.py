"""SAM 3 by text on a tiny checkpoint of its architecture."""

import numpy as np
import pytest

from varifactory.models.masks.sam3 import WORDS


@pytest.fixture(scope="module")
def wanted(sam3_folder):
    """Random weights score everything about 0.25."""
    return {
        "segmenter": "sam3",
        "checkpoint": {"name": str(sam3_folder), "dtype": "float32"},
        "threshold": 0.1,
    }


def test_a_mask_of_what_the_class_name_says_with_all_that_were_found(build, pictures, wanted):
    found = build(**wanted).segment(pictures, ["cup"] * 4)
    assert [one.mask.shape for one in found] == [image.shape[:2] for image in pictures]
    [first, *_] = found
    assert first.method == "sam3"
    assert len(first.candidates) == 5
    assert all(one.score > 0.1 and one.box is not None for one in first.candidates)
    assert first.choice.startswith("best-score of")
    # SAM 3 scores whether it is the object, not how good the mask is.
    assert first.predicted_iou is None


def test_it_finds_what_the_library_finds(build, pictures, wanted, sam3_folder):
    import torch
    import transformers

    model = transformers.Sam3Model.from_pretrained(sam3_folder)
    processor = transformers.Sam3Processor.from_pretrained(sam3_folder)
    inputs = processor(images=pictures[0].copy(), text="cup", return_tensors="pt")
    with torch.inference_mode():
        made = model(**inputs)
    [seen] = processor.post_process_instance_segmentation(
        made, threshold=0.1, target_sizes=[pictures[0].shape[:2]]
    )
    [mine] = build(**wanted).segment(pictures[:1], ["cup"])
    assert [one.score for one in mine.candidates] == pytest.approx(seen["scores"].tolist())
    # An empty mask is never taken, whatever its score.
    areas = seen["masks"].float().mean((1, 2))
    best = int(torch.where(areas > 0, seen["scores"], -1).argmax())
    assert np.array_equal(mine.mask, seen["masks"][best].bool().numpy())


def test_a_video_models_checkpoint_gives_its_image_model(
    build, pictures, wanted, sam3_video_folder
):
    from safetensors.torch import load_file

    checkpoint = {"name": str(sam3_video_folder), "dtype": "float32"}
    segmenter = build(**{**wanted, "checkpoint": checkpoint})
    assert segmenter.segment(pictures[:1], ["cup"])[0].candidates
    published = load_file(sam3_video_folder / "model.safetensors")
    with segmenter.model.use() as (model, _, _):
        own = {f"detector_model.{name}": one for name, one in model.state_dict().items()}
    shared = set(own) & set(published)
    assert all((published[name] == own[name]).all() for name in shared)
    assert len(shared) > 0.9 * len(own)


def test_the_class_name_and_the_phrase_are_read(build, pictures, wanted):
    def scores(name: str, **more: object) -> list[float]:
        [found] = build(**wanted, **more).segment(pictures[:1], [name])
        return [one.score for one in found.candidates]

    assert scores("cup") != scores("dog")
    assert scores("cup") == scores("_cup ")
    assert scores("cup") != scores("cup", phrase="one {class_name}")
    identities = [build(**wanted, **more).identity for more in ({}, {"phrase": "one {class_name}"})]
    assert identities[0]["reads_class_name"] is True
    assert identities[0] != identities[1]


def test_a_mask_does_not_depend_on_the_other_images_or_their_order(build, pictures, wanted):
    names = ["cup", "dog", "F-16A/B", "{x} 100 %"]
    segmenter = build(**wanted)
    found = segmenter.segment(pictures, names)
    turned = segmenter.segment(pictures[::-1], names[::-1])[::-1]
    for one, other in zip(found, turned, strict=True):
        assert np.array_equal(one.mask, other.mask)
        assert one.candidates == other.candidates


def test_nothing_above_the_threshold_is_an_empty_mask_that_says_so(build, pictures, wanted):
    segmenter = build(**{**wanted, "threshold": 0.9})
    [found] = segmenter.segment(pictures[:1], ["cup"])
    assert not found.mask.any()
    assert found.choice == "sam3: no mask of 'cup' above masks.threshold 0.9"
    assert found.candidates[0].note in found.choice


@pytest.mark.parametrize("name", ["__", "\x00\n", "", "…"])
def test_a_class_name_without_words_finds_nothing_and_says_so(build, pictures, wanted, name):
    [found] = build(**wanted).segment(pictures[:1], [name])
    assert not found.mask.any()
    assert repr(name) in found.choice
    assert "has no words to look for" in found.choice


def test_a_phrase_that_is_too_long_is_cut_and_that_is_told(build, pictures, wanted):
    [found] = build(**wanted).segment(pictures[:1], ["very long name " * 9])
    assert found.mask.shape == pictures[0].shape[:2]
    assert found.choice.endswith(f"to {WORDS} tokens")


def test_the_smallest_picture(build, wanted):
    image = np.zeros((1, 1, 3), np.uint8)
    assert build(**wanted).segment([image], ["cup"])[0].mask.shape == (1, 1)


def test_the_encoder_computes_in_the_declared_numbers(build, pictures, wanted):
    checkpoint = {**wanted["checkpoint"], "dtype": "bfloat16"}
    short = build(**{**wanted, "checkpoint": checkpoint})
    [one], [other] = (s.segment(pictures[:1], ["cup"]) for s in (build(**wanted), short))
    pairs = zip(one.candidates, other.candidates, strict=True)
    assert all(a.score == pytest.approx(b.score, abs=0.01) for a, b in pairs)
