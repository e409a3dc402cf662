"""What stands between a recipe's checkpoint and a pipeline: bad input, schedules, few steps."""

import logging
import resource
import shutil
from dataclasses import replace

import numpy as np
import pytest

from tests import tiny_pipelines
from tests.servers.hub import COMMIT, Repo, client_of
from varifactory.errors import ModelError
from varifactory.models.checkpoints import find
from varifactory.models.edits import loading
from varifactory.models.edits.diffusion import DiffusersInpainter
from varifactory.models.edits.families import families, schedule_for
from varifactory.models.edits.loading import Distilled, Setup
from varifactory.recipe import Checkpoint

SDXL = families()["sdxl"]


@pytest.mark.parametrize(
    ("held", "asked", "way"),
    [
        ("sd15", "sdxl", "set edits.editor to sd15"),
        ("flux-fill", "sd15", "set edits.editor to flux-fill"),
        ("qwen-image", "flux2-klein", "set edits.editor to qwen-image"),
    ],
)
def test_a_checkpoint_of_another_family_is_refused(build, tiny, job, held, asked, way) -> None:
    with pytest.raises(ModelError, match=rf"edits.checkpoint.name: .* holds a .*{way}"):
        build(asked, folder=tiny(held)).inpaint([job()])


def test_a_pipeline_that_no_editor_reads_is_refused(build, tiny, job, tmp_path) -> None:
    folder = shutil.copytree(tiny("sd15"), tmp_path / "other")
    index = folder / "model_index.json"
    index.write_text(index.read_text().replace("StableDiffusionInpaint", "Marigold"))
    with pytest.raises(ModelError, match=r"holds a MarigoldPipeline.*no editor reads it"):
        build("sd15", folder=folder).inpaint([job()])
    index.write_text("[1")
    with pytest.raises(ModelError, match=r"model_index.json"):
        build("sd15", folder=folder).inpaint([job()])


def test_a_folder_without_a_pipeline_is_refused(build, tiny, job) -> None:
    with pytest.raises(ModelError, match=r"has no model_index.json: name a folder"):
        build("sd15", folder=tiny("sd15") / "unet").inpaint([job()])


def test_missing_and_other_weights_are_refused(tiny, tmp_path) -> None:
    with pytest.raises(ModelError, match=r"edits.checkpoint.name .* neither a folder nor a file"):
        find(Checkpoint(name=str(tmp_path / "gone")), "edits.checkpoint")
    with pytest.raises(ModelError, match=r"edits.checkpoint.sha256 is 000000000000"):
        find(Checkpoint(name=str(tiny("sd15")), sha256="0" * 64), "edits.checkpoint")


def test_weights_exchanged_since_planning_are_refused(build, tiny, job, tmp_path) -> None:
    folder = shutil.copytree(tiny("sd15"), tmp_path / "sd15")
    editor = build("sd15", folder=folder)
    config = folder / "scheduler/scheduler_config.json"
    config.write_text(config.read_text() + " ")
    with pytest.raises(ModelError, match=r"edits\.checkpoint\.name: .* have changed since"):
        editor.inpaint([job()])


def test_pickled_weights_are_refused(build, tiny, job, tmp_path) -> None:
    folder = shutil.copytree(tiny("sd15"), tmp_path / "pickled")
    for weights in folder.rglob("*.safetensors"):
        weights.rename(weights.with_suffix(".bin"))
    with pytest.raises(ModelError, match=r"\.bin is a pickle checkpoint.*convert it"):
        build("sd15", folder=folder).inpaint([job()])


def test_one_pickled_part_is_refused_too(build, tiny, job, tmp_path) -> None:
    folder = shutil.copytree(tiny("sd15"), tmp_path / "pickled")
    weights = folder / "unet" / "diffusion_pytorch_model.safetensors"
    weights.rename(weights.with_suffix(".bin"))
    with pytest.raises(ModelError, match=r"diffusion_pytorch_model.bin is a pickle checkpoint"):
        build("sd15", folder=folder).inpaint([job()])


def test_damaged_weights_are_refused(build, tiny, job, tmp_path) -> None:
    folder = shutil.copytree(tiny("sd15"), tmp_path / "damaged")
    weights = folder / "unet" / "diffusion_pytorch_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(ModelError, match=r"cannot be loaded as sd15 .*fetch it again"):
        build("sd15", folder=folder).inpaint([job()])


def test_numbers_that_the_device_lacks_are_refused(build, job) -> None:
    with pytest.raises(ModelError, match=r"edits.checkpoint.dtype is 'float16'"):
        build("sd15", dtype="float16").inpaint([job()])


def test_bfloat16_works_on_a_cpu(build, job) -> None:
    editor = build("sd15", dtype="bfloat16")
    assert editor.identity["dtype"] == "bfloat16"
    exact = build("sd15").inpaint([job(1)])[0].astype(float)
    rough = editor.inpaint([job(1)])[0].astype(float)
    # The noise itself is drawn in bfloat16, so the pictures are not near; both are pictures.
    assert 0 < np.abs(rough - exact).mean() < 80


def test_what_only_a_card_gains_from_is_left_out_with_a_word(build, job, caplog) -> None:
    plain = build("sd15").inpaint([job(1)])
    editor = build("sd15", compile=True, channels_last=True, offload=True)
    with caplog.at_level(logging.WARNING):
        made = editor.inpaint([job(1)])
    for key in ("run.channels_last", "run.compile", "edits.offload"):
        assert f"{key} is for cards alone" in caplog.text
    assert np.array_equal(made[0], plain[0])


@pytest.mark.parametrize("family", ["sd15", "flux-fill", "flux2-klein", "qwen-image"])
def test_what_cards_gain_from_paints_the_same(build, job, family) -> None:
    """Done on a CPU here, where it gains nothing: channels innermost, images decoded one by one."""
    editor = build(family, batch=2)
    jobs = [job(n, guidance=1.0) for n in range(2)]
    plain = editor.inpaint(jobs)
    with editor._resident.use() as loaded:
        loading._channels_last(loaded.pipeline)
        loaded.pipeline.vae.enable_slicing()
    for one, two in zip(plain, editor.inpaint(jobs), strict=True):
        assert np.abs(one.astype(int) - two).max() <= 1


@pytest.mark.filterwarnings(
    # diffusers' own, of how it makes arrays of tensors
    "ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning"
)
@pytest.mark.parametrize(
    "name", ["ddim", "dpm", "unipc", "euler", "ddim-trailing", "euler-trailing", "lcm", "tcd"]
)
def test_every_noise_schedule_paints_and_names_the_edits(build, job, name) -> None:
    editor = build("sdxl", schedule=schedule_for(SDXL, name), batch=2)
    assert editor.identity["scheduler"] == name
    jobs = [job(n, strength=0.7, steps=3, guidance=1.0) for n in range(3)]
    made = editor.inpaint(jobs)
    assert np.array_equal(made[2], editor.inpaint(jobs[::-1])[0])
    assert len({image.tobytes() for image in made}) == 3


def test_schedules_change_the_picture(build, job) -> None:
    plain = build("qwen-image", batch=1)
    flow = schedule_for(families()["qwen-image"], "flow-shift-3")
    assert "scheduler" not in plain.identity
    shifted = build("qwen-image", batch=1, schedule=flow)
    assert not np.array_equal(plain.inpaint([job(1)])[0], shifted.inpaint([job(1)])[0])


def test_a_schedule_of_other_families_is_refused() -> None:
    with pytest.raises(ModelError, match=r"edits.scheduler 'lcm' is for other families; qwen-image "
                                         r"can have flow-shift-3"):  # fmt: skip
        schedule_for(families()["qwen-image"], "lcm")
    with pytest.raises(ModelError, match=r"edits.scheduler 'magic' is unknown; sdxl can have ddim"):
        schedule_for(SDXL, "magic")


@pytest.fixture(scope="module")
def few_steps(tiny, tmp_path_factory):
    """A LoRA of the tiny SDXL's UNet, as diffusers saves one."""
    import diffusers
    import torch
    from peft import LoraConfig
    from peft.utils import get_peft_model_state_dict

    folder = tmp_path_factory.mktemp("adapter")
    torch.manual_seed(3)
    unet = diffusers.UNet2DConditionModel.from_pretrained(tiny("sdxl"), subfolder="unet")
    unet.add_adapter(LoraConfig(r=2, init_lora_weights=False, target_modules=["to_q", "to_v"]))
    diffusers.StableDiffusionXLPipeline.save_lora_weights(
        folder, unet_lora_layers=get_peft_model_state_dict(unet), weight_name="few.safetensors"
    )
    return folder


def test_a_distilled_adapter_is_merged_and_named(build, job, few_steps) -> None:
    found = find(Checkpoint(name=str(few_steps)), "edits.distilled.checkpoint")
    plain = build("sdxl", batch=1)
    made = {}
    for weight in (0.0, 0.5, 1.0):
        editor = build("sdxl", batch=1, distilled=Distilled(found, "few.safetensors", weight))
        assert editor.identity["distilled"] == f"{found.weights}/few.safetensors"
        assert editor.identity["distilled_weight"] == weight
        made[weight] = editor.inpaint([job(1)])[0]
        with editor._resident.use() as loaded:
            assert not any(loaded.pipeline.get_list_adapters().values())
    assert np.array_equal(made[0.0], plain.inpaint([job(1)])[0])
    assert len({image.tobytes() for image in made.values()}) == 3
    whole_file = find(Checkpoint(name=str(few_steps / "few.safetensors")), "edits.distilled")
    by_file = build("sdxl", batch=1, distilled=Distilled(whole_file, "", 1.0))
    assert np.array_equal(by_file.inpaint([job(1)])[0], made[1.0])


def test_an_adapter_exchanged_since_planning_is_refused(build, job, few_steps, tmp_path) -> None:
    folder = shutil.copytree(few_steps, tmp_path / "adapter")
    found = find(Checkpoint(name=str(folder)), "edits.distilled.checkpoint")
    editor = build("sdxl", batch=1, distilled=Distilled(found, "few.safetensors", 1.0))
    with (folder / "few.safetensors").open("ab") as stream:
        stream.write(b" ")
    with pytest.raises(ModelError, match=r"edits\.distilled\.checkpoint\.name: .* have changed"):
        editor.inpaint([job(1)])


def test_an_adapter_of_another_generator_is_refused(build, job, few_steps, tmp_path) -> None:
    found = find(Checkpoint(name=str(few_steps)), "edits.distilled.checkpoint")
    with pytest.raises(ModelError, match=r"edits.distilled.checkpoint.name: .* does not fit"):
        build("sd15", distilled=Distilled(found, "few.safetensors", 1.0)).inpaint([job()])
    with pytest.raises(ModelError, match=r"edits.distilled.checkpoint.name: .* does not fit"):
        build("sdxl", distilled=Distilled(found, "none.safetensors", 1.0)).inpaint([job()])
    pickled = tmp_path / "adapter.bin"
    pickled.write_bytes(b"\x80")
    found = find(Checkpoint(name=str(pickled)), "edits.distilled.checkpoint")
    with pytest.raises(ModelError, match=r"adapter.bin is a pickle checkpoint"):
        build("sdxl", distilled=Distilled(found, "", 1.0)).inpaint([job()])


def test_the_model_is_loaded_once_and_at_its_first_use(build, job) -> None:
    editor = build("sd15")
    assert editor._resident.loads == 0
    editor.refusal(job())
    editor.inpaint([job(n) for n in range(5)])
    assert editor._resident.loads == 1
    assert editor._resident.drop()
    editor.inpaint([job()])
    assert editor._resident.loads == 2


class Short:
    """Memory that really runs short: every image takes half a gigabyte more to decode, and the
    process may have two and a half beyond what it has."""

    def __init__(self, editor: DiffusersInpainter) -> None:
        with editor._resident.use() as loaded:
            self.vae = loaded.pipeline.vae
        self.decode, self.batches = self.vae.decode, []

    def __enter__(self) -> "Short":
        self.vae.decode = self._hungry
        self.limits = resource.getrlimit(resource.RLIMIT_AS)
        with open("/proc/self/statm") as stream:
            held = int(stream.read().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (held + 5 * 2**29, self.limits[1]))
        return self

    def _hungry(self, latents, *arguments, **options):
        import torch

        taken = torch.empty(len(latents), 2**27)  # float32, never touched
        self.batches.append(len(taken))
        return self.decode(latents, *arguments, **options)

    def __exit__(self, *error: object) -> None:
        resource.setrlimit(resource.RLIMIT_AS, self.limits)
        self.vae.decode = self.decode


def test_short_memory_halves_the_batch_and_goes_on_with_the_same_pictures(build, job) -> None:
    jobs = [job(n) for n in range(11)]
    whole = build("sd15", batch=8).inpaint(jobs)
    editor = build("sd15", batch=8)
    with Short(editor) as short:
        halved = editor.inpaint(jobs)
        assert set(short.batches) == {4}
        again = editor.inpaint(jobs[:3])
        assert set(short.batches) == {4}
    for one, two in zip(whole, halved, strict=True):
        assert np.abs(one.astype(int) - two).max() <= 1
    for one, two in zip(halved, again, strict=False):
        assert np.array_equal(one, two)


def test_memory_too_short_for_one_image_names_the_settings(build, job) -> None:
    editor = build("sd15", batch=2)
    with Short(editor) as short:
        short.vae.decode = lambda latents, *rest, **options: short._hungry(
            latents.repeat(9, 1, 1, 1), *rest, **options
        )
        with pytest.raises(MemoryError, match=r"one image of 32 x 32 pixels .* smaller edits.side"):
            editor.inpaint([job()])
    assert editor.inpaint([job()])[0].shape == (32, 32, 3)


def test_numbers_out_of_range_are_told(build, job) -> None:
    editor = build("sd15")
    with editor._resident.use() as loaded:
        decode = loaded.pipeline.vae.decode
        loaded.pipeline.vae.decode = lambda latents, **options: decode(latents * np.nan, **options)
    with pytest.raises(ModelError, match=r"beyond float32: set edits.checkpoint.dtype"):
        editor.inpaint([job()])


def test_the_identity_tells_what_changes_pixels_and_nothing_else(build, tiny) -> None:
    first = build("sd15").identity
    assert first["weights"] == find(Checkpoint(name=str(tiny("sd15"))), "edits").weights
    assert (first["batch"], first["side"], first["reads_prompt"]) == (4, tiny_pipelines.SIDE, True)
    assert build("sd15", batch=8).identity != first
    assert build("sd15", threads=2).identity != first
    assert build("sd15", side=64).identity != first
    assert build("sd15", offload=True, compile=True, channels_last=True).identity == first
    card = build("sd15", device="cuda").identity
    assert not {"batch", "threads"} & set(card)


def test_without_a_card_cuda_is_refused(build, job, monkeypatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)  # also where there is one
    with pytest.raises(ModelError, match=r"run.device is 'cuda', and no CUDA card"):
        build("sd15", device="cuda").inpaint([job()])


def test_setups_pad_where_equal_shapes_matter() -> None:
    assert Setup().padded
    assert not Setup(device="cuda").padded
    assert replace(Setup(device="cuda"), compile=True).padded


@pytest.fixture
def hub(tiny, tmp_path, monkeypatch):
    """A hub with the tiny SDXL, with other formats beside what is used, as hubs have them."""
    folder = tiny("sdxl")
    files = {str(path.relative_to(folder)): path.read_bytes()
             for path in folder.rglob("*") if path.is_file()}  # fmt: skip
    unused = ["sdxl.safetensors", "unet/diffusion_pytorch_model.bin", "vae/model.onnx",
              "unet/diffusion_pytorch_model.fp16.safetensors"]  # fmt: skip
    repo = Repo(files | dict.fromkeys(unused, b"no"))
    with client_of(monkeypatch, tmp_path / "cache", studio__sdxl=repo) as server:
        yield server


def test_a_hub_s_pipeline_comes_once_and_of_it_what_is_used(build, hub, job) -> None:
    found = find(Checkpoint(name="studio/sdxl", revision=COMMIT, dtype="float32"), "edits.check")
    setup = Setup(batch=4, side=tiny_pipelines.SIDE)
    made = DiffusersInpainter(SDXL, found, setup).inpaint([job(1)])
    assert np.array_equal(made[0], build("sdxl").inpaint([job(1)])[0])
    fetched = [asked for asked in hub.requests if asked.startswith("GET") and "resolve" in asked]
    assert any("unet/diffusion_pytorch_model.safetensors" in asked for asked in fetched)
    for name in ("/sdxl.safetensors", ".bin", ".onnx", "fp16"):
        assert not any(asked.endswith(name) or ".fp16." in asked for asked in fetched)
    asked = len(hub.requests)
    DiffusersInpainter(SDXL, found, setup).inpaint([job(1)])
    assert len(hub.requests) == asked


def test_a_variant_that_a_hub_has_not_is_told(hub, job) -> None:
    checkpoint = Checkpoint(name="studio/sdxl", revision=COMMIT, variant="fp8", dtype="float32")
    found = find(checkpoint, "edits.checkpoint")
    with pytest.raises(ModelError, match=r"correct edits.checkpoint.variant"):
        DiffusersInpainter(SDXL, found, Setup()).inpaint([job(1)])
