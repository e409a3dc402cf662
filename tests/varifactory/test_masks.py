"""Masks: measures, keys and the gate."""

import json
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from varifactory import masks, records
from varifactory.images import decode_mask, pixel_hash
from varifactory.keys import spec_of
from varifactory.models import Candidate, Identity, Pixels, Region, Segmentation
from varifactory.recipe import MaskGate, Recipe

RECIPE = Recipe.parse({"name": "t", "sources": {"kind": "world"}})


class Squares:
    """Finds what it was built to find: a segmenter of one rule, not a stand-in for a model."""

    def __init__(self, reads_class_name: bool = False, mask: Region | None = None) -> None:
        self._reads, self._mask = reads_class_name, mask

    @property
    def identity(self) -> Identity:
        return {"name": "squares", "reads_class_name": self._reads}

    def segment(self, images: Sequence[Pixels], class_names: Sequence[str]) -> list[Segmentation]:
        return [
            Segmentation(image[..., 0] > 128 if self._mask is None else self._mask, 0.9, "rule")
            for image in images
        ]


def square(side: int = 40, left: int = 10, top: int = 10) -> Region:
    mask = np.zeros((96, 96), bool)
    mask[top : top + side, left : left + side] = True
    return mask


def picture(mask: Region) -> Pixels:
    return np.repeat(np.where(mask, 200, 40)[..., None], 3, axis=2).astype(np.uint8)


def source(label: str = "cup", pixels: str = "p" * 64) -> dict[str, object]:
    return {"key": "k", "label": label, "pixel_sha256": pixels, "image_blob": "b.png"}


def planned(segmenter: Squares, *sources: dict[str, object]) -> list[dict[str, object]]:
    spec = spec_of("masks", masks.mask_spec(RECIPE, segmenter))
    return masks.plan_masks(spec, list(sources), segmenter)


def test_measures_are_shares_of_image_and_border() -> None:
    mask = np.zeros((100, 100), bool)
    mask[:, :25] = True
    measured = masks.measure(mask)
    assert measured["area"] == 0.25
    assert measured["components"] == 1
    # The left side and a quarter of the top and bottom rows, of 396 border pixels.
    assert measured["border"] == pytest.approx((100 + 2 * 24) / 396)


def test_specks_are_no_components() -> None:
    mask = square(60)
    mask[90, 90] = True
    assert masks.components(mask) == 1
    mask[80:90, 80:90] = True
    assert masks.components(mask) == 2
    assert masks.components(np.zeros((96, 96), bool)) == 0


def test_iou() -> None:
    one, other = square(40), square(40, left=30)
    assert masks.iou(one, one) == 1
    assert masks.iou(one, other) == pytest.approx(20 / 60)
    assert masks.iou(np.zeros_like(one), np.zeros_like(one)) == 1


def test_a_mask_is_measured_against_its_truth_and_kept_as_png() -> None:
    truth, segmenter = square(), Squares()
    rows = planned(segmenter, source())
    [made] = masks.find_masks(rows, [picture(truth)], segmenter, [truth])
    assert made.row["status"] == "ok"
    assert made.row["true_iou"] == 1
    assert made.row["predicted_iou"] == 0.9
    assert made.row["mask_sha256"] == pixel_hash(truth)
    assert (decode_mask(made.blobs["mask_blob"]) == truth).all()
    records.table("masks", [made.row])


def test_drawn_and_finished_apart_is_the_same() -> None:
    truth, segmenter = square(), Squares()
    rows = planned(segmenter, source(), source("mug", "q" * 64))
    images = [picture(truth), picture(square(20))]
    drawn = masks.draw_masks(rows, images, segmenter, [truth, None])
    whole = masks.find_masks(rows, images, segmenter, [truth, None])
    assert masks.finish_masks(rows, drawn) == whole
    assert [made.row["true_iou"] for made in whole] == [1, None]


def test_a_mask_of_another_size_fails_its_item_alone() -> None:
    segmenter = Squares(mask=np.zeros((10, 20), bool))
    rows = planned(segmenter, source())
    [made] = masks.find_masks(rows, [picture(square())], segmenter, [None])
    assert made.row["status"] == "failed"
    assert "20 x 10" in made.row["reason"]


def test_key_holds_the_class_name_only_where_the_segmenter_reads_it() -> None:
    blind, reading = Squares(), Squares(reads_class_name=True)
    cup, mug = source("cup"), source("mug")
    assert planned(blind, cup)[0]["key"] == planned(blind, mug)[0]["key"]
    assert planned(reading, cup)[0]["key"] != planned(reading, mug)[0]["key"]
    assert planned(blind, cup)[0]["key"] != planned(blind, source(pixels="q" * 64))[0]["key"]


def test_thresholds_are_not_in_the_spec() -> None:
    strict = RECIPE.model_copy(
        update={"masks": RECIPE.masks.model_copy(update={"gate": MaskGate(min_area=0.3)})}
    )
    assert masks.mask_spec(RECIPE, Squares()) == masks.mask_spec(strict, Squares())


@pytest.mark.parametrize(
    ("measure", "value", "limit"),
    [
        ("area", 0.01, "min_area"),
        ("area", 0.95, "max_area"),
        ("components", 9, "max_components"),
        ("border", 0.9, "max_border"),
        ("predicted_iou", 0.1, "min_predicted_iou"),
    ],
)
def test_gate_names_measure_value_and_limit(measure: str, value: float, limit: str) -> None:
    good = {"area": 0.3, "components": 1, "border": 0.0, "predicted_iou": 0.9}
    assert masks.gate(good, MaskGate()) == ""
    reason = masks.gate({**good, measure: value}, MaskGate())
    assert f"{measure} {value:g}" in reason
    assert f"masks.gate.{limit}" in reason


def test_gate_does_not_test_what_was_not_measured() -> None:
    row = {"area": 0.3, "components": 1, "border": 0.0, "predicted_iou": None}
    assert masks.gate(row, MaskGate(min_predicted_iou=0.9)) == ""


def test_an_empty_mask_is_rejected_whatever_the_limits_and_told_with_its_reason() -> None:
    row = {"area": 0.0, "components": 0, "border": 0.0, "predicted_iou": None, "method": "sam3"}
    open_gate = MaskGate(min_area=0, min_predicted_iou=0)
    assert masks.gate(row, open_gate) == "no object was found (sam3)"
    told = {**row, "choice": "sam3: no mask of 'cup' above masks.threshold 0.3"}
    assert masks.gate(told, open_gate).endswith(
        "(sam3: no mask of 'cup' above masks.threshold 0.3)"
    )
    assert masks.gate({**row, "method": None}, open_gate) == "no object was found"


def test_what_else_was_found_is_kept_as_json() -> None:
    class Two(Squares):
        def segment(
            self, images: Sequence[Pixels], class_names: Sequence[str]
        ) -> list[Segmentation]:
            [found] = super().segment(images, class_names)
            tried = (
                Candidate("a", None, 0.0, None, "no box"),
                Candidate("b", 0.5, 0.2, (1, 2, 3, 4)),
            )
            return [replace(found, candidates=tried, choice="the larger")]

    rows = planned(Two(), source())
    [made] = masks.find_masks(rows, [picture(square())], Two(), [None])
    records.table("masks", [made.row])
    assert made.row["choice"] == "the larger"
    assert json.loads(made.row["candidates"]) == [
        {"method": "a", "score": None, "area": 0.0, "box": None, "note": "no box"},
        {"method": "b", "score": 0.5, "area": 0.2, "box": [1, 2, 3, 4], "note": ""},
    ]
    [alone] = masks.find_masks(rows, [picture(square())], Squares(), [None])
    assert alone.row["candidates"] is None


def test_a_planned_mask_carries_the_exact_one_outside_its_key() -> None:
    (drawn,) = planned(Squares(), {**source(), "truth_mask_blob": "t.png"})
    (photograph,) = planned(Squares(), source())
    assert drawn["truth_mask_blob"] == "t.png"
    assert photograph["truth_mask_blob"] is None
    assert drawn["key"] == photograph["key"]
