"""An adapter on tiny checkpoints of every kind that has a UNet: seeded, stock, without a trace."""

import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests import tiny_pipelines
from varifactory.errors import ModelError, TrainingError
from varifactory.models import Weights
from varifactory.models.adapters import put, take_off
from varifactory.models.adapters.tuner import LoraTuner
from varifactory.models.checkpoints import find
from varifactory.models.clip.adapter import read_manifest
from varifactory.models.edits.families import families
from varifactory.models.edits.loading import Setup, load_plain
from varifactory.models.tuning import Shot, Tuned, TuningSettings
from varifactory.recipe import Checkpoint

SIDE = tiny_pipelines.SIDE
SETTINGS = TuningSettings(
    rank=2, alpha=8.0, learning_rate=1e-2, steps=3, batch_size=4, warmup_share=0.0,
    text_encoder=True, seed=2**62 + 1,
)  # fmt: skip
CAPTIONS = ("a photo of a dax", "a photo of a wug")
CARD = [("cuda", dtype) for dtype in ("float32", "bfloat16", "float16")]
NUMBERS = [("cpu", "bfloat16"), *(CARD if torch.cuda.is_available() else [])]
GENERATORS = ("sd15 9", "sd15 4", "sdxl 9", "sdxl 4")


def shots(count: int = 3, size: tuple[int, int] = (SIDE, SIDE)) -> list[Shot]:
    random = np.random.default_rng(1)
    return [
        Shot(random.integers(0, 256, (*size, 3), np.uint8), f"{at:064d}", CAPTIONS[at % 2])
        for at in range(count)
    ]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """A saved checkpoint of a family with so many channels, each made once."""
    made: dict[str, Path] = {}

    def saved(generator: str) -> Path:
        if generator not in made:
            family, channels = generator.split()
            save = getattr(tiny_pipelines, family)
            made[generator] = save(tmp_path_factory.mktemp(family), channels=int(channels))
        return made[generator]

    return saved


def plain(folder: Path, generator: str, dtype: str = "float32", device: str = "cpu") -> Any:
    family, channels = generator.split()
    kind = "inpaint" if channels == "9" else "text-to-image"
    found = find(Checkpoint(name=str(folder), dtype=dtype), "edits.checkpoint")
    return load_plain(families()[family], found, Setup(kind=kind, device=device))


def tuner(load: Callable[[], Any]) -> LoraTuner:
    return LoraTuner({"name": "tiny", "weights": "weights", "dtype": "float32"}, load, side=SIDE)


@pytest.fixture(scope="module")
def tuned(folder: Callable[[str], Path]) -> Callable[[str], Tuned]:
    """An adapter of a generator, each made once."""
    made: dict[str, Tuned] = {}

    def adapter(generator: str) -> Tuned:
        if generator not in made:
            made[generator] = tuner(lambda: plain(folder(generator), generator)).tune(
                shots(), SETTINGS
            )
        return made[generator]

    return adapter


def weights(pipeline: Any) -> dict[str, torch.Tensor]:
    return {
        f"{name}.{key}": tensor.clone()
        for name, part in pipeline.components.items()
        if isinstance(part, torch.nn.Module)
        for key, tensor in part.state_dict().items()
    }


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[key], other[key]) for key in one)


def drawn(pipeline: Any) -> np.ndarray:
    """One image of two steps."""
    arguments: dict[str, Any] = {}
    if pipeline.unet.config.in_channels == 9:
        arguments = {
            "image": torch.zeros(1, 3, SIDE, SIDE),
            "mask_image": torch.ones(1, 1, SIDE, SIDE),
        }
    return np.asarray(
        pipeline(
            CAPTIONS[0], height=SIDE, width=SIDE, num_inference_steps=2, output_type="np",
            generator=torch.Generator().manual_seed(1), **arguments,
        ).images
    )  # fmt: skip


@pytest.mark.parametrize("generator", GENERATORS)
def test_two_runs_are_equal_to_the_bit_and_leave_no_trace(folder, generator, tuned):
    pipeline = plain(folder(generator), generator)
    before = weights(pipeline)
    one = tuner(lambda: pipeline)
    torch.manual_seed(1)  # torch's own state must not matter
    again = one.tune(shots(), SETTINGS)
    torch.manual_seed(2)
    assert one.tune(shots(), SETTINGS) == again == tuned(generator)
    assert same(weights(pipeline), before)
    assert one.resident.loads == 1


@pytest.mark.parametrize("generator", GENERATORS)
def test_a_stock_loader_takes_it_and_gives_the_base_back(folder, generator, tuned, tmp_path):
    Path(tmp_path, "adapter.safetensors").write_bytes(tuned(generator).adapter)
    fresh = plain(folder(generator), generator)
    before, base = drawn(fresh), weights(fresh)
    fresh.load_lora_weights(tmp_path, weight_name="adapter.safetensors")
    adapted = drawn(fresh)
    assert np.abs(adapted - before).max() > 1e-3
    fresh.unload_lora_weights()
    assert same(weights(fresh), base)
    assert np.array_equal(drawn(fresh), before)

    put(fresh, Weights("a" * 64, tuned(generator).adapter), "weights")
    assert np.array_equal(drawn(fresh), adapted)
    take_off(fresh)
    assert np.array_equal(drawn(fresh), before)


@pytest.mark.parametrize("generator", ["sd15 9", "sdxl 4"])
def test_it_is_the_delta_that_lora_says(folder, generator, tuned):
    """W + B A by hand, the scale of alpha / rank being part of B."""
    from safetensors.torch import load

    tensors = load(tuned(generator).adapter)
    merged, loaded = (plain(folder(generator), generator) for _ in range(2))
    for name, down in tensors.items():
        if ".down." not in name:
            continue
        part, path = name.split(".", 1)
        path = path.replace(".lora_linear_layer.down.weight", "").replace(".lora.down.weight", "")
        up = tensors[name.replace(".down.", ".up.")]
        getattr(merged, part).get_submodule(path).weight.data += up @ down
    put(loaded, Weights("b" * 64, tuned(generator).adapter))
    assert np.abs(drawn(merged) - drawn(loaded)).max() < 1e-5


def test_every_matrix_learns(tuned):
    """The second ones start at zero: a dead one would still be there."""
    from safetensors.torch import load

    for generator in GENERATORS:
        tensors = load(tuned(generator).adapter)
        assert {name.split(".")[0] for name in tensors} == (
            {"unet", "text_encoder", "text_encoder_2"} if "sdxl" in generator
            else {"unet", "text_encoder"}
        )  # fmt: skip
        assert all(tensor.abs().max() > 0 for tensor in tensors.values())
        kinds = {name.split(".lora")[0].rsplit("attn", 1)[-1] for name in tensors if "unet" in name}
        assert kinds == {f"{n}.{to}" for n in (1, 2) for to in ("to_q", "to_k", "to_v", "to_out.0")}


def test_the_text_encoder_may_stay_as_it_is(folder):
    from dataclasses import replace

    from safetensors.torch import load

    made = tuner(lambda: plain(folder("sd15 4"), "sd15 4")).tune(
        shots(), replace(SETTINGS, text_encoder=False)
    )
    assert {name.split(".")[0] for name in load(made.adapter)} == {"unet"}


def test_the_file_tells_what_it_was_made_of(tuned):
    data = tuned("sd15 9").adapter
    manifest = read_manifest(data)
    assert manifest["base"]["weights"] == "weights"
    assert [shot["pixels"] for shot in manifest["shots"]] == [s.pixel_sha256 for s in shots()]
    assert {shot["caption"] for shot in manifest["shots"]} == set(CAPTIONS)
    assert manifest["settings"]["rank"] == 2
    assert set(manifest["versions"]) == {"torch", "diffusers", "transformers", "peft"}
    header = json.loads(data[8 : 8 + struct.unpack("<Q", data[:8])[0]])
    assert list(header["__metadata__"]) == ["manifest"]


def test_other_shots_captions_seeds_and_settings_give_other_adapters(folder):
    from dataclasses import replace

    pipeline = plain(folder("sd15 9"), "sd15 9")
    one = tuner(lambda: pipeline)
    given = shots()
    made = [
        one.tune(given, SETTINGS),
        one.tune(given[:2], SETTINGS),
        one.tune([replace(shot, caption="a wug") for shot in given], SETTINGS),
        one.tune(given, replace(SETTINGS, seed=2)),
        one.tune(given, replace(SETTINGS, steps=4)),
        one.tune(given, replace(SETTINGS, alpha=4.0)),
    ]
    assert len({each.adapter for each in made}) == len(made)
    assert len(made[0].losses) == 3
    assert all(np.isfinite(each.losses).all() for each in made)


def test_pictures_of_any_shape_are_taken_from_their_middle(folder):
    pipeline = plain(folder("sdxl 9"), "sdxl 9")
    made = tuner(lambda: pipeline).tune(shots(2, size=(48, 80)), SETTINGS)
    assert np.isfinite(made.losses).all()


@pytest.mark.parametrize("generator", ["sd15 4", "sdxl 9"])
@pytest.mark.parametrize(("device", "dtype"), NUMBERS)
def test_adapters_have_single_precision_whatever_the_base_has(
    folder, tuned, device, dtype, generator
):
    from safetensors.torch import load

    pipeline = plain(folder(generator), generator, dtype, device)
    one = LoraTuner({"name": "tiny", "weights": "w"}, lambda: pipeline, side=SIDE, half=True)
    made = one.tune(shots(), SETTINGS)
    assert np.allclose(made.losses, tuned(generator).losses, rtol=0.05)
    assert {tensor.dtype for tensor in load(made.adapter).values()} == {torch.float32}
    assert pipeline.unet.dtype == pipeline.vae.dtype == getattr(torch, dtype)
    put(pipeline, Weights("2" * 64, made.adapter))
    assert np.isfinite(drawn(pipeline)).all()


def test_an_adapter_of_another_base_is_refused(folder, tuned):
    fresh = plain(folder("sd15 9"), "sd15 9")
    with pytest.raises(ModelError, match=r"trained on tiny .*not on weights other.*edits\.editor"):
        put(fresh, Weights("c" * 64, tuned("sd15 9").adapter), "other")
    assert fresh.get_list_adapters() == {}


def test_an_adapter_that_does_not_fit_is_refused(folder, tuned):
    fresh = plain(folder("sd15 9"), "sd15 9")
    before = drawn(fresh)
    with pytest.raises(ModelError, match="does not fit this generator"):
        put(fresh, Weights("d" * 64, tuned("sdxl 9").adapter))
    assert np.array_equal(drawn(fresh), before)
    with pytest.raises(ModelError, match="not a file of ours"):
        put(fresh, Weights("e" * 64, b"nonsense"))


def test_adapters_of_other_makers_stay(folder, tuned, tmp_path):
    """A few-step adapter is on the pipeline; ours comes and goes beside it."""
    Path(tmp_path, "few.safetensors").write_bytes(tuned("sd15 9").adapter)
    fresh = plain(folder("sd15 9"), "sd15 9")
    fresh.load_lora_weights(tmp_path, weight_name="few.safetensors", adapter_name="few-steps")
    before = drawn(fresh)
    put(fresh, Weights("f" * 64, tuned("sd15 9").adapter), "weights")
    put(fresh, Weights("f" * 64, tuned("sd15 9").adapter), "weights")
    assert not np.array_equal(drawn(fresh), before)
    put(fresh, Weights("0" * 64, tuned("sd15 9").adapter), "weights")
    assert fresh.get_list_adapters()["unet"] == ["few-steps", "varifactory-" + "0" * 16]
    take_off(fresh)
    assert fresh.get_list_adapters()["unet"] == ["few-steps"]
    assert np.array_equal(drawn(fresh), before)


def test_fused_projections_are_refused(folder, tuned):
    fresh = plain(folder("sd15 9"), "sd15 9")
    fresh.fuse_qkv_projections()
    with pytest.raises(ModelError, match=r"fused.*adaptation\.scope=none"):
        put(fresh, Weights("1" * 64, tuned("sd15 9").adapter), "weights")


def short(pipeline: Any, most: int, frugal: int = 0) -> Any:
    """The pipeline on a card that holds so many pictures, or ``frugal`` where it computes twice."""
    forward = pipeline.unet.forward

    def limited(sample: torch.Tensor, *rest: Any, **more: Any) -> Any:
        if len(sample) > (frugal if pipeline.unet.is_gradient_checkpointing else most):
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
        return forward(sample, *rest, **more)

    pipeline.unet.forward = limited
    return pipeline


@pytest.mark.parametrize(("most", "frugal"), [(2, 0), (0, 4), (0, 1)])
def test_short_memory_trains_the_same_in_parts_or_computing_twice(folder, tuned, most, frugal):
    pipeline = short(plain(folder("sd15 4"), "sd15 4"), most, frugal)
    small = tuner(lambda: pipeline).tune(shots(), SETTINGS)
    assert np.allclose(small.losses, tuned("sd15 4").losses, rtol=1e-4)
    assert np.isclose(small.after, tuned("sd15 4").after, rtol=1e-3)
    assert not pipeline.unet.is_gradient_checkpointing


def test_memory_for_not_even_one_is_told(folder):
    none = tuner(lambda: short(plain(folder("sd15 4"), "sd15 4"), 0))
    with pytest.raises(ModelError, match=r"training an adapter.*adaptation\.text_encoder=false"):
        none.tune(shots(), SETTINGS)


def test_a_loss_that_is_no_number_is_told_with_the_rate(folder):
    from dataclasses import replace

    pipeline = plain(folder("sd15 4"), "sd15 4")
    before = weights(pipeline)
    wild = replace(SETTINGS, learning_rate=0.9, alpha=3e38, steps=6)
    with pytest.raises(TrainingError, match=r"became (inf|nan) .*learning_rate \(now 0\.9\)"):
        tuner(lambda: pipeline).tune(shots(), wild)
    assert same(weights(pipeline), before)


def test_a_caption_that_is_cut_off_is_told(folder):
    from dataclasses import replace

    pipeline = plain(folder("sd15 4"), "sd15 4")
    long = [replace(shot, caption="a dax " * 20) for shot in shots()]
    with pytest.raises(TrainingError, match=r"reads 77: shorten adaptation\.template"):
        tuner(lambda: pipeline).tune(long, SETTINGS)


def test_a_picture_that_is_none_is_told(folder):
    from dataclasses import replace

    pipeline = plain(folder("sd15 4"), "sd15 4")
    grey = [replace(shot, image=shot.image[:, :, 0]) for shot in shots()]
    with pytest.raises(ModelError, match=r"shot 000000000000 is uint8 \(32, 32\), not uint8"):
        tuner(lambda: pipeline).tune(grey, SETTINGS)


def test_a_transformer_is_refused(tmp_path):
    folder = tiny_pipelines.flux_fill(tmp_path)
    found = find(Checkpoint(name=str(folder), dtype="float32"), "edits.checkpoint")
    flux = tuner(lambda: load_plain(families()["flux-fill"], found, Setup()))
    with pytest.raises(
        ModelError, match=r"a transformer instead of a UNet.*adaptation\.scope=none"
    ):
        flux.tune(shots(), SETTINGS)


def test_a_unet_with_other_channels_is_refused(tmp_path):
    folder = tiny_pipelines.sd15(tmp_path, channels=8)
    odd = tuner(lambda: plain(folder, "sd15 4"))
    with pytest.raises(ModelError, match=r"takes 8 channels.*4 .*and 9 .*adaptation\.scope=none"):
        odd.tune(shots(), SETTINGS)
