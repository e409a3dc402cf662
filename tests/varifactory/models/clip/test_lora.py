import itertools
import json
from collections.abc import Callable

import numpy as np
import open_clip
import pytest
import torch
import torch.nn.functional as F
from transformers import AutoImageProcessor, AutoTokenizer

from varifactory.errors import ModelError, TrainingError
from varifactory.models import LoraSettings
from varifactory.models.clip.adapter import MANIFEST, pack, read_manifest, unpack
from varifactory.models.clip.bases import find_base
from varifactory.models.clip.embedder import Base
from varifactory.models.clip.lora import LoraClip, learning_rate
from varifactory.models.clip.open_clip import BUILT_IN, normalized
from varifactory.models.clip.pictures import prepare, scaled
from varifactory.models.clip.split_attention import stock_state

CLASSES = ("red cross", "gable", "zigzag")


def settings(**changes) -> LoraSettings:
    return LoraSettings(
        **{
            "rank": 4,
            "alpha": 8.0,
            "dropout": 0.0,
            "learning_rate": 0.01,
            "weight_decay": 0.0001,
            "steps": 8,
            "warmup_share": 0.25,
            "augmentation": "none",
            "seed": 5,
        }
        | changes
    )


@pytest.fixture(scope="module", params=["open_clip", "transformers"])
def base(request, bases) -> Base:
    return find_base(bases[request.param])


@pytest.fixture
def fresh(base) -> Callable[..., LoraClip]:
    def made(**changes) -> LoraClip:
        trainee = LoraClip(base, batch=4)
        trainee.begin(settings(**changes), CLASSES)
        return trainee

    return made


def run(trainee: LoraClip, images, steps: int) -> list[float]:
    return [trainee.step(images, [0, 1, 2, 0, 1, 2], [1 / 6] * 6) for _ in range(steps)]


@pytest.fixture(scope="module")
def trained(base, images) -> LoraClip:
    trainee = LoraClip(base, batch=4)
    trainee.begin(settings(), CLASSES)
    losses = run(trainee, images, 8)
    assert losses[-1] < losses[0] / 2
    return trainee


def stock_logits(base: Base, model, images) -> np.ndarray:
    """Logits by the stock library alone."""
    texts = [f"a photo of a {name}" for name in CLASSES]
    pictures = np.stack([prepare(image, 64, 64) for image in images])
    if base.library == "open_clip":
        tokens = open_clip.get_tokenizer(f"local-dir:{BUILT_IN / 'small-clip'}")(texts)
        with torch.inference_mode():
            found = model.encode_image(normalized(model, pictures, "cpu"), normalize=True)
            return (model.logit_scale.exp() * found @ model.encode_text(tokens, True).T).numpy()
    shown = AutoImageProcessor.from_pretrained(base.folder())(
        list(pictures.transpose(0, 2, 3, 1)), return_tensors="pt"
    )
    words = AutoTokenizer.from_pretrained(base.folder())(texts, padding=True, return_tensors="pt")
    with torch.inference_mode():
        return model(**shown, **words).logits_per_image.numpy()


def test_a_fresh_adapter_changes_nothing(base, fresh, images):
    stock = stock_logits(base, base.build(), images)
    np.testing.assert_allclose(fresh().logits(images), stock, atol=2e-4)


def test_training_is_w_plus_scale_times_b_a_on_q_and_v_of_stock_attention(
    base, fresh, trained, images
):
    model = base.build()
    tensors, manifest = unpack(trained.adapter(), "adapter")
    scale = manifest["alpha"] / manifest["rank"]
    assert len(tensors) == 2 * 2 * (3 + 2)
    towers = {
        "open_clip": {"image": "visual.transformer.resblocks", "text": "transformer.resblocks"},
        "transformers": {"image": "vision_model.encoder.layers",
                         "text": "text_model.encoder.layers"},
    }[base.library]  # fmt: skip
    for name in (name for name in tensors if name.endswith(".A")):
        tower, block, part, _ = name.split(".")
        delta = scale * tensors[name.replace(".A", ".B")] @ tensors[name]
        assert delta.abs().max() > 1e-4
        layer = model.get_submodule(f"{towers[tower]}.{block}")
        if base.library == "transformers":
            getattr(layer.self_attn, f"{part}_proj").weight.data += delta
        else:
            third = {"q": 0, "v": 2}[part] * len(delta)
            layer.attn.in_proj_weight.data[third : third + len(delta)] += delta
    wanted = stock_logits(base, model, images)
    np.testing.assert_allclose(trained.logits(images), wanted, atol=2e-4)
    assert np.abs(fresh().logits(images) - wanted).max() > 0.5


def test_gradients_agree_with_finite_differences(base, fresh, images):
    trainee = fresh()
    run(trainee, images, 2)
    net = trainee._net
    model = net.model.double().eval()
    pictures = np.stack([prepare(image, 64, 64) for image in images[:2]])

    def loss() -> torch.Tensor:
        found = base.encode_images(model, scaled(pictures, net.look, "cpu").double())
        texts = base.encode_texts(model, net._tokens)
        logits = net._logits(*(F.normalize(each, dim=-1) for each in (found, texts)))
        return F.cross_entropy(logits, torch.tensor([0, 1]))

    trainable = [each for each in model.named_parameters() if each[1].requires_grad]
    assert len(trainable) == len(trainee._trained)
    gradients = torch.autograd.grad(loss(), [each for _, each in trainable])
    for (name, parameter), gradient in zip(trainable, gradients, strict=True):
        place = np.unravel_index(int(gradient.abs().argmax()), gradient.shape)
        with torch.no_grad():
            moved = []
            for sign in (1, -1):
                parameter[place] += sign * 1e-5
                moved.append(loss().item())
                parameter[place] -= sign * 1e-5
        numeric = (moved[0] - moved[1]) / 2e-5
        assert numeric == pytest.approx(gradient[place].item(), rel=1e-3), name


def test_every_trainable_tensor_gets_a_gradient_at_step_one_and_has_moved_at_step_two(
    fresh, images
):
    trainee = fresh(warmup_share=0.0)
    before = {name: each.detach().clone() for name, each in trainee._trained}
    run(trainee, images, 1)
    assert all(each.grad is not None for _, each in trainee._trained)
    # B starts at zero, so at the first step the gradient of A is exactly zero.
    assert all(each.grad.abs().sum() > 0 for name, each in trainee._trained if name.endswith(".B"))
    run(trainee, images, 1)
    assert all(not torch.equal(each, before[name]) for name, each in trainee._trained)


def test_the_image_encoder_learns_at_its_own_rate(fresh, images):
    trainee = fresh(image_rate=0.0)
    before = {name: each.detach().clone() for name, each in trainee._trained}
    run(trainee, images, 2)
    still = {name for name, each in trainee._trained if torch.equal(each, before[name])}
    assert still == {name for name in before if name.startswith("image.")}


def test_only_q_and_v_learn_and_the_base_stays_byte_identical(base, trained):
    assert {tuple(name.split(".")[::2]) for name, _ in trained._trained} == set(
        itertools.product(("image", "text"), ("q", "v"))
    )
    held = {name.replace(".base_layer", ""): each for name, each in
            trained._net.model.state_dict().items() if ".lora_" not in name}  # fmt: skip
    now = stock_state(held) if base.library == "open_clip" else held
    assert {name: each.numpy().tobytes() for name, each in now.items()} == {
        name: each.numpy().tobytes() for name, each in base.build().state_dict().items()
    }


def test_a_reloaded_adapter_answers_the_same_to_the_bit(base, fresh, images):
    trainee = fresh()
    run(trainee, images, 3)
    other = LoraClip(base, batch=4)
    other.load_adapter(trainee.adapter())
    assert np.array_equal(other.logits(images), trainee.logits(images))
    assert other.adapter() == trainee.adapter()


@pytest.mark.parametrize("augmentation", ["flip", "standard", "strong"])
def test_a_resumed_training_equals_an_uninterrupted_one_to_the_bit(fresh, images, augmentation):
    changes = {"augmentation": augmentation, "dropout": 0.3}
    straight = fresh(**changes)
    losses = run(straight, images, 6)
    first = fresh(**changes)
    run(first, images, 3)
    torch.manual_seed(99)
    second = fresh(**changes)
    second.resume(first.checkpoint())
    assert run(second, images, 3) == losses[3:]
    assert second.adapter() == straight.adapter()
    assert second.checkpoint() == straight.checkpoint()


def test_dropout_and_augmentation_are_active_and_come_from_the_seed(fresh, images):
    plain, dropped = fresh(), fresh(dropout=0.5)
    assert run(plain, images, 3) != run(dropped, images, 3)
    assert run(fresh(dropout=0.5), images, 3) == run(fresh(dropout=0.5), images, 3)
    flipped = {seed: run(fresh(augmentation="flip", seed=seed), images, 1)[0] for seed in (1, 2)}
    assert flipped[1] != flipped[2]


def test_logits_do_not_depend_on_batch_mates_or_place(trained, images):
    together = trained.logits(images)
    assert together.shape == (6, 3)
    for at in range(6):
        assert np.array_equal(trained.logits(images[at : at + 1])[0], together[at])
    assert np.array_equal(trained.logits(images[::-1])[::-1], together)
    assert trained.logits([]).shape == (0, 3)


def test_an_adapter_tells_where_it_belongs_and_is_refused_elsewhere(base, trained):
    adapter = trained.adapter()
    manifest = read_manifest(adapter)
    assert (manifest["weights"], manifest["library"]) == (base.weights, base.library)
    assert manifest["class_names"] == list(CLASSES)
    assert (manifest["rank"], manifest["alpha"], manifest["targets"]) == (
        4, 8.0, ["q_proj", "v_proj"])  # fmt: skip
    assert set(manifest["versions"]) == {"peft", "torch"}
    tensors, manifest = unpack(adapter, "adapter")
    elsewhere = {"base": "large-clip", "weights": "0000"}
    for canonical in ("1111", ""):
        with pytest.raises(ModelError, match=r"trained on large-clip \(weights 0000\)"):
            LoraClip(base).load_adapter(
                pack(tensors, manifest | elsewhere | {"canonical": canonical})
            )
    tensors.popitem()
    with pytest.raises(ModelError, match="holds 19 tensors, this model takes 20"):
        LoraClip(base).load_adapter(pack(tensors, manifest))


@pytest.mark.parametrize("data", [b"", b"no safetensors", b"\x02\0\0\0\0\0\0\0{}"])
def test_bytes_that_are_no_adapter_are_refused(data):
    with pytest.raises(ModelError, match="no manifest"):
        LoraClip().load_adapter(data)


def test_a_checkpoint_is_no_adapter_and_fits_its_own_settings_only(fresh, images):
    trainee = fresh()
    with pytest.raises(ModelError, match="kind 'adapter', found 'checkpoint'"):
        trainee.load_adapter(trainee.checkpoint())
    with pytest.raises(ModelError, match="settings"):
        fresh(rank=8).resume(trainee.checkpoint())


def test_a_loss_that_is_not_finite_says_what_to_lower(fresh, images):
    with pytest.raises(TrainingError, match=r"inf at step 1: lower training\.learning_rate"):
        fresh().step(images[:1], [0], [float("inf")])


def test_a_template_without_a_place_for_the_class_is_refused():
    with pytest.raises(ModelError, match="must hold"):
        LoraClip(template="a photo")


def test_the_rate_warms_up_in_a_line_and_ends_in_a_cosine():
    rates = [learning_rate(settings(steps=100, warmup_share=0.1), step) for step in range(100)]
    np.testing.assert_allclose(rates[:10], np.linspace(0.001, 0.01, 10))
    assert rates[55] == pytest.approx(0.005)
    assert rates[9] == max(rates)
    assert rates[10:] == sorted(rates[10:], reverse=True)
    assert rates[-1] < 1e-5


def test_equal_tensors_make_equal_files():
    tensors = {"b": torch.ones(2), "a": torch.zeros(3)}
    packed = pack(tensors, {"kind": "adapter", "more": [1, 2]})
    assert packed == pack(dict(reversed(tensors.items())), {"more": [1, 2], "kind": "adapter"})
    size = int.from_bytes(packed[:8], "little")
    assert list(json.loads(packed[8 : 8 + size])["__metadata__"]) == [MANIFEST]
