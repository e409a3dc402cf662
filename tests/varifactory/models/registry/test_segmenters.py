"""Segmenters by name: nothing is loaded, and what is missing is told at once."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from varifactory.errors import ModelError
from varifactory.models import registry
from varifactory.recipe import Recipe

SCRIPT = """
import json, sys
from varifactory.errors import ModelError
from varifactory.models import registry
from varifactory.recipe import Recipe
told = {}
for name in registry.SEGMENTERS:
    masks = {"segmenter": name, **json.loads(sys.argv[1])}
    recipe = Recipe.parse({"name": "t", "sources": {"kind": "world"}, "masks": masks})
    try:
        told[name] = dict(registry.segmenter(recipe).identity)
    except ModelError as error:
        told[name] = str(error)
loaded = sorted({"torch", "transformers", "segment_anything", "onnxruntime"} & set(sys.modules))
print(json.dumps([told, loaded]))
"""


def asked(masks: dict[str, object], **variables: str) -> tuple[dict[str, object], list[str]]:
    """Every segmenter's identity or refusal, in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, json.dumps(masks)],
        capture_output=True, text=True, check=True, env={**os.environ, **variables},
    )  # fmt: skip
    told, loaded = json.loads(done.stdout)
    return told, loaded


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of no use but to be named by its hash: building reads no more."""
    folder = tmp_path_factory.mktemp("weights")
    (folder / "model.safetensors").write_bytes(b"weights")
    (folder / "model.onnx").write_bytes(b"model")
    return folder


def test_every_name_is_built_without_loading_anything(weights):
    checkpoint = {"name": str(weights)}
    masks = {
        "checkpoint": checkpoint,
        "detector": {"checkpoint": checkpoint},
        "saliency": {"checkpoint": checkpoint},
        "fallbacks": [],
    }
    told, loaded = asked(masks)
    assert loaded == []
    assert {name: identity["name"] for name, identity in told.items()} == {
        name: name for name in registry.SEGMENTERS
    }
    assert {name: identity["reads_class_name"] for name, identity in told.items()} == {
        name: name == "sam3" for name in registry.SEGMENTERS
    }
    by_words, loaded = asked({**masks, "prompt": "grounding-dino"})
    assert loaded == []
    readers = {name for name, one in by_words.items() if one["reads_class_name"]}
    assert readers == {"small-sam", "sam", "sam2", "sam3"}


def test_the_usual_checkpoints_are_asked_for_and_their_absence_told():
    # A cache that is empty, and no hub: what a machine without a network says.
    told, _ = asked({}, HF_HUB_OFFLINE="1", HF_HUB_CACHE="/nonexistent")
    assert "masks.checkpoint.name 'facebook/sam2.1-hiera-large'" in told["sam2"]
    assert "masks.checkpoint.name 'facebook/sam3'" in told["sam3"]
    assert "masks.checkpoint.name is empty" in told["sam"]
    assert "masks.saliency.checkpoint.name is empty" in told["saliency-onnx"]
    detected, _ = asked({"prompt": "grounding-dino"}, HF_HUB_OFFLINE="1",
                        HF_HUB_CACHE="/nonexistent")  # fmt: skip
    assert (
        "masks.detector.checkpoint.name 'IDEA-Research/grounding-dino-base'"
        in (detected["small-sam"])
    )


def test_an_unknown_name_is_refused_with_the_known_ones():
    recipe = {"name": "t", "sources": {"kind": "world"}, "masks": {"segmenter": "sam4"}}
    with pytest.raises(ModelError, match=r"masks\.segmenter is 'sam4'; known are small-sam, sam"):
        registry.segmenter(Recipe.parse(recipe))


def test_recipes_that_differ_in_the_gate_alone_share_a_segmenter():
    def built(**gate: float) -> object:
        masks = {"segmenter": "small-sam", "gate": gate}
        recipe = {"name": "t", "sources": {"kind": "world"}, "masks": masks}
        return registry.segmenter(Recipe.parse(recipe))

    assert built(min_area=0.1) is built(min_area=0.2)
