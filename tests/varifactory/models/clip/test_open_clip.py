import hashlib
import json
import shutil
import subprocess
import sys

import numpy as np
import open_clip
import pytest
import torch
from PIL import Image

from varifactory.errors import ModelError
from varifactory.models.clip.open_clip import BUILT_IN, WEIGHTS, OpenClip, find_checkpoint, prepare
from varifactory.world import load_world, render, sample_scene

FOLDER = BUILT_IN / "small-clip"


@pytest.fixture(scope="module")
def clip() -> OpenClip:
    return OpenClip(batch=4)


@pytest.fixture(scope="module")
def images() -> list[np.ndarray]:
    world = load_world()
    return [render(world, sample_scene(world, seed)).image for seed in range(6)]


def test_the_shipped_weights_are_those_of_the_card_and_small():
    card = json.loads((FOLDER / "card.json").read_text())
    weights = (FOLDER / WEIGHTS).read_bytes()
    assert hashlib.sha256(weights).hexdigest() == card["sha256"]
    assert len(weights) < 8_000_000


def test_the_identity_is_known_without_loading_anything():
    code = (
        "import sys; from varifactory.models.clip.open_clip import OpenClip; "
        "print(OpenClip(threads=3).identity['weights']); "
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
    own = OpenClip(str(tmp_path), batch=4)
    assert own.identity["weights"] == clip.identity["weights"]
    assert np.array_equal(own.embed_images(images[:1]), clip.embed_images(images[:1]))
    (tmp_path / WEIGHTS).unlink()
    with pytest.raises(ModelError, match="has no open_clip_model"):
        OpenClip(str(tmp_path))


def test_unknown_names_say_what_is_known(tmp_path):
    with pytest.raises(ModelError, match="'large-clip' is unknown: give small-clip, a folder"):
        find_checkpoint("large-clip")
    with pytest.raises(ModelError, match="is unknown"):
        find_checkpoint(str(tmp_path))
    published = find_checkpoint("ViT-B-16/openai")
    assert (published.architecture, published.pretrained) == ("ViT-B-16", "openai")
    with pytest.raises(ModelError, match="'ViT-B-16/nobody' cannot be loaded"):
        find_checkpoint("ViT-B-16/nobody").build()
