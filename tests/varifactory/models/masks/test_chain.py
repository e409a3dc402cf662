"""Fallbacks: asked where nothing was found, and told."""

import json

import numpy as np
import pytest

from varifactory import masks
from varifactory.errors import ModelError
from varifactory.keys import spec_of
from varifactory.models import Pixels
from varifactory.recipe import MaskGate, Recipe


@pytest.fixture(scope="module")
def disc() -> Pixels:
    y, x = np.mgrid[0:96, 0:96] / 96
    inside = (x - 0.52) ** 2 + (y - 0.55) ** 2 < 0.27**2
    return np.where(inside[..., None], (200, 60, 40), (90, 130, 90)).astype(np.uint8)


@pytest.fixture(scope="module")
def blank() -> Pixels:
    """Of one colour, so that GrabCut has nothing to go by."""
    return np.full((96, 96, 3), 80, np.uint8)


@pytest.fixture(scope="module")
def blind(dino_folder) -> dict[str, object]:
    """The paper's first step with a detector that never is sure enough."""
    detector = {"checkpoint": {"name": str(dino_folder), "dtype": "float32"}, "threshold": 1.0}
    return {"segmenter": "small-sam", "prompt": "grounding-dino", "detector": detector}


def test_no_box_leads_to_the_fallback_and_both_are_told(build, disc, blind):
    [found] = build(**blind, fallbacks=["grabcut-saliency"]).segment([disc], ["ball"])
    assert found.mask.any()
    assert found.method.endswith("+grabcut")
    assert [one.method for one in found.candidates] == ["grounding-dino", found.method]
    assert found.candidates[0].note.startswith("no box of 'a ball.'")
    assert found.candidates[1].score == found.predicted_iou
    assert found.choice.startswith("fallback, after grounding-dino: no box of 'a ball.' above")


def test_the_first_that_finds_anything_ends_the_chain(build, disc, blank, blind):
    segmenter = build(**blind, fallbacks=["grabcut-saliency", "middle-box"])
    of_disc, of_blank = segmenter.segment([disc, blank], ["ball", "ball"])
    assert len(of_disc.candidates) == 2
    assert of_blank.method == "middle-box+sam"
    assert [one.method for one in of_blank.candidates] == [
        "grounding-dino", "grabcut-saliency: none", "middle-box+sam",
    ]  # fmt: skip
    assert "grabcut-saliency: none: an empty mask" in of_blank.choice


def test_a_mask_does_not_depend_on_who_else_needed_a_fallback(build, disc, blank, blind):
    segmenter = build(**blind, fallbacks=["grabcut-saliency", "middle-box"])
    together = segmenter.segment([disc, blank, disc], ["ball"] * 3)
    alone = [segmenter.segment([image], ["ball"])[0] for image in (disc, blank, disc)]
    for one, other in zip(together, alone, strict=True):
        assert np.array_equal(one.mask, other.mask)
        assert (one.method, one.choice, one.candidates) == (
            other.method, other.choice, other.candidates,
        )  # fmt: skip


def test_where_nothing_is_found_at_all_the_gate_rejects_and_says_who_looked(build, blank, blind):
    segmenter = build(**blind, fallbacks=["grabcut-saliency", "grabcut-box"])
    recipe = Recipe.parse({"name": "t", "sources": {"kind": "world"}})
    spec = spec_of("masks", masks.mask_spec(recipe, segmenter))
    source = {"key": "k", "label": "ball", "pixel_sha256": "p", "image_blob": "b"}
    planned = masks.plan_masks(spec, [source], segmenter)
    [made] = masks.find_masks(planned, [blank], segmenter, [None])
    assert made.row["status"] == "ok"
    assert made.row["area"] == 0
    assert made.row["predicted_iou"] is None or made.row["predicted_iou"] == 0
    assert len(json.loads(made.row["candidates"])) == 3
    reason = masks.gate(made.row, MaskGate(min_area=0, min_predicted_iou=0))
    assert reason.startswith("no object was found (grounding-dino: no box of 'a ball.'")
    assert "grabcut-saliency: none" in reason
    assert "grabcut-box: none" in reason


def test_the_identity_holds_every_step_and_its_order(build, blind):
    chains = [["grabcut-saliency", "middle-box"], ["middle-box", "grabcut-saliency"], []]
    specs = {
        spec_of("masks", {"segmenter": dict(build(**blind, fallbacks=names).identity)})
        for names in chains
    }
    assert len(specs) == 3
    told = build(**blind, fallbacks=chains[0]).identity
    assert told["fallback 1 name"] == "grabcut-saliency"
    assert told["fallback 2 prompt"] == "middle box"
    assert told["reads_class_name"] is True


def test_a_chain_of_blind_ways_reads_no_class_name(build):
    identity = build(segmenter="small-sam", fallbacks=["grabcut-saliency"]).identity
    assert identity["reads_class_name"] is False


def test_a_mask_that_was_found_is_as_without_fallbacks(build, disc):
    [plain] = build(segmenter="small-sam").segment([disc], [""])
    [same] = build(segmenter="small-sam", fallbacks=["grabcut-box"]).segment([disc], [""])
    assert np.array_equal(plain.mask, same.mask)
    assert (plain.method, plain.choice, plain.candidates) == (
        same.method, same.choice, same.candidates,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"fallbacks": ["magic"]}, r"masks\.fallbacks is 'magic'; known are .*middle-box"),
        ({"fallbacks": ["small-sam"]}, r"'small-sam', which was asked before"),
        ({"fallbacks": ["grabcut-box", "grabcut-box"]}, "asked before"),
        ({"fallbacks": ["middle-box"]}, "'middle-box', which was asked before"),
        ({"fallbacks": ["sam3"]}, r"'sam3', whose weights masks\.checkpoint would have to name"),
        ({"fallbacks": ["saliency-onnx"]}, r"masks\.saliency\.checkpoint\.name is empty"),
        ({"segmenter": "grabcut-box", "fallbacks": ["middle-point"]}, "takes no prompts"),
        ({"segmenter": "magic"}, r"masks\.segmenter is 'magic'; known are small-sam, sam, sam2"),
    ],
)
def test_chains_that_cannot_be_are_refused_before_anything_is_loaded(build, keys, said):
    with pytest.raises(ModelError, match=said):
        build(**keys)
