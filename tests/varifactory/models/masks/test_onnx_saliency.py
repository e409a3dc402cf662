"""A saliency model of one's own: tiny .onnx files, run by onnxruntime."""

import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from varifactory import masks
from varifactory.errors import ModelError
from varifactory.models.masks.onnx_saliency import expected_iou, prepared
from varifactory.recipe import MaskGate
from varifactory.recipe.masks import Saliency

SIDE = 32


def write(path: Path, *, side: object = SIDE, gain: float = 4.0, planes: int = 3) -> Path:
    """A model that finds what is red: clip(gain x (red - (green + blue) / 2), 0, 1), and raw.

    Its first output is the map, its second the picture itself.
    """
    weights = np.array([1, -0.5, -0.5][:planes], np.float32).reshape(1, planes, 1, 1) * gain
    nodes = [
        helper.make_node("Conv", ["picture", "weights"], ["raw"], kernel_shape=[1, 1]),
        helper.make_node("Clip", ["raw", "zero", "one"], ["map"]),
        helper.make_node("Identity", ["picture"], ["same"]),
    ]
    constants = [
        helper.make_tensor("weights", TensorProto.FLOAT, weights.shape, weights.ravel()),
        helper.make_tensor("zero", TensorProto.FLOAT, [], [0.0]),
        helper.make_tensor("one", TensorProto.FLOAT, [], [1.0]),
    ]
    shape = [1, planes, side, side]
    outputs = [
        helper.make_tensor_value_info("map", TensorProto.FLOAT, [1, 1, side, side]),
        helper.make_tensor_value_info("same", TensorProto.FLOAT, shape),
        helper.make_tensor_value_info("raw", TensorProto.FLOAT, [1, 1, side, side]),
    ]
    picture = helper.make_tensor_value_info("picture", TensorProto.FLOAT, shape)
    graph = helper.make_graph(nodes, "reds", [picture], outputs, constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    onnx.save(model, str(path))
    return path


@pytest.fixture(scope="module")
def reds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("onnx") / "reds.onnx")


def settings(path: Path, **more: object) -> dict[str, object]:
    return {"checkpoint": {"name": str(path)}, "size": SIDE, **more}


def wanted(path: Path, **more: object) -> dict[str, object]:
    return {"segmenter": "saliency-onnx", "saliency": settings(path, **more)}


def red_square(height: int = 60, width: int = 90) -> tuple[np.ndarray, np.ndarray]:
    mask = np.zeros((height, width), bool)
    mask[height // 4 : height * 3 // 4, width // 3 : width * 2 // 3] = True
    return np.where(mask[..., None], (250, 20, 20), (60, 90, 70)).astype(np.uint8), mask


def test_what_the_model_finds_is_the_mask_in_the_size_of_the_picture(build, reds):
    image, truth = red_square()
    [found] = build(**wanted(reds)).segment([image], ["cup"])
    assert found.mask.shape == truth.shape
    assert masks.iou(found.mask, truth) > 0.85
    assert found.method == "saliency-onnx"
    assert found.predicted_iou > 0.8


def test_a_mask_does_not_depend_on_the_other_images_or_their_order(build, reds):
    images = [red_square()[0], red_square(40, 40)[0], red_square(200, 31)[0][::-1].copy()]
    segmenter = build(**wanted(reds))
    found = segmenter.segment(images, [""] * 3)
    turned = segmenter.segment(images[::-1], [""] * 3)[::-1]
    for one, other in zip(found, turned, strict=True):
        assert np.array_equal(one.mask, other.mask)
        assert one.predicted_iou == other.predicted_iou


def test_a_picture_without_anything_is_an_empty_mask_that_the_gate_rejects(build, reds):
    image = np.full((20, 30, 3), 90, np.uint8)
    [found] = build(**wanted(reds)).segment([image], ["cup"])
    assert not found.mask.any()
    row = {**masks.measure(found.mask), "predicted_iou": found.predicted_iou,
           "choice": found.choice}  # fmt: skip
    assert masks.gate(row, MaskGate(min_area=0)) == (
        "no object was found (saliency-onnx: an empty mask)"
    )


def test_pixels_are_moved_and_scaled_as_the_recipe_says():
    image = np.full((8, 8, 3), (10, 20, 30), np.uint8)
    given = prepared(image, Saliency(size=16, mean=(10, 10, 10), scale=(1, 2, 4)))
    assert given.shape == (1, 3, 16, 16)
    assert given.dtype == np.float32
    assert given[0, :, 0, 0].tolist() == [0, 5, 5]


def test_scale_moves_the_mask_and_is_part_of_the_identity(build, reds):
    image, _ = red_square()
    plain, faint = build(**wanted(reds)), build(**wanted(reds, scale=(9000, 9000, 9000)))
    assert plain.segment([image], [""])[0].mask.any()
    assert not faint.segment([image], [""])[0].mask.any()
    assert plain.identity != faint.identity
    assert plain.identity["dtype"] == "as in the file"
    assert plain.identity["reads_class_name"] is False


def test_logits_and_unstretched_maps(build, reds):
    image, truth = red_square()
    [plain] = build(**wanted(reds)).segment([image], [""])
    [logits] = build(**wanted(reds, output=2, activation="sigmoid")).segment([image], [""])
    # Probability 0.5 is where the raw map is 0, a little outside of where it is 0.5.
    assert (logits.mask >= plain.mask).all()
    assert masks.iou(logits.mask, truth) > 0.75
    dim = {"scale": (9000, 9000, 9000), "stretch": True}
    [stretched] = build(**wanted(reds, **dim)).segment([image], [""])
    assert masks.iou(stretched.mask, truth) > 0.85


def test_expected_iou_is_of_probabilities():
    mask = np.array([[True, False]])
    assert expected_iou(np.array([[1, 0]], np.float32), mask) == 1
    assert expected_iou(np.array([[0.6, 0.5]], np.float32), mask) == pytest.approx(0.6 / 1.5)
    assert expected_iou(np.zeros((1, 2), np.float32), np.zeros((1, 2), bool)) == 0


def test_an_open_size_takes_any(build, tmp_path):
    path = write(tmp_path / "open.onnx", side="side")
    image, truth = red_square()
    [found] = build(**wanted(path, size=64)).segment([image], [""])
    assert masks.iou(found.mask, truth) > 0.9


def test_another_size_an_output_it_lacks_and_no_map_are_refused(build, reds):
    image, _ = red_square()
    for more, said in (
        ({"size": 64}, r"takes pictures of \[32, 32\] pixels: set masks\.saliency\.size"),
        ({"output": 7}, r"has 3 outputs, masks\.saliency\.output is 7"),
        ({"output": 1}, r"output 1 of the model has the shape \(1, 3, 32, 32\), no single map"),
    ):
        with pytest.raises(ModelError, match=said):
            build(**wanted(reds, **more)).segment([image], [""])


def test_a_model_of_other_inputs_and_a_damaged_file_are_refused(build, tmp_path):
    image, _ = red_square()
    grey = write(tmp_path / "grey.onnx", planes=1)
    with pytest.raises(ModelError, match="not one picture"):
        build(**wanted(grey)).segment([image], [""])
    (tmp_path / "bad.onnx").write_bytes(b"no model")
    with pytest.raises(ModelError, match=r"bad\.onnx cannot be run by onnxruntime"):
        build(**wanted(tmp_path / "bad.onnx")).segment([image], [""])


def test_numbers_that_are_not_finite_fail_the_item_not_the_run(build, tmp_path):
    path = write(tmp_path / "nan.onnx", gain=float("nan"))
    with pytest.raises(ValueError, match="not finite"):
        build(**wanted(path)).segment([red_square()[0]], [""])


def test_no_file_is_refused(build):
    with pytest.raises(ModelError, match=r"masks\.saliency\.checkpoint\.name is empty"):
        build(segmenter="saliency-onnx")


def test_without_onnxruntime_the_package_to_install_is_named(build, reds, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(ModelError, match="pip install onnxruntime"):
        build(**wanted(reds, threshold=0.41))


def test_a_card_that_onnxruntime_cannot_use_is_told(build, reds):
    import onnxruntime

    segmenter = build(**wanted(reds, device="cuda"))
    assert "threads" not in segmenter.identity
    if "CUDAExecutionProvider" in onnxruntime.get_available_providers():
        assert segmenter.segment([red_square()[0]], [""])[0].mask.any()
        return
    with pytest.raises(ModelError, match="onnxruntime-gpu"):
        segmenter.segment([red_square()[0]], [""])
