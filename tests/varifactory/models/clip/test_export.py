import json
import shutil

import numpy as np
import open_clip
import pytest
import torch
from PIL import Image
from tokenizers import Tokenizer
from transformers import AutoImageProcessor, AutoTokenizer, CLIPModel

from varifactory.errors import ModelError
from varifactory.models import LoraSettings
from varifactory.models.clip.adapter import pack, unpack
from varifactory.models.clip.bases import find_base
from varifactory.models.clip.export import MANIFEST_FILE, export
from varifactory.models.clip.lora import LoraClip

CLASSES = ("red cross", "gable", "zigzag")
TEXTS = [f"a photo of a {name}" for name in CLASSES]


@pytest.fixture(scope="module", params=["open_clip", "transformers"])
def trained(request, bases, images) -> LoraClip:
    trainee = LoraClip(bases[request.param], batch=4)
    settings = LoraSettings(
        rank=4, alpha=8.0, dropout=0.0, learning_rate=0.01, weight_decay=0.01, steps=8,
        warmup_share=0.25, augmentation="flip", seed=5,
    )  # fmt: skip
    trainee.begin(settings, CLASSES)
    before = trainee.logits(images)
    for _ in range(4):
        trainee.step(images, [0, 1, 2, 0, 1, 2], [1 / 6] * 6)
    assert np.abs(trainee.logits(images) - before).max() > 1
    return trainee


def square(images) -> list[np.ndarray]:
    """At the tower's size, so that no library's way of resizing takes part."""
    return [np.ascontiguousarray(image[16:80, 16:80]) for image in images]


def test_stock_open_clip_reads_the_export_and_answers_alike(trained, images, tmp_path):
    folder = tmp_path / "merged"
    export(trained.base, folder, "open_clip", trained.adapter())
    model, show = open_clip.create_model_from_pretrained(f"local-dir:{folder}")
    tokens = open_clip.get_tokenizer(f"local-dir:{folder}")(TEXTS)
    pictures = torch.stack([show(Image.fromarray(each))
                            for each in square(images)])  # fmt: skip
    with torch.inference_mode():
        found, _ = model.eval().get_logits(pictures, tokens)
    np.testing.assert_allclose(found.numpy(), trained.logits(square(images)), atol=2e-4)


def test_stock_transformers_reads_the_export_and_answers_alike(trained, images, tmp_path):
    folder = tmp_path / "merged"
    export(trained.base, folder, "transformers", trained.adapter())
    model = CLIPModel.from_pretrained(folder)
    words = AutoTokenizer.from_pretrained(folder)(TEXTS, padding=True, return_tensors="pt")
    shown = AutoImageProcessor.from_pretrained(folder)(square(images), return_tensors="pt")
    with torch.inference_mode():
        found = model.eval()(**words, **shown).logits_per_image
    np.testing.assert_allclose(found.numpy(), trained.logits(square(images)), atol=2e-4)


def test_the_export_tells_what_it_is_made_of(trained, tmp_path):
    told = export(trained.base, tmp_path / "merged", "open_clip", trained.adapter())
    assert told == json.loads((tmp_path / "merged" / MANIFEST_FILE).read_text())
    assert told["adapter"]["class_names"] == list(CLASSES)
    assert (told["base"], told["weights"]) == (trained.base.name, trained.base.weights)
    assert [each.name for each in tmp_path.iterdir()] == ["merged"]


def test_a_merge_is_float32_and_leaves_all_else_to_the_bit(trained, tmp_path):
    from varifactory.models.clip import canonical

    export(trained.base, tmp_path / "merged", trained.base.library, trained.adapter())
    library = trained.base.library
    before = canonical.to_canonical(trained.base.build().state_dict(), library)
    after = canonical.to_canonical(
        find_base(str(tmp_path / "merged")).build().state_dict(), library
    )
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    adapted = {name.rpartition(".")[0] for name in unpack(trained.adapter(), "adapter")[0]}
    assert changed == {f"{layer}.weight" for layer in adapted}


def test_a_vocabulary_of_its_own_goes_along(in_transformers, tmp_path, images):
    """A CLIP whose tokenizer is not the one that open_clip carries."""
    folder = shutil.copytree(in_transformers, tmp_path / "own")
    rules = json.loads((folder / "tokenizer.json").read_text())
    rules["model"]["merges"] = rules["model"]["merges"][:1000]
    dropped = [word for word, number in rules["model"]["vocab"].items() if 2000 < number < 2010]
    for word in dropped:
        del rules["model"]["vocab"][word]
    (folder / "tokenizer.json").write_text(json.dumps(rules))
    Tokenizer.from_file(str(folder / "tokenizer.json"))
    base = find_base(str(folder))
    export(base, tmp_path / "merged", "open_clip")
    tokens = open_clip.get_tokenizer(f"local-dir:{tmp_path / 'merged'}")(TEXTS)
    assert np.array_equal(tokens.numpy(), base.tokens(base.build(), TEXTS))


def test_what_cannot_be_exported_says_why(trained, tmp_path, paper_like):
    base = trained.base
    (tmp_path / "there").mkdir()
    with pytest.raises(ModelError, match="is there already: name a new folder"):
        export(base, tmp_path / "there", "open_clip")
    with pytest.raises(ModelError, match="'onnx': known are open_clip, transformers"):
        export(base, tmp_path / "new", "onnx")
    with pytest.raises(ModelError, match=r"was trained on .*name that base in training\.clip"):
        export(find_base(str(paper_like)), tmp_path / "new", "open_clip", trained.adapter())
    with pytest.raises(ModelError, match="not a file of ours"):
        export(base, tmp_path / "new", "open_clip", b"nothing")
    tensors, manifest = unpack(trained.adapter(), "adapter")
    with pytest.raises(ModelError, match="expected a file of kind 'adapter'"):
        export(base, tmp_path / "new", "open_clip", pack(tensors, manifest | {"kind": "other"}))
    assert [each.name for each in tmp_path.iterdir()] == ["there"]


def test_a_model_that_the_other_library_cannot_hold_is_refused(tmp_path):
    from varifactory.models.clip import canonical

    config = {
        "embed_dim": 16,
        "vision_cfg": {"image_size": 32, "patch_size": 16, "width": 32, "layers": 1,
                       "head_width": 16, "pool_type": "avg"},
        "text_cfg": {"context_length": 16, "vocab_size": 64, "width": 32, "heads": 2, "layers": 1},
    }  # fmt: skip
    model = open_clip.CLIP(**config)
    with pytest.raises(ModelError, match="no plain CLIP"):
        canonical.shape_of(model, "open_clip")
    with pytest.raises(ModelError, match=r"holds 'visual\.extra'"):
        canonical.to_canonical({**model.state_dict(), "visual.extra": torch.ones(1)}, "open_clip")
