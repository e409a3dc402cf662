"""The same weights in both libraries: the same answers, gradients, steps and adapters."""

import numpy as np
import pytest
import torch

from varifactory.models import LoraSettings
from varifactory.models.clip import canonical
from varifactory.models.clip.adapter import pack, read_manifest, unpack
from varifactory.models.clip.bases import find_base
from varifactory.models.clip.classifier import base_hash
from varifactory.models.clip.embedder import Embedder
from varifactory.models.clip.export import export
from varifactory.models.clip.lora import LoraClip

CLASSES = ("red cross", "gable", "zigzag")
LOGITS = 1e-4
"""Greatest difference of logits, whose range is 20: the libraries sum in another order."""


def begun(base, **changes) -> LoraClip:
    trainee = LoraClip(base, batch=4)
    given = {
        "rank": 4, "alpha": 8.0, "dropout": 0.0, "learning_rate": 0.01, "weight_decay": 0.01,
        "steps": 8, "warmup_share": 0.25, "augmentation": "flip", "seed": 5,
    }  # fmt: skip
    trainee.begin(LoraSettings(**given | changes), CLASSES)
    return trainee


def step(trainee, images) -> float:
    return trainee.step(images, [0, 1, 2, 0, 1, 2], [1 / 6] * 6)


@pytest.fixture(scope="module", params=["small", "paper-like"])
def pair(request, bases, paper_like, tmp_path_factory):
    """One CLIP in open_clip and in transformers: GELU and 24 tokens, QuickGELU and 77."""
    if request.param == "small":
        return find_base(bases["open_clip"]), find_base(bases["transformers"])
    folder = tmp_path_factory.mktemp("pair") / "transformers"
    export(find_base(str(paper_like)), folder, "transformers")
    return find_base(str(paper_like)), find_base(str(folder))


def test_embeddings_of_images_and_texts_agree(pair, images):
    one, other = (Embedder(base, batch=4) for base in pair)
    np.testing.assert_allclose(one.embed_images(images), other.embed_images(images), atol=1e-5)
    texts = ["a photo of a cat", "Dax!", "it's   a\nhouse, isn't it?", "x" * 400]
    np.testing.assert_allclose(one.embed_texts(texts), other.embed_texts(texts), atol=1e-5)
    assert one.logit_scale == pytest.approx(other.logit_scale)


def test_logits_gradients_and_steps_agree(pair, images):
    one, other = (begun(base) for base in pair)
    assert [name for name, _ in one._trained] == [name for name, _ in other._trained]
    np.testing.assert_allclose(one.logits(images), other.logits(images), atol=LOGITS)
    assert step(one, images) == pytest.approx(step(other, images), abs=1e-5)
    for (name, left), (_, right) in zip(one._trained, other._trained, strict=True):
        scale = float(left.grad.abs().max())
        torch.testing.assert_close(left.grad, right.grad, atol=1e-4 * scale + 1e-9, rtol=0,
                                   msg=f"gradient of {name}")  # fmt: skip
    # AdamW's first step is the rate times the sign of a gradient: one of about zero may turn.
    moved = torch.cat([(left - right).detach().abs().flatten() for (_, left), (_, right)
                       in zip(one._trained, other._trained, strict=True)])  # fmt: skip
    assert (moved > 1e-4).float().mean() < 0.001
    for _ in range(3):
        assert step(one, images) == pytest.approx(step(other, images), abs=1e-3)


@pytest.mark.parametrize("dropout", [0.0, 0.3])
def test_dropout_and_augmentation_draw_the_same_in_both(pair, images, dropout):
    one, other = (begun(base, dropout=dropout, augmentation="standard") for base in pair)
    for _ in range(2):
        assert step(one, images) == pytest.approx(step(other, images), abs=1e-3)


@pytest.mark.parametrize("way", ["to transformers", "to open_clip"])
def test_an_adapter_trained_in_one_answers_alike_in_the_other(pair, images, way):
    here, there = pair if way == "to transformers" else pair[::-1]
    trainee = begun(here)
    for _ in range(4):
        step(trainee, images)
    other = LoraClip(there, batch=4)
    other.load_adapter(trainee.adapter())
    np.testing.assert_allclose(other.logits(images), trainee.logits(images), atol=LOGITS)
    kept, again = unpack(trainee.adapter(), "adapter")[0], unpack(other.adapter(), "adapter")[0]
    assert all(torch.equal(kept[name], again[name]) for name in kept)
    assert (
        read_manifest(trainee.adapter())["canonical"] == read_manifest(other.adapter())["canonical"]
    )


def test_the_hash_says_which_bases_are_the_same(pair, bases, paper_like):
    one, other = (base_hash(base, "cpu") for base in pair)
    assert one == other
    assert base_hash(find_base(bases["open_clip"]), "cpu") != base_hash(
        find_base(str(paper_like)), "cpu"
    )


def test_the_hash_knows_the_activation_and_every_number(paper_like):
    base = find_base(str(paper_like))
    model = base.build()
    tensors = canonical.to_canonical(model.state_dict(), "open_clip")
    shape = canonical.shape_of(model, "open_clip")
    known = canonical.canonical_hash(tensors, shape)
    other = canonical.Shape(**{name: getattr(shape, name) for name in shape.__slots__}
                            | {"activation": "gelu"})  # fmt: skip
    assert canonical.canonical_hash(tensors, other) != known
    tensors["image.1.down.bias"][3] += 1e-6
    assert canonical.canonical_hash(tensors, shape) != known


def test_names_go_to_either_library_and_back(pair):
    for base in pair:
        state = base.build().state_dict()
        tensors = canonical.to_canonical(state, base.library)
        again = canonical.from_canonical(tensors, base.library)
        assert again.keys() == state.keys()
        assert all(torch.equal(again[name], state[name]) for name in state)
    assert canonical.own_name("text.transformer.resblocks.3.mlp.c_fc.bias", "open_clip") == (
        "text.3.up.bias"
    )
    assert canonical.own_name("visual.attn_pool.probe", "open_clip") is None


def test_an_adapter_of_the_first_version_still_loads(images):
    """Its tensors had the names that PEFT gives those of a split open_clip model."""
    trainee = begun(find_base("small-clip"))
    for _ in range(3):
        step(trainee, images)
    tensors, manifest = unpack(trainee.adapter(), "adapter")

    def old(name: str) -> str:
        layer = canonical.library_name(f"{name[:-2]}.weight", "open_clip").removesuffix(".weight")
        return f"base_model.model.{layer}.lora_{name[-1]}.weight"

    assert old("image.0.q.A") == (
        "base_model.model.visual.transformer.resblocks.0.attn.q_proj.lora_A.weight"
    )
    for newer in ("canonical", "encoders", "library", "precision"):
        del manifest[newer]
    renamed = {old(name): each for name, each in tensors.items()}
    other = LoraClip(batch=4)
    other.load_adapter(pack(renamed, manifest | {"manifest_version": 1}))
    assert np.array_equal(other.logits(images), trainee.logits(images))
