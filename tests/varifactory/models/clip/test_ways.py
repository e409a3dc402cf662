"""How a training computes: encoders, precision, memory, compiling, and working ahead."""

import copy
import json
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from varifactory.errors import ModelError, TrainingError
from varifactory.models import LoraSettings, accelerator, residency
from varifactory.models.clip.adapter import unpack
from varifactory.models.clip.bases import find_base
from varifactory.models.clip.classifier import Ways
from varifactory.models.clip.export import export
from varifactory.models.clip.lora import LoraClip
from varifactory.models.clip.open_clip import ClipCheckpoint
from varifactory.models.clip.pictures import Kept, Look

CLASSES = ("red cross", "gable", "a much longer name of a class than the others have")


def settings(**changes) -> LoraSettings:
    given = {
        "rank": 4, "alpha": 8.0, "dropout": 0.0, "learning_rate": 0.01, "weight_decay": 0.01,
        "steps": 8, "warmup_share": 0.25, "augmentation": "flip", "seed": 5,
    }  # fmt: skip
    return LoraSettings(**given | changes)


def begun(base, *, on_card=False, encoders="both", ways=None, **changes) -> LoraClip:
    trainee = LoraClip(base, batch=4, encoders=encoders, ways=ways or Ways())
    # The order of work beside a card, on the CPU: dropout and augmentation draw apart.
    trainee._on_card = on_card
    trainee.begin(settings(**changes), CLASSES)
    return trainee


def run(trainee, images, steps) -> list[float]:
    return [trainee.step(images, [0, 1, 2, 0, 1, 2], [1 / 6] * 6) for _ in range(steps)]


@pytest.fixture(scope="module", params=["open_clip", "transformers"])
def base(request, bases):
    return find_base(bases[request.param])


def test_with_the_image_encoder_alone_texts_are_encoded_once(base, images, monkeypatch):
    encoded = []
    whole = type(base).encode_texts
    monkeypatch.setattr(
        type(base), "encode_texts",
        lambda self, model, tokens: encoded.append(len(tokens)) or whole(self, model, tokens),
    )  # fmt: skip
    trainee = begun(base, encoders="image")
    losses = run(trainee, images, 4)
    trainee.logits(images)
    assert encoded == [3]
    assert losses[-1] < losses[0]
    assert {name.split(".")[0] for name, _ in trainee._trained} == {"image"}
    assert all(each.grad.abs().sum() > 0 for _, each in trainee._trained)
    both = begun(base)
    run(both, images, 2)
    assert encoded == [3, 3, 3]


def test_an_image_adapter_tells_so_and_loads_into_any_trainee(base, images):
    trainee = begun(base, encoders="image")
    run(trainee, images, 2)
    tensors, manifest = unpack(trainee.adapter(), "adapter")
    assert manifest["encoders"] == "image"
    assert len(tensors) == 12
    other = LoraClip(base, batch=4)
    other.load_adapter(trainee.adapter())
    assert np.array_equal(other.logits(images), trainee.logits(images))
    with pytest.raises(ModelError, match="encoders 'image', now 'both'"):
        begun(base).resume(trainee.checkpoint())


def test_bfloat16_stays_near_float32_and_keeps_adapters_in_float32(base, images):
    plain = begun(base)
    half = begun(base, ways=Ways(precision="bfloat16"))
    losses = run(plain, images, 6), run(half, images, 6)
    assert losses[0] != losses[1]
    np.testing.assert_allclose(losses[0], losses[1], atol=0.05)
    assert losses[1][-1] < losses[1][0] / 2
    assert {each.dtype for _, each in half._trained} == {torch.float32}
    assert half.logits(images).dtype == np.float32
    assert half.identity["dtype"] == "bfloat16"


@pytest.mark.parametrize("dropout", [0.0, 0.4])
def test_activations_computed_again_change_no_bit(base, images, dropout):
    kept = begun(base, dropout=dropout)
    again = begun(base, dropout=dropout, ways=Ways(recompute=True))
    assert run(kept, images, 3) == run(again, images, 3)
    assert kept.checkpoint() == again.checkpoint()


def test_compiled_steps_are_the_plain_ones(base, images):
    plain, compiled = begun(base), begun(base, ways=Ways(compiler="aot_eager"))
    np.testing.assert_allclose(run(compiled, images, 3), run(plain, images, 3), rtol=1e-4)
    assert compiled.identity["compiled"] is True
    assert "compiled" not in plain.identity


def test_short_memory_cuts_a_batch_into_parts_with_the_same_gradients(images, monkeypatch):
    whole = begun("small-clip")
    losses = run(whole, images, 2)
    encode = ClipCheckpoint.encode_images

    def short(self, model, pictures):
        if len(pictures) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB")
        return encode(self, model, pictures)

    monkeypatch.setattr(ClipCheckpoint, "encode_images", short)
    cut = begun("small-clip")
    np.testing.assert_allclose(run(cut, images, 2), losses, rtol=1e-5)
    assert cut._parts == 4
    for (name, one), (_, other) in zip(whole._trained, cut._trained, strict=True):
        torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-4, msg=name)


COPY = "varifactory.models.clip.classifier.copy"
"""Not the module itself: open_clip copies, too."""


@pytest.fixture
def idle():
    """An editor that was used before, and one that was used before that."""
    residency.drop_all()
    editors = [residency.Resident(f"editor {number}", object) for number in range(2)]
    for editor in editors:
        with editor.use():
            pass
    yield editors
    residency.drop_all()


def test_idle_models_give_way_before_a_batch_is_cut(images, monkeypatch, idle):
    encode = ClipCheckpoint.encode_images

    def short(self, model, pictures):
        if any(editor._model is not None for editor in idle):
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB")
        return encode(self, model, pictures)

    whole = begun("small-clip")
    losses = run(whole, images, 2)
    for editor in idle:
        with editor.use():
            pass
    monkeypatch.setattr(ClipCheckpoint, "encode_images", short)
    cut = begun("small-clip")
    assert run(cut, images, 2) == losses, "no part of a batch was taken by itself"
    assert cut._parts == 1
    assert not residency.drop_all(but_newest=True)


def test_a_training_s_own_copy_makes_idle_models_give_way(images, monkeypatch, idle):
    def short(given):
        if any(editor._model is not None for editor in idle):
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB")
        return copy.deepcopy(given)

    monkeypatch.setattr(COPY, SimpleNamespace(deepcopy=short))
    assert len(run(begun("small-clip"), images, 1)) == 1


@pytest.mark.parametrize(
    ("said", "error", "told"),
    [
        ("CUDA out of memory", ModelError, r"training\.clip 'small-clip' fits .*run\.workers"),
        ("CUDA error: unspecified launch failure", accelerator.CardLost, "stopped answering"),
        ("a hook cannot be copied", RuntimeError, "a hook"),
    ],
)
def test_a_copy_that_cannot_be_made_says_what_to_do(monkeypatch, idle, said, error, told):
    def fail(given):
        raise RuntimeError(said)

    monkeypatch.setattr(COPY, SimpleNamespace(deepcopy=fail))
    with pytest.raises(error, match=told):
        begun("small-clip")


def test_memory_for_no_image_and_a_lost_card_say_what_to_do(images, monkeypatch):
    def failing(message):
        def fail(self, model, pictures):
            raise RuntimeError(message)

        monkeypatch.setattr(ClipCheckpoint, "encode_images", fail)
        return begun("small-clip")

    with pytest.raises(TrainingError, match=r"training\.recompute=true"):
        run(failing("CUDA out of memory"), images, 1)
    with pytest.raises(accelerator.CardLost, match="from its last checkpoint"):
        run(failing("CUDA error: unspecified launch failure"), images, 1)
    with pytest.raises(RuntimeError, match="shapes"):
        run(failing("shapes do not fit"), images, 1)


@pytest.mark.parametrize("augmentation", ["flip", "standard"])
def test_working_ahead_changes_nothing_and_resumes_to_the_bit(images, augmentation):
    changes = {"on_card": True, "augmentation": augmentation, "dropout": 0.3}
    batches = [images[at:] + images[:at] for at in range(6)]

    def steps(trainee, some, ahead):
        return [
            trainee.step(batch, [0, 1, 2, 0, 1, 2], [1 / 6] * 6, following if ahead else ())
            for batch, following in zip(some, [*some[1:], []], strict=True)
        ]

    plain, ahead = begun("small-clip", **changes), begun("small-clip", **changes)
    losses = steps(plain, batches, ahead=False)
    assert steps(ahead, batches, ahead=True) == losses
    assert ahead.checkpoint() == plain.checkpoint()

    first, second = begun("small-clip", **changes), begun("small-clip", **changes)
    for at in range(3):
        first.step(batches[at], [0, 1, 2, 0, 1, 2], [1 / 6] * 6, batches[at + 1])
    second.resume(first.checkpoint())
    assert steps(second, batches[3:], ahead=True) == losses[3:]
    # Another batch than was told ahead is drawn as if nothing had been made ready.
    assert steps(first, batches[3:], ahead=False) == losses[3:]


def test_texts_are_cut_after_their_end_where_they_are_long(paper_like, images, monkeypatch):
    base = find_base(str(paper_like))
    cut = begun(base)
    monkeypatch.setattr("varifactory.models.clip.classifier.LONGEST_KEPT", 77)
    whole = begun(base)
    assert whole._net._tokens.shape == (3, 77)
    assert cut._net._tokens.shape[1] < 20
    np.testing.assert_allclose(run(cut, images, 3), run(whole, images, 3), rtol=1e-4)
    np.testing.assert_allclose(cut.logits(images), whole.logits(images), atol=1e-3)


def test_a_text_with_a_word_above_its_end_is_not_cut_there(tmp_path, paper_like, images):
    """Vocabularies that were added to have numbers above the one that ends a text."""
    folder = tmp_path / "transformers"
    export(find_base(str(paper_like)), folder, "transformers")
    config = json.loads((folder / "config.json").read_text())
    config["text_config"]["eos_token_id"] = 269  # the number of a word that ends with "."
    (folder / "config.json").write_text(json.dumps(config))
    trainee = LoraClip(find_base(str(folder)), "a {class_name} . photo", batch=4)
    trainee.begin(settings(), CLASSES)
    tokens = trainee._net._tokens
    assert (tokens == 269).sum(dim=1).tolist() == [1, 1, 1]
    assert int((tokens[2] == 269).int().argmax()) == tokens.shape[1] - 1


def test_a_picture_is_resized_once_until_the_memory_for_them_is_full(images):
    look = Look(64, 64, (0.5,) * 3, (0.5,) * 3)
    kept = Kept(look)
    assert kept(images[0]) is kept(images[0])
    assert kept(images[0].copy()) is not kept(images[0])
    full = Kept(look, most=3 * 64 * 64)
    assert full(images[0]) is full(images[0])
    assert full(images[1]) is not full(images[1])
    assert np.array_equal(full(images[1]), kept(images[1]))


def test_a_device_or_numbers_that_are_not_there_are_refused(monkeypatch):
    with pytest.raises(ModelError, match=r"set run\.device=cpu"):
        begun("small-clip", ways=Ways(device="cuda"))
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda emulated: False)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "an old card")
    with pytest.raises(ModelError, match=r"training\.precision is 'bfloat16', which an old card"):
        begun("small-clip", ways=Ways(device="cuda", precision="bfloat16"))
    with pytest.raises(ModelError, match=r"training\.encoders 'text' is none of both, image"):
        LoraClip(encoders="text")


def test_on_a_card_batch_and_threads_are_no_part_of_the_identity():
    here, there = LoraClip(threads=3), LoraClip(threads=3, ways=Ways(device="cuda"))
    assert set(here.identity) - set(there.identity) == {"batch", "threads"}
