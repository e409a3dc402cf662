import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from varifactory import keys, records
from varifactory.command import main
from varifactory.models import LoraSettings
from varifactory.models.clip.bases import find_base
from varifactory.models.clip.embedder import Embedder
from varifactory.models.clip.lora import LoraClip
from varifactory.models.trainees.linear_probe import LinearProbe
from varifactory.store import Store
from varifactory.world import load_world, render, sample_scene

SPEC = keys.spec_of("training", {})
CLASSES = ["red cross", "gable"]


@pytest.fixture(scope="module")
def images() -> list[np.ndarray]:
    world = load_world()
    return [render(world, sample_scene(world, seed)).image for seed in range(4)]


@pytest.fixture(scope="module")
def trained(images) -> LoraClip:
    trainee = LoraClip()
    trainee.begin(
        LoraSettings(rank=2, alpha=4.0, dropout=0.0, learning_rate=0.05, weight_decay=0.0,
                     steps=3, warmup_share=0.0, augmentation="none", seed=1),
        CLASSES,
    )  # fmt: skip
    for _ in range(3):
        trainee.step(images, [0, 1, 0, 1], [0.25] * 4)
    return trainee


@pytest.fixture(scope="module")
def place(tmp_path_factory, trained) -> Store:
    """A store with a trained cell and one of zero-shot."""
    store = Store(str(tmp_path_factory.mktemp("store")))
    store.prepare()
    (sha,) = store.put_blobs([(trained.adapter(), "safetensors")])
    cell = {"status": "ok", "reason": "", "label": "", "seed": 1, "steps": 3, "settings": "{}",
            "train_real": 4, "train_edits": 0}  # fmt: skip
    rows = [
        {**cell, "key": "a" * 64, "arm": "real", "adapter_blob": f"{sha}.safetensors"},
        {**cell, "key": "b" * 64, "arm": "zero-shot", "adapter_blob": None},
    ]
    store.append("training", SPEC, records.table("training", rows))
    return store


def ask(store: Store, *words: str) -> Result:
    return CliRunner().invoke(main, ["export-adapter", *words, "--store", store.url])


@pytest.mark.parametrize("library", ["open_clip", "transformers"])
def test_a_trained_cell_becomes_a_checkpoint_that_answers_as_it_did(
    place, trained, images, tmp_path, library
) -> None:
    folder = tmp_path / "merged"
    done = ask(place, "a" * 8, "--to", str(folder), "--as", library, "--json")
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert (told["cell"], told["arm"], told["classes"]) == ("a" * 64, "real", CLASSES)
    merged = Embedder(find_base(str(folder)))
    texts = merged.embed_texts([f"a photo of a {name}" for name in CLASSES])
    logits = merged.logit_scale * merged.embed_images(images) @ texts.T
    np.testing.assert_allclose(logits, trained.logits(images), atol=2e-4)


def test_what_cannot_be_exported_is_told_with_what_there_is(place, tmp_path) -> None:
    new = str(tmp_path / "new")
    done = ask(place, "c" * 8, "--to", new)
    assert done.exit_code == 2
    assert "names 0 trained cells" in done.output
    assert "aaaaaaaaaaaaaaaa (real, seed 1)" in done.output
    assert "names 1 trained cells" in ask(place, "aaa", "--to", new).output
    assert "has no adapter: zero-shot" in ask(place, "b" * 8, "--to", new).output
    assert "is there already" in ask(place, "a" * 8, "--to", str(tmp_path)).output
    done = ask(place, "a" * 8, "--to", new, "--base", "no-clip")
    assert "--base 'no-clip' is unknown" in done.output
    assert not Path(new).exists()


def test_a_cell_of_another_trainee_is_no_adapter_of_a_clip(place, tmp_path):
    probe = LinearProbe({"name": "small-clip", "weights": "w"})
    probe.begin(
        LoraSettings(rank=0, alpha=0.0, dropout=0.0, learning_rate=0.1, weight_decay=0.0, steps=1,
                     warmup_share=0.0, augmentation="none", seed=1),
        CLASSES,
    )  # fmt: skip
    probe.step([np.eye(4, dtype=np.float32)[0]], [1], [1.0])
    (sha,) = place.put_blobs([(probe.adapter(), "safetensors")])
    row = {"key": "d" * 64, "status": "ok", "reason": "", "label": "", "arm": "real", "seed": 1,
           "steps": 1, "settings": "{}", "train_real": 1, "train_edits": 0,
           "adapter_blob": f"{sha}.safetensors"}  # fmt: skip
    place.append("training", SPEC, records.table("training", [row]))
    found = ask(place, "d" * 8, "--to", str(tmp_path / "new"))
    assert found.exit_code != 0
    assert "trained a linear-probe, which is no adapter of a CLIP" in found.output
