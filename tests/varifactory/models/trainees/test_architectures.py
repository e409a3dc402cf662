import numpy as np
import pytest
import timm
import torch
from safetensors.torch import save_file

from varifactory.errors import ModelError
from varifactory.models import LoraSettings, registry
from varifactory.models.trainees.architectures import find_architecture
from varifactory.models.trainees.image_classifier import ImageClassifier
from varifactory.models.weight_hashes import files_hash
from varifactory.recipe import Recipe

SETTINGS = LoraSettings(rank=0, alpha=0.0, dropout=0.0, learning_rate=0.003, weight_decay=0.0,
                        steps=2, warmup_share=0.1, augmentation="none", seed=4)  # fmt: skip


def recipe(**training) -> Recipe:
    return Recipe.parse({"name": "tiny", "sources": {"kind": "world"}, "training": training})


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """A checkpoint as timm has it, with a head for 1000 classes."""
    path = tmp_path_factory.mktemp("timm") / "model.safetensors"
    with torch.random.fork_rng():
        torch.manual_seed(3)
        save_file(timm.create_model("test_resnet").state_dict(), path)
    return path


def test_names_are_timms_own():
    # The list is read from its source: no name it registers may be missing, and no other there.
    from varifactory.models.trainees.architectures import _names

    assert _names() == set(timm.list_models())


def test_what_is_not_there_is_refused_with_what_is_near(tmp_path, weights):
    with pytest.raises(ModelError, match="'resnet5' is no architecture of timm; near are"):
        find_architecture("resnet5")
    with pytest.raises(ModelError, match="is no safetensors file here"):
        find_architecture("test_resnet", str(tmp_path / "none.safetensors"))
    with pytest.raises(ModelError, match="it is another file"):
        find_architecture("test_resnet", str(weights), "0" * 64)
    with pytest.raises(ModelError, match="which is empty"):
        find_architecture("test_resnet", "", "0" * 64)


def test_a_run_that_studies_it_asks_for_it_before_anything_is_made():
    found = recipe(classifier="resnet5").overlaid(["study.trainees=[clip-lora,classifier]"])
    with pytest.raises(ModelError, match="'resnet5' is no architecture"):
        registry.find_all(found, trains=True)
    registry.find_all(found, trains=False)
    registry.find_all(recipe().overlaid(["study.trainees=[linear-probe]"]), trains=True)


def test_weights_are_taken_but_for_the_head_and_name_the_identity(weights):
    sha = files_hash(weights)
    found = registry.trainee(
        recipe(trainee="classifier", classifier_weights=str(weights), classifier_sha256=sha)
    )
    scratch = registry.trainee(recipe(trainee="classifier"))
    assert found.identity == {**scratch.identity, "weights": sha}
    found.begin(SETTINGS, ("apple", "taxi"))
    first = timm.create_model("test_resnet")
    from safetensors.torch import load_file

    first.load_state_dict(load_file(weights))
    own = found._model.state_dict()
    assert own["fc.weight"].shape[0] == 2
    body = {name: each for name, each in first.state_dict().items() if not name.startswith("fc.")}
    assert all(torch.equal(own[name], each) for name, each in body.items())
    assert found.logits([np.zeros((40, 50, 3), np.uint8)]).shape == (1, 2)


def test_weights_of_another_architecture_or_changed_ones_are_refused(tmp_path, weights):
    odd = tmp_path / "odd.safetensors"
    save_file({"fc.weight": torch.zeros(2, 2), "other": torch.zeros(1)}, odd)
    trainee = ImageClassifier(find_architecture("test_resnet", str(odd)))
    with pytest.raises(ModelError, match="is not of test_resnet"):
        trainee.begin(SETTINGS, ("apple", "taxi"))
    trainee = ImageClassifier(find_architecture("test_resnet", str(odd)))
    odd.write_bytes(weights.read_bytes())
    with pytest.raises(ModelError, match="has changed since this run was planned"):
        trainee.begin(SETTINGS, ("apple", "taxi"))
