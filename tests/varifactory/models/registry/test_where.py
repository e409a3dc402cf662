"""Where a model computes, as its identity tells it: for every name that a recipe can give."""

from collections.abc import Mapping
from typing import Any

import pytest

from varifactory.models import registry
from varifactory.recipe import Checkpoint, Recipe
from varifactory.recipe.varireal import VariReal

SMALL = {"small-sam", "saliency-onnx", "grabcut-saliency", "grabcut-box", "compositor",
         "small-diffusion", "vision"}  # fmt: skip
"""Built in, without weights, or (``vision``) on a provider's machine; ``saliency-onnx`` where its
onnxruntime is the plain one, as here."""


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Of no use but to be named by its hash."""
    folder = tmp_path_factory.mktemp("weights")
    for name in ("model.safetensors", "model.onnx"):
        (folder / name).write_bytes(name.encode())
    return {"name": str(folder)}


def on_card(device: str, build: Any, **parts: Mapping[str, Any]) -> bool:
    given = Recipe.parse(
        {"name": "t", "sources": {"kind": "world"}, "run": {"device": device}, **parts}
    )
    return registry.on_card(given, build(given))


def masks(weights: dict[str, str], **more: Any) -> dict[str, Any]:
    own = {"checkpoint": weights, "saliency": {"checkpoint": weights},
           "detector": {"checkpoint": weights}}  # fmt: skip
    return {**own, **more}


def edits(weights: dict[str, str], editor: str) -> dict[str, Any]:
    own = editor not in SMALL
    parts = [name for name, field in VariReal.model_fields.items()
             if field.annotation is Checkpoint]  # fmt: skip
    named = dict.fromkeys(parts, weights)
    return {"editor": editor, "varireal": named, **({"checkpoint": weights} if own else {})}


@pytest.mark.parametrize("device", ["cpu", "cuda"])
@pytest.mark.parametrize("name", registry.SEGMENTERS)
def test_a_segmenter(name: str, device: str, weights: dict[str, str]) -> None:
    large = name not in SMALL
    asked = masks(weights, segmenter=name)
    assert on_card(device, registry.segmenter, masks=asked) is (large and device == "cuda")


@pytest.mark.parametrize(
    ("asked", "large"),
    [
        ({"segmenter": "small-sam", "fallbacks": ["grabcut-box"]}, False),
        ({"segmenter": "small-sam", "prompt": "grounding-dino"}, True),
        ({"segmenter": "sam2", "fallbacks": ["small-sam", "grabcut-saliency"]}, True),
        ({"segmenter": "grabcut-box", "prompt": "grounding-dino", "fallbacks": ["small-sam"]},
         True),
        ({"segmenter": "sam3", "fallbacks": ["saliency-onnx"]}, True),
    ],
)  # fmt: skip
def test_of_several_parts_one_on_the_card_is_enough(
    asked: dict[str, Any], large: bool, weights: dict[str, str]
) -> None:
    asked = masks(weights, **asked)
    assert on_card("cuda", registry.segmenter, masks=asked) is large
    assert not on_card("cpu", registry.segmenter, masks=asked)


@pytest.mark.parametrize("device", ["cpu", "cuda"])
@pytest.mark.parametrize("name", registry.EDITORS)
def test_an_editor(name: str, device: str, weights: dict[str, str]) -> None:
    found = on_card(
        device, lambda given: registry.inpainter(given, name), edits=edits(weights, name)
    )
    assert found is (name not in SMALL and device == "cuda")


@pytest.mark.parametrize("device", ["cpu", "cuda"])
@pytest.mark.parametrize("clip", ["small-clip", "ViT-B-16/openai"])
@pytest.mark.parametrize("name", registry.JUDGES)
def test_a_judge(name: str, clip: str, device: str, weights: dict[str, str]) -> None:
    own = {"model": "openai/x", "checkpoint": weights}
    found = on_card(
        device, lambda given: registry.judge(given, (), "", name=name),
        verdicts={"judge": name, **own}, training={"clip": clip},
    )  # fmt: skip
    large = name == "vision-local" or (name in ("measured", "clip") and clip != "small-clip")
    assert found is (large and device == "cuda")


def test_who_is_trained_and_who_is_tuned(weights: dict[str, str]) -> None:
    for clip, large in (("small-clip", False), ("ViT-B-16/openai", True)):
        assert on_card("cuda", registry.trainee, training={"clip": clip}) is large
    for editor, large in (("small-diffusion", False), ("sdxl", True)):
        assert on_card("cuda", registry.tuner, edits=edits(weights, editor)) is large
