"""Settings of masks: what a recipe may say, and what it is told where it may not."""

import pytest

from varifactory.errors import RecipeError
from varifactory.recipe import Recipe


def parsed(**masks: object) -> Recipe:
    return Recipe.parse({"name": "t", "sources": {"kind": "world"}, "masks": masks})


def test_the_defaults_are_the_built_in_one_and_isnets_numbers():
    masks = parsed().masks
    assert (masks.segmenter, masks.prompt, masks.fallbacks) == ("small-sam", "middle-box", ())
    saliency = masks.saliency
    assert (saliency.size, saliency.mean, saliency.scale) == (1024, (128,) * 3, (256,) * 3)


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"phrase": "a thing"}, r"'masks\.phrase'.*a phrase holds \{class_name\} once"),
        ({"phrase": "{class_name} {class_name}"}, "once"),
        ({"detector": {"phrase": "a\n{class_name}"}}, r"masks\.detector\.phrase"),
        ({"architecture": "vit_x"}, r"masks\.architecture.*'vit_h', 'vit_l', 'vit_b' or 'config'"),
        ({"prompt": "mouse"}, r"masks\.prompt.*'grounding-dino'"),
        ({"choose": "first"}, r"masks\.choose.*'best-score', 'largest' or 'most-central'"),
        ({"saliency": {"scale": [0, 1, 1]}}, r"masks\.saliency\.scale.*each is above 0"),
        ({"saliency": {"mean": [1, 2]}}, r"masks\.saliency\.mean"),
        ({"saliency": {"colour": 1}}, r"unknown key 'masks\.saliency\.colour'"),
        ({"detector": {"threshold": 2}}, r"masks\.detector\.threshold"),
    ],
)
def test_what_cannot_be_is_refused_with_key_and_value(keys, said):
    with pytest.raises(RecipeError, match=said):
        parsed(**keys)


def test_settings_reach_it_from_the_command_line(tmp_path):
    path = tmp_path / "r.yaml"
    path.write_text("name: t\nsources: {kind: world}\n", encoding="utf-8")
    settings = ["masks.fallbacks=[saliency-onnx, middle-box]", "masks.saliency.mean=[1, 2, 3]"]
    masks = Recipe.read(path, settings).masks
    assert masks.fallbacks == ("saliency-onnx", "middle-box")
    assert masks.saliency.mean == (1, 2, 3)
