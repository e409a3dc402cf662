"""What the training stage asks of every trainee, asked of each of the three."""

import itertools
import json
import threading

import numpy as np
import pytest
import torch

from varifactory.errors import ModelError, TrainingError
from varifactory.models import LoraSettings, registry
from varifactory.models.clip.adapter import read_manifest, unpack
from varifactory.models.trainees.image_classifier import ImageClassifier
from varifactory.models.trainees.linear_probe import LinearProbe
from varifactory.recipe import Recipe
from varifactory.recipe.study import TRAINEES
from varifactory.world import load_world, render, sample_scene

CLASSES = ("apple", "taxi", "whale")
STEPS, BATCH = 24, 8
RATES = {"clip-lora": 0.02, "linear-probe": 0.1, "classifier": 0.003}


def recipe(**training) -> Recipe:
    return Recipe.parse({"name": "tiny", "sources": {"kind": "world"}, "training": training})


def settings(kind: str, **changes) -> LoraSettings:
    lora = {"rank": 4, "alpha": 8.0, "dropout": 0.1} if kind == "clip-lora" else {
        "rank": 0, "alpha": 0.0, "dropout": 0.0}  # fmt: skip
    given = {"learning_rate": RATES[kind], "weight_decay": 0.01, "steps": STEPS,
             "warmup_share": 0.1, "augmentation": "flip", "seed": 4}  # fmt: skip
    return LoraSettings(**lora | given | changes)


def trainee(kind: str):
    return registry.trainee(recipe(), kind)


@pytest.fixture(scope="module")
def pictures() -> dict[str, tuple[list[np.ndarray], list[int]]]:
    world = load_world()

    def of(first: int, count: int):
        labels = [at for at in range(3) for _ in range(count)]
        scenes = [sample_scene(world, first + at, class_name=CLASSES[label])
                  for at, label in enumerate(labels)]  # fmt: skip
        return [render(world, scene).image for scene in scenes], labels

    return {"train": of(0, 10), "test": of(1000, 8)}


@pytest.fixture(scope="module")
def shown(pictures):
    """What each trainee takes: the pictures, or their embeddings."""
    encoder = registry.encoder(recipe())
    vectors = {part: (list(encoder.embed_images(images)), labels)
               for part, (images, labels) in pictures.items()}  # fmt: skip
    return {kind: vectors if kind == "linear-probe" else pictures for kind in TRAINEES}


def train(found, shown, first: int, last: int) -> list[float]:
    images, labels = shown["train"]
    losses = []
    for step in range(first, last):
        order = np.random.default_rng(step).permutation(len(labels))[:BATCH]
        losses.append(found.step([images[at] for at in order], [labels[at] for at in order],
                                 [1 / BATCH] * BATCH))  # fmt: skip
    return losses


@pytest.fixture(scope="module")
def learned(shown):
    """Each trainee after all its steps, its losses, and its checkpoint after a third of them."""
    made = {}
    for kind in TRAINEES:
        found = trainee(kind)
        found.begin(settings(kind), CLASSES)
        losses = train(found, shown[kind], 0, STEPS // 3)
        kept = found.checkpoint()
        made[kind] = found, losses + train(found, shown[kind], STEPS // 3, STEPS), kept
    return made


@pytest.mark.parametrize("kind", TRAINEES)
def test_a_trainee_is_what_the_recipe_calls_it_and_is_built_without_loading(kind):
    found = trainee(kind)
    assert found.kind == kind
    assert found.takes == ("vectors" if kind == "linear-probe" else "pixels")
    assert found.identity["threads"] == 1
    assert found.identity["batch"] == 32
    json.dumps(dict(found.identity))
    other = registry.trainee(Recipe.parse(
        {"name": "tiny", "sources": {"kind": "world"}, "run": {"threads": 2}}), kind)  # fmt: skip
    assert other.identity != found.identity


@pytest.mark.parametrize("kind", TRAINEES)
def test_it_learns_far_above_chance_and_scores_every_class(learned, shown, kind):
    found, losses, _ = learned[kind]
    images, labels = shown[kind]["test"]
    logits = found.logits(images)
    assert logits.shape == (24, 3)
    assert logits.dtype == np.float32
    assert np.isfinite(logits).all()
    # Chance is a third; of 24 images chance alone would give 16 once in a thousand times.
    assert (logits.argmax(axis=1) == labels).mean() >= 2 / 3
    assert np.mean(losses[-6:]) < np.mean(losses[:6])


@pytest.mark.parametrize("kind", TRAINEES)
def test_it_resumes_to_the_same_bits(learned, shown, kind):
    found, losses, kept = learned[kind]
    again = trainee(kind)
    again.begin(settings(kind), CLASSES)
    again.resume(kept)
    assert train(again, shown[kind], STEPS // 3, STEPS) == losses[STEPS // 3 :]
    assert again.checkpoint() == found.checkpoint()
    assert again.adapter() == found.adapter()


@pytest.mark.parametrize("kind", TRAINEES)
def test_logits_do_not_depend_on_the_other_images(learned, shown, kind):
    found, _, _ = learned[kind]
    images, _ = shown[kind]["test"]
    whole = found.logits(images)
    assert np.array_equal(found.logits(images[:1]), whole[:1])
    assert np.array_equal(found.logits(images[::-1])[::-1], whole)
    assert found.logits([]).shape == (0, 3)


@pytest.mark.parametrize("kind", TRAINEES)
def test_its_weights_travel_as_one_file_with_a_manifest(learned, shown, kind):
    found, _, _ = learned[kind]
    images, _ = shown[kind]["test"]
    packed = found.adapter()
    manifest = read_manifest(packed)
    assert manifest["class_names"] == list(CLASSES)
    assert manifest["settings"]["learning_rate"] == RATES[kind]
    again = trainee(kind)
    again.load_adapter(packed)
    assert np.array_equal(again.logits(images), found.logits(images))
    begun = trainee(kind)
    begun.begin(settings(kind, seed=9, steps=3), CLASSES, packed)
    assert np.array_equal(begun.logits(images), found.logits(images))
    begun.step(images[:4], [0, 0, 0, 0], [0.25] * 4)
    assert read_manifest(begun.adapter())["begun_from"]
    for other in set(TRAINEES) - {kind}:
        with pytest.raises(ModelError, match="expected a file of kind"):
            trainee(other).load_adapter(packed)


@pytest.mark.parametrize("kind", ["linear-probe", "classifier"])
def test_every_parameter_gets_a_gradient_and_moves(shown, kind):
    found = trainee(kind)
    found.begin(settings(kind, weight_decay=0.0), CLASSES)
    train(found, shown[kind], 0, 1)
    before = {name: each.detach().clone() for name, each in found._model.named_parameters()}
    train(found, shown[kind], 1, 2)
    parameters = dict(found._model.named_parameters())
    assert parameters
    for name, each in parameters.items():
        assert each.requires_grad, name
        assert each.grad is not None, name
        assert each.grad.abs().sum() > 0, name
        assert not torch.equal(each, before[name]), name


@pytest.mark.parametrize("kind", TRAINEES)
def test_a_checkpoint_of_another_training_is_refused(learned, kind):
    _, _, kept = learned[kind]
    other = trainee(kind)
    other.begin(settings(kind, seed=5), CLASSES)
    with pytest.raises(ModelError, match="taken with settings"):
        other.resume(kept)
    other.begin(settings(kind), ("apple", "taxi", "wolf"))
    with pytest.raises(ModelError, match="taken with class_names"):
        other.resume(kept)


@pytest.mark.parametrize(("kind", "key"), [("linear-probe", "probe_rate"),
                                           ("classifier", "classifier_rate")])  # fmt: skip
def test_a_loss_that_is_no_number_names_the_rate(shown, kind, key):
    found = trainee(kind)
    found.begin(settings(kind), CLASSES)
    images, labels = shown[kind]["train"]
    with pytest.raises(TrainingError, match=f"nan at step 1: lower training.{key}"):
        found.step(images[:4], labels[:4], [float("nan")] * 4)


def test_a_classifier_sees_the_augmentation_that_is_asked_for(shown):
    def lost(augmentation: str) -> float:
        found = trainee("classifier")
        found.begin(settings("classifier", augmentation=augmentation), CLASSES)
        images, labels = shown["classifier"]["train"]
        return found.step(images[:8], labels[:8], [1 / 8] * 8)

    losses = {name: lost(name) for name in ("flip", "geometry", "standard", "strong")}
    assert len(set(losses.values())) == 4
    assert lost("strong") == losses["strong"]


def test_training_seeds_differ_but_by_the_seed_alone(shown):
    def first(seed: int) -> bytes:
        found = trainee("classifier")
        found.begin(settings("classifier", seed=seed), CLASSES)
        return found._model.state_dict()["conv1.0.weight"].numpy().tobytes()

    assert first(1) == first(1) != first(2)


def test_first_weights_do_not_depend_on_other_threads():
    def first() -> bytes:
        found = trainee("classifier")
        found.begin(settings("classifier"), CLASSES)
        return found.adapter()

    alone, done = first(), threading.Event()

    def disturb() -> None:
        for at in itertools.count():
            torch.manual_seed(at)
            torch.rand(10)
            if done.is_set():
                return

    other = threading.Thread(target=disturb)
    state = torch.get_rng_state()
    other.start()
    try:
        beside = [first() for _ in range(3)]
    finally:
        done.set()
        other.join()
        torch.set_rng_state(state)
    assert set(beside) == {alone}


def test_building_a_classifier_leaves_the_global_state_alone():
    before = torch.get_rng_state()
    trainee("classifier").begin(settings("classifier"), CLASSES)
    assert torch.equal(torch.get_rng_state(), before)


def test_a_probe_refuses_vectors_of_another_width(learned):
    found, _, _ = learned["linear-probe"]
    with pytest.raises(ModelError, match=r"another encoder \(study.encoder\)"):
        found.logits([np.zeros(3, np.float32)])


def test_a_probe_belongs_to_its_encoder(learned):
    found, _, _ = learned["linear-probe"]
    packed = found.adapter()
    other = LinearProbe({"name": "open_clip", "weights": "other", "dtype": "float32"})
    with pytest.raises(ModelError, match="these weights of a linear-probe belong to"):
        other.load_adapter(packed)
    weights, manifest = unpack(packed, "linear-probe")
    assert set(weights) == {"weight", "bias"}
    assert manifest["base"]["name"] == registry.encoder(recipe()).identity["name"]


def test_a_probe_computes_on_the_processor_whoever_made_its_vectors():
    on_card = recipe().overlaid(["run.device=cuda", "study.encoder=ViT-B-32/openai"])
    probe = registry.trainee(on_card, "linear-probe")
    assert not registry.on_card(on_card, probe)
    assert "threads" in probe.identity
    assert registry.on_card(on_card, registry.trainee(on_card, "classifier"))


def test_dropout_of_an_architecture_is_off():
    found = registry.trainee(recipe(classifier="test_vit"), "classifier")
    assert isinstance(found, ImageClassifier)
    found.begin(settings("classifier"), CLASSES)
    for part in found._model.modules():
        assert getattr(part, "p", 0.0) == 0.0 or not isinstance(part, torch.nn.Dropout)
        assert not getattr(part, "drop_prob", 0.0)
