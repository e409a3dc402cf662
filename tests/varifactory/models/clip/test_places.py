"""What is refused of a CLIP's checkpoint, by a hub on the loopback too, names its own keys."""

import re
import shutil

import pytest

from tests.servers.hub import COMMIT, Repo, client_of
from varifactory.errors import ModelError
from varifactory.models import checkpoints
from varifactory.models.clip.bases import find_base

NAMES = ("hf-hub:lab/tiny", "transformers:lab/tiny")


@pytest.fixture
def hub(tmp_path, monkeypatch):
    files = {"config.json": b'{"model_type": "clip"}'}
    with client_of(monkeypatch, tmp_path / "cache", lab__tiny=Repo(files)) as server:
        yield server


def refused(call) -> str:
    with pytest.raises(ModelError) as error:
        call()
    said = str(error.value)
    assert not re.search(r"clip\.(name|revision|sha256)", said), "no recipe has such a key"
    return said


@pytest.mark.parametrize("key", ["training.clip", "verdicts.clip"])
@pytest.mark.parametrize("name", NAMES)
def test_what_a_hub_refuses_is_told_in_keys_that_there_are(hub, name, key):
    base = find_base(name, key=key)
    assert base.weights == f"lab/tiny@{COMMIT}"
    hub.repos["lab/tiny"].gated = True
    said = refused(base.build)
    assert said.startswith(f"{key} 'lab/tiny' is gated: ")
    said = refused(lambda: find_base(name, revision="v9", key=key))
    assert said.startswith(f"{key}_revision is not one of 'lab/tiny'")
    said = refused(lambda: find_base(name.replace("tiny", "none"), key=key))
    assert said.startswith(f"{key} 'lab/none' is not on the hub")
    said = refused(lambda: find_base(name, sha256="0" * 64, key=key))
    assert said.startswith(f"{key}_sha256 is of local checkpoints")
    assert f"set {key}_revision to a commit" in said


@pytest.mark.parametrize("name", NAMES)
def test_a_hub_that_went_away_before_the_build_is_told_with_the_key(hub, name, monkeypatch):
    from huggingface_hub import constants

    base = find_base(name)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert refused(base.build).startswith("training.clip 'lab/tiny' cannot be fetched")


def test_a_hub_s_model_of_the_other_library_or_a_broken_one_is_told_with_the_key(hub):
    assert "training.clip 'lab/tiny' is no open_clip model" in refused(find_base(NAMES[0]).build)
    hub.repos["lab/tiny"].files["open_clip_config.json"] = b"{}"
    hub.repos["lab/tiny"].commit = "b" * 40
    checkpoints._commit.cache_clear()
    assert "training.clip 'hf-hub:lab/tiny' cannot be loaded" in refused(find_base(NAMES[0]).build)


@pytest.mark.parametrize("key", ["training.clip", "verdicts.clip"])
def test_a_tag_takes_neither_hash_nor_revision(key):
    said = refused(lambda: find_base("ViT-B-16/openai", sha256="0" * 64, key=key))
    assert said.startswith(f"{key}_sha256 is of local weights, and 'ViT-B-16/openai' is a tag")
    said = refused(lambda: find_base("ViT-B-16/openai", revision="main", key=key))
    assert said.startswith(f"{key}_revision is 'main', and 'ViT-B-16/openai' is a tag")


def test_what_lies_here_takes_no_revision(paper_like, in_transformers, tmp_path):
    file = tmp_path / "weights.safetensors"
    shutil.copy(paper_like / "open_clip_model.safetensors", file)
    for name in ("small-clip", paper_like, in_transformers, f"ViT-B-16/{file}"):
        said = refused(lambda name=name: find_base(str(name), revision="v1"))
        assert said.startswith("training.clip_revision is 'v1', and ")
        assert find_base(str(name), sha256=find_base(str(name)).weights)


def test_a_folder_here_is_no_hub_s(paper_like):
    assert "write it without hf-hub:" in refused(lambda: find_base(f"hf-hub:{paper_like}"))
