import hashlib
import json
import logging
import re
import shutil
import subprocess
import sys

import numpy as np
import open_clip
import pytest
import torch
from open_clip.pretrained import _PRETRAINED
from PIL import Image
from safetensors.torch import load_file, save_file

from varifactory.errors import ModelError
from varifactory.models.clip.activation import published
from varifactory.models.clip.bases import find_base
from varifactory.models.clip.embedder import Embedder
from varifactory.models.clip.open_clip import BUILT_IN, CONFIG, WEIGHTS, find_checkpoint
from varifactory.models.clip.pictures import prepare
from varifactory.world import load_world, render, sample_scene

FOLDER = BUILT_IN / "small-clip"


@pytest.fixture(scope="module")
def clip() -> Embedder:
    return Embedder(find_base("small-clip"), batch=4)


def embedder(name) -> Embedder:
    return Embedder(find_base(str(name)))


def test_the_shipped_weights_are_those_of_the_card_and_small():
    card = json.loads((FOLDER / "card.json").read_text())
    weights = (FOLDER / WEIGHTS).read_bytes()
    assert hashlib.sha256(weights).hexdigest() == card["sha256"]
    assert len(weights) < 8_000_000


def test_the_identity_is_known_without_loading_anything():
    code = (
        "import sys; from varifactory.models.clip.bases import find_base; "
        "from varifactory.models.clip.embedder import Embedder; "
        "print(Embedder(find_base('small-clip'), threads=3).identity['weights']); "
        "sys.exit(bool({'torch', 'open_clip'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == json.loads((FOLDER / "card.json").read_text())["sha256"]


def test_pretraining_never_met_a_class_or_a_word_of_the_study():
    world = load_world()
    trained = json.loads((FOLDER / "card.json").read_text())["trained_with"]["classes"]
    assert set(trained) == set(world.pretraining_classes)
    tokenizer = open_clip.get_tokenizer(f"local-dir:{FOLDER}")
    texts = [*trained, *world.colors, *world.textures, *world.captions]
    texts += [place["place"] for place in world.backgrounds.values()]
    met = set(tokenizer(texts).flatten().tolist())
    for name in world.study_classes:
        own = set(tokenizer([name])[0].tolist()) - {0, 49406, 49407}
        assert not own & met, name


def test_it_knows_its_own_classes_on_new_pictures(clip):
    world = load_world()
    names = world.pretraining_classes
    scenes = [
        sample_scene(world, 10**9 + at, class_name=names[at % len(names)]) for at in range(90)
    ]
    found = clip.embed_images([render(world, scene).image for scene in scenes])
    texts = clip.embed_texts([f"a photo of a {name}" for name in names])
    right = (found @ texts.T).argmax(axis=1) == np.arange(90) % len(names)
    card = json.loads((FOLDER / "card.json").read_text())
    assert right.mean() > card["figures"]["zero_shot_pretraining_top1"] - 0.15
    assert right.mean() > 0.5


def test_embeddings_are_unit_vectors_independent_of_batch_mates_and_place(clip, images):
    together = clip.embed_images(images)
    assert together.shape == (6, 64)
    assert together.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(together, axis=1), 1, atol=1e-5)
    for at in range(6):
        assert np.array_equal(clip.embed_images(images[at : at + 1])[0], together[at])
    assert np.array_equal(clip.embed_images(images[::-1])[::-1], together)
    texts = ["a photo of a cat", "dax", "ein Haus", "a", "b"]
    words = clip.embed_texts(texts)
    for at in range(5):
        assert np.array_equal(clip.embed_texts(texts[at : at + 1])[0], words[at])
    assert len(np.unique(words.round(5), axis=0)) == 5
    assert len(clip.embed_images([])) == len(clip.embed_texts([])) == 0


def test_open_clip_itself_reads_the_folder_and_agrees(clip, images):
    model, preprocess = open_clip.create_model_from_pretrained(f"local-dir:{FOLDER}")
    with torch.inference_mode():
        pictures = torch.stack([preprocess(Image.fromarray(image)) for image in images])
        wanted = model.eval().encode_image(pictures, normalize=True).numpy()
    assert (clip.embed_images(images) * wanted).sum(axis=1).min() > 0.9999


def test_preparing_takes_the_largest_centred_part_of_any_shape():
    wide = np.zeros((50, 150, 3), np.uint8)
    wide[:, 50:100] = 200
    assert (prepare(wide, 64, 64)[:, 4:-4, 4:-4] == 200).all()
    assert prepare(wide[:, :7], 64, 64).shape == (3, 64, 64)


def test_a_folder_of_ones_own_is_named_by_its_hash(tmp_path, images, clip):
    for name in ("open_clip_config.json", WEIGHTS):
        shutil.copy(FOLDER / name, tmp_path)
    own = Embedder(find_base(str(tmp_path)), batch=4)
    assert own.identity["weights"] == clip.identity["weights"]
    assert np.array_equal(own.embed_images(images[:1]), clip.embed_images(images[:1]))
    (tmp_path / WEIGHTS).unlink()
    with pytest.raises(ModelError, match="has no open_clip_model"):
        find_base(str(tmp_path))


def test_unknown_names_say_what_is_known(tmp_path):
    with pytest.raises(ModelError, match="'large-clip' is unknown: give small-clip, a folder"):
        find_checkpoint("large-clip")
    with pytest.raises(ModelError, match="is unknown"):
        find_checkpoint(str(tmp_path))
    published = find_checkpoint("ViT-B-16/openai")
    assert (published.architecture, published.pretrained) == ("ViT-B-16", "openai")
    with pytest.raises(ModelError, match="'ViT-B-16/nobody' cannot be loaded"):
        find_checkpoint("ViT-B-16/nobody").build()


@pytest.fixture
def tiny_openai(tmp_path, paper_like, monkeypatch):
    """A tiny architecture of open_clip's own whose published weights want QuickGELU, as those of
    ViT-B-16 by OpenAI do."""
    config = json.loads((paper_like / "open_clip_config.json").read_text())["model_cfg"]
    del config["quick_gelu"]
    (tmp_path / "tiny-b-16.json").write_text(json.dumps(config))
    known = dict(open_clip.factory._MODEL_CONFIGS)
    open_clip.add_model_config(tmp_path)
    weights = {"file": str(paper_like / WEIGHTS), "quick_gelu": True}
    monkeypatch.setitem(_PRETRAINED, "tiny-b-16", {"openai": weights, "laion": {
        "file": str(paper_like / WEIGHTS)}})  # fmt: skip
    yield "tiny-b-16"
    open_clip.factory._MODEL_CONFIG_PATHS.remove(tmp_path)
    open_clip.factory._MODEL_CONFIGS.clear()
    open_clip.factory._MODEL_CONFIGS.update(known)


def activations(model) -> set[str]:
    return {type(part).__name__ for part in model.modules() if "GELU" in type(part).__name__}


def test_openai_s_weights_get_the_activation_they_were_trained_with(
    tiny_openai, paper_like, images
):
    with pytest.warns(UserWarning, match="QuickGELU mismatch"):
        stock = open_clip.create_model(tiny_openai, pretrained="openai")
    assert activations(stock) == {"GELU"}
    ours = find_checkpoint(f"{tiny_openai}/openai")
    assert activations(ours.build()) == {"QuickGELU"}
    assert activations(find_checkpoint(f"{tiny_openai}/laion").build()) == {"GELU"}
    right = embedder(paper_like).embed_images(images)
    found = embedder(f"{tiny_openai}/openai").embed_images(images)
    assert np.array_equal(found, right)
    assert not np.allclose(embedder(f"{tiny_openai}/laion").embed_images(images), right, atol=1e-4)


def test_the_paper_s_checkpoint_is_computed_with_quickgelu():
    assert find_checkpoint("ViT-B-16/openai")._needs_quick_gelu()
    assert find_checkpoint("ViT-L-14-quickgelu/dfn2b")._needs_quick_gelu()
    assert not find_checkpoint("ViT-B-16/laion2b_s34b_b88k")._needs_quick_gelu()
    assert find_checkpoint("ViT-B-16/openai").identity["activation"] == "of the weights"


def test_a_file_of_published_weights_is_known_by_its_hash():
    url = _PRETRAINED["ViT-B-16"]["openai"]["url"]
    assert published(re.search(r"[0-9a-f]{64}", url)[0]) is True
    url = _PRETRAINED["ViT-B-32"]["laion400m_e32"]["url"]
    assert published(re.search(r"-([0-9a-f]{8})\.pt", url)[1] + "0" * 56) is True
    url = _PRETRAINED["ViT-B-16"]["laion400m_e32"]["url"]
    assert published(re.search(r"-([0-9a-f]{8})\.pt", url)[1] + "0" * 56) is False
    assert published("0" * 64) is None


def test_an_unknown_file_says_which_activation_it_is_given(tiny_openai, paper_like, caplog):
    open_clip.factory._MODEL_CONFIGS["tiny-b-16-quickgelu"] = {}
    with caplog.at_level(logging.WARNING):
        model = find_checkpoint(f"{tiny_openai}/{paper_like / WEIGHTS}").build()
    assert activations(model) == {"GELU"}
    assert "name tiny-b-16-quickgelu" in caplog.text


def test_a_file_that_is_no_such_model_or_runs_code_is_refused(tiny_openai, tmp_path):
    class Harm:
        def __reduce__(self):
            return (print, ("harm",))

    bad = tmp_path / "weights.pt"
    torch.save({"logit_scale": Harm()}, bad)
    with pytest.raises(ModelError, match="more than weights, which could run code"):
        find_checkpoint(f"{tiny_openai}/{bad}").build()
    other = tmp_path / "other.safetensors"
    save_file({"x": torch.zeros(2)}, other)
    with pytest.raises(ModelError, match=r"cannot be loaded: RuntimeError.*Missing key"):
        find_checkpoint(f"{tiny_openai}/{other}").build()
    other.write_bytes(b"torn")
    with pytest.raises(ModelError, match="cannot be loaded: SafetensorError"):
        find_checkpoint(f"{tiny_openai}/{other}").build()


def test_a_hash_or_configuration_that_differs_is_told(tmp_path, paper_like):
    folder = shutil.copytree(paper_like, tmp_path / "own")
    found = find_checkpoint(str(folder))
    assert find_checkpoint(str(folder), sha256=found.weights) == found
    with pytest.raises(ModelError, match=r"training\.clip_sha256 is 000000000000\.\.\."):
        find_checkpoint(str(folder), sha256="0" * 64)
    config = folder / "open_clip_config.json"
    config.write_text(config.read_text().replace("true", "false"))
    other = find_checkpoint(str(folder))
    assert other.weights == found.weights
    assert other.identity != found.identity
    (folder / WEIGHTS).rename(folder / "open_clip_pytorch_model.safetensors")
    assert find_checkpoint(str(folder)).weights == found.weights


def test_where_local_weights_lie_is_no_identity(tmp_path, paper_like):
    moved = shutil.copytree(paper_like, tmp_path / "moved")
    here, there = find_checkpoint(str(paper_like)), find_checkpoint(str(moved))
    assert here.identity == there.identity
    assert here.identity["name"] == "open_clip"
    file, other = (find_checkpoint(f"ViT-B-16/{place / WEIGHTS}") for place in (paper_like, moved))
    assert file.identity == other.identity
    assert file.identity == {
        "name": "open_clip", "architecture": "ViT-B-16", "weights": here.weights,
        "activation": "of the weights",
    }  # fmt: skip
    assert find_checkpoint(f"ViT-B-32/{moved / WEIGHTS}").identity != file.identity


def test_weights_exchanged_after_they_were_found_are_refused(tmp_path, paper_like):
    folder = shutil.copytree(paper_like, tmp_path / "own")
    found = find_checkpoint(str(folder))
    found.build()
    state = load_file(folder / WEIGHTS)
    save_file({**state, "logit_scale": state["logit_scale"] + 1}, folder / WEIGHTS)
    with pytest.raises(ModelError, match=r"training\.clip: the weights of .* start it again"):
        found.build()


def test_names_that_hold_no_path_stay_in_the_identity():
    card = json.loads((FOLDER / "card.json").read_text())
    assert find_checkpoint("small-clip").identity == {
        "name": "small-clip", "weights": card["sha256"],
    }  # fmt: skip
    assert find_checkpoint("ViT-B-16/openai").identity == {
        "name": "ViT-B-16/openai", "weights": "ViT-B-16/openai", "activation": "of the weights",
    }  # fmt: skip


def test_a_folder_s_own_tokenizer_is_part_of_its_identity(tmp_path, paper_like):
    folder = shutil.copytree(paper_like, tmp_path / "own")
    config = json.loads((folder / CONFIG).read_text())
    config["model_cfg"]["text_cfg"]["hf_tokenizer_name"] = "."
    (folder / CONFIG).write_text(json.dumps(config))
    (folder / "tokenizer.json").write_text('{"one": 1}')
    first = find_checkpoint(str(folder)).identity
    assert find_checkpoint(str(shutil.copytree(folder, tmp_path / "moved"))).identity == first
    (folder / "tokenizer.json").write_text('{"two": 2}')
    assert find_checkpoint(str(folder)).identity != first


def test_a_hub_s_model_is_pinned_and_read_from_the_local_cache(
    tmp_path, paper_like, monkeypatch, images
):
    from huggingface_hub import constants

    commit = "a" * 40
    cache = tmp_path / "models--lab--tiny"
    shutil.copytree(paper_like, cache / "snapshots" / commit)
    (cache / "refs").mkdir()
    (cache / "refs" / "main").write_text(commit)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    base = find_base("hf-hub:lab/tiny")
    assert base.identity == {"name": "hf-hub:lab/tiny", "weights": f"lab/tiny@{commit}"}
    assert np.array_equal(
        Embedder(base).embed_images(images), embedder(paper_like).embed_images(images)
    )
    with pytest.raises(ModelError, match=r"training\.clip 'lab/none' .*not in the local cache"):
        find_base("hf-hub:lab/none")


def test_embeddings_in_bfloat16_are_near_and_say_so(clip, images):
    half = Embedder(find_base("small-clip"), batch=4, dtype="bfloat16")
    assert half.identity["dtype"] == "bfloat16"
    assert (half.embed_images(images) * clip.embed_images(images)).sum(axis=1).min() > 0.999


def test_the_temperature_is_the_checkpoint_s(clip):
    stored = load_file(FOLDER / WEIGHTS)["logit_scale"]
    assert clip.logit_scale == pytest.approx(float(stored.float().exp()))
