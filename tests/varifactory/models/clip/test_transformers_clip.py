import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from safetensors.torch import load_file, save_file
from transformers import (
    AutoModel,
    AutoProcessor,
    AutoTokenizer,
    CLIPModel,
    Siglip2Config,
    Siglip2ImageProcessor,
    Siglip2Model,
    Siglip2Processor,
    Siglip2Tokenizer,
    SiglipConfig,
    SiglipImageProcessor,
    SiglipModel,
    SiglipProcessor,
)

from varifactory.errors import ModelError
from varifactory.models import LoraSettings
from varifactory.models.clip.bases import find_base
from varifactory.models.clip.embedder import Embedder
from varifactory.models.clip.lora import LoraClip

TEXTS = ["a photo of a cat", "Dax", "ein Haus", "a", "b c d e f g"]


@pytest.fixture(scope="module")
def siglip(tmp_path_factory) -> Path:
    """SigLIP 2 of one picture size, as google/siglip2-base-patch16-224 is, only tiny."""
    folder = tmp_path_factory.mktemp("siglip")
    letters = [chr(code) for code in range(33, 127)] + ["▁"]
    names = ["<pad>", "<eos>", "<bos>", "<unk>", "<mask>", *letters]
    words = {word: at for at, word in enumerate(names)}
    tower = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2,
             "num_attention_heads": 2}  # fmt: skip
    torch.manual_seed(1)
    SiglipModel(SiglipConfig(
        text_config={**tower, "vocab_size": len(words), "max_position_embeddings": 64,
                     "bos_token_id": 2, "eos_token_id": 1, "pad_token_id": 0},
        vision_config={**tower, "image_size": 32, "patch_size": 16},
    )).save_pretrained(folder)  # fmt: skip
    SiglipProcessor(
        image_processor=SiglipImageProcessor(size={"height": 32, "width": 32}, resample=2),
        tokenizer=Siglip2Tokenizer(words, [], padding_side="right"),
    ).save_pretrained(folder)
    return folder


def test_the_identity_is_known_without_loading_anything(in_transformers):
    code = (
        "import sys; from varifactory.models.clip.bases import find_base; "
        f"print(find_base({str(in_transformers)!r}).weights); "
        "sys.exit(bool({'torch', 'transformers', 'open_clip'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert len(done.stdout.strip()) == 64


def test_clip_embeds_as_transformers_itself_does(in_transformers, images):
    wide = [np.concatenate([image, image[:, ::-1]], axis=1) for image in images]
    ours = Embedder(find_base(str(in_transformers)), batch=4)
    model = CLIPModel.from_pretrained(in_transformers)
    processor = AutoProcessor.from_pretrained(in_transformers, local_files_only=True)
    shown = processor(
        images=[Image.fromarray(image) for image in wide], text=TEXTS, return_tensors="pt",
        padding=True, truncation=True,
    )  # fmt: skip
    with torch.inference_mode():
        stock = model(**shown)
    likeness = (ours.embed_images(wide) * stock.image_embeds.numpy()).sum(axis=1)
    assert likeness.min() > 0.999
    np.testing.assert_allclose(ours.embed_texts(TEXTS), stock.text_embeds.numpy(), atol=1e-5)
    assert ours.logit_scale == pytest.approx(float(model.logit_scale.detach().exp()))


@pytest.mark.parametrize("legacy", [True, False])
def test_texts_are_read_at_their_end_whatever_the_configuration_calls_it(
    tmp_path, in_transformers, legacy
):
    folder = shutil.copytree(in_transformers, tmp_path / "clip")
    config = json.loads((folder / "config.json").read_text())
    config["text_config"]["eos_token_id"] = 2 if legacy else 49407
    (folder / "config.json").write_text(json.dumps(config))
    found = Embedder(find_base(str(folder))).embed_texts(TEXTS)
    wanted = Embedder(find_base("small-clip")).embed_texts(TEXTS)
    np.testing.assert_allclose(found, wanted, atol=1e-5)


def test_siglip_embeds_and_scores_as_transformers_itself_does(siglip, images):
    wide = [np.concatenate([image, image[:, ::-1]], axis=1) for image in images]
    ours = Embedder(find_base(f"transformers:{siglip}"), batch=4)
    model = AutoModel.from_pretrained(siglip)
    processor = AutoProcessor.from_pretrained(siglip, local_files_only=True)
    shown = processor(
        images=[Image.fromarray(image) for image in wide], text=TEXTS, return_tensors="pt",
        padding="max_length", truncation=True, max_length=64,
    )  # fmt: skip
    with torch.inference_mode():
        stock = model(input_ids=shown["input_ids"], pixel_values=shown["pixel_values"])
    seen, read = ours.embed_images(wide), ours.embed_texts(TEXTS)
    assert (seen * stock.image_embeds.numpy()).sum(axis=1).min() > 0.999
    np.testing.assert_allclose(read, stock.text_embeds.numpy(), atol=1e-5)
    logits = ours.logit_scale * stock.image_embeds.numpy() @ read.T + model.logit_bias.item()
    np.testing.assert_allclose(logits, stock.logits_per_image.numpy(), atol=1e-4)
    assert np.array_equal(ours.embed_texts(["dax"]), ours.embed_texts(["DAX"]))


@pytest.fixture(scope="module")
def naflex(tmp_path_factory, siglip) -> Path:
    """SigLIP 2 that keeps a picture's shape, as google/siglip2-base-patch16-naflex does."""
    folder = tmp_path_factory.mktemp("naflex")
    tower = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2,
             "num_attention_heads": 2}  # fmt: skip
    torch.manual_seed(2)
    Siglip2Model(Siglip2Config(
        text_config={**tower, "vocab_size": 100, "max_position_embeddings": 64,
                     "bos_token_id": 2, "eos_token_id": 1, "pad_token_id": 0},
        vision_config={**tower, "num_patches": 16, "patch_size": 8},
    )).save_pretrained(folder)  # fmt: skip
    Siglip2Processor(
        image_processor=Siglip2ImageProcessor(patch_size=8, max_num_patches=16),
        tokenizer=AutoTokenizer.from_pretrained(siglip),
    ).save_pretrained(folder)
    return folder


@pytest.mark.parametrize("shape", [(96, 96), (96, 30), (20, 96)])
def test_naflex_keeps_a_picture_s_shape_as_transformers_itself_does(naflex, images, shape):
    cut = [np.ascontiguousarray(image[: shape[0], : shape[1]]) for image in images]
    ours = Embedder(find_base(str(naflex)), batch=4)
    model = AutoModel.from_pretrained(naflex)
    shown = Siglip2ImageProcessor.from_pretrained(naflex)(
        [Image.fromarray(image) for image in cut], return_tensors="pt"
    )
    with torch.inference_mode():
        stock = model.get_image_features(**shown).pooler_output
    wanted = F.normalize(stock, dim=-1).numpy()
    assert (ours.embed_images(cut) * wanted).sum(axis=1).min() > 0.999
    assert ours.embed_texts(TEXTS).shape == (5, 32)
    mixed = ours.embed_images([cut[0], images[0]])
    assert np.array_equal(mixed[0], ours.embed_images(cut)[0])


def test_embeddings_do_not_depend_on_batch_mates_or_place(siglip, images):
    ours = Embedder(find_base(str(siglip)), batch=4)
    together = ours.embed_images(images)
    np.testing.assert_allclose(np.linalg.norm(together, axis=1), 1, atol=1e-5)
    for at in range(6):
        assert np.array_equal(ours.embed_images(images[at : at + 1])[0], together[at])
    assert np.array_equal(ours.embed_images(images[::-1])[::-1], together)
    assert len(ours.embed_images([])) == len(ours.embed_texts([])) == 0


def test_siglip_is_not_trained(siglip):
    settings = LoraSettings(
        rank=2, alpha=2, dropout=0, learning_rate=0.1, weight_decay=0, steps=2, warmup_share=0,
        augmentation="none", seed=1,
    )  # fmt: skip
    with pytest.raises(ModelError, match="is a siglip and embeds only: train a CLIP"):
        LoraClip(find_base(str(siglip))).begin(settings, ["a", "b"])


def test_the_name_of_a_folder_may_have_the_prefix_and_its_path_is_no_identity(
    tmp_path, in_transformers
):
    bare, named = find_base(str(in_transformers)), find_base(f"transformers:{in_transformers}")
    moved = find_base(str(shutil.copytree(in_transformers, tmp_path / "moved")))
    assert bare.identity == named.identity == moved.identity
    config = tmp_path / "moved" / "config.json"
    config.write_text(config.read_text().replace("quick_gelu", "gelu").replace('"gelu"', '"relu"'))
    other = find_base(str(tmp_path / "moved"))
    assert other.identity != bare.identity


def test_what_is_no_clip_or_not_whole_is_refused(tmp_path, in_transformers):
    folder = shutil.copytree(in_transformers, tmp_path / "clip")
    with pytest.raises(ModelError, match=r"training\.clip_sha256 is 000000000000"):
        find_base(str(folder), sha256="0" * 64)
    state = load_file(folder / "model.safetensors")
    lost = state.pop("visual_projection.weight")
    save_file(state, folder / "model.safetensors", {"format": "pt"})
    with pytest.raises(ModelError, match=r"1 tensors of the model are not .*visual_projection"):
        find_base(str(folder)).build()
    save_file({**state, "visual_projection.weight": lost[:3].clone()},
              folder / "model.safetensors", {"format": "pt"})  # fmt: skip
    with pytest.raises(ModelError, match=r"of another shape, such as visual_projection"):
        find_base(str(folder)).build()
    (folder / "model.safetensors").write_bytes(b"torn")
    with pytest.raises(ModelError, match="cannot be loaded by transformers"):
        find_base(str(folder)).build()
    (folder / "model.safetensors").unlink()
    torch.save(state, folder / "pytorch_model.bin")
    with pytest.raises(ModelError, match="convert it to safetensors"):
        find_base(str(folder)).build()
    (folder / "config.json").write_text('{"model_type": "bert"}')
    with pytest.raises(ModelError, match=r"is a 'bert', not a CLIP; known kinds are clip, siglip"):
        find_base(f"transformers:{folder}")
    (folder / "config.json").write_text("{}")
    with pytest.raises(ModelError, match="is no model of transformers"):
        find_base(str(folder))


def test_a_missing_tokenizer_says_which_files_to_add(tmp_path, in_transformers):
    folder = shutil.copytree(in_transformers, tmp_path / "clip")
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (folder / name).unlink()
    with pytest.raises(ModelError, match=r"put tokenizer\.json or vocab\.json"):
        Embedder(find_base(str(folder))).embed_texts(["a"])


def test_names_that_cannot_be_a_folder_or_a_hub_s_are_refused(tmp_path, monkeypatch):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(ModelError, match=r"training\.clip '/no/where' is neither a folder"):
        find_base("transformers:/no/where")
    with pytest.raises(ModelError, match=r"verdicts\.clip 'openai/none' .* not in the local cache"):
        find_base("transformers:openai/none", key="verdicts.clip")
    pinned = find_base("transformers:openai/clip-vit-base-patch16", revision="a" * 40)
    assert pinned.identity == {
        "name": "transformers:openai/clip-vit-base-patch16",
        "weights": f"openai/clip-vit-base-patch16@{'a' * 40}",
    }
