import shutil
from pathlib import Path

import pytest

from tests.varifactory.models.edits.varireal.conftest import build
from tests.varifactory.models.edits.varireal.jobs import job
from varifactory.errors import ModelError
from varifactory.models.edits.loading import pipeline_files
from varifactory.models.edits.varireal import loading
from varifactory.recipe import Checkpoint, Edits
from varifactory.recipe.varireal import VariReal

pytestmark = pytest.mark.filterwarnings(
    "ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning"
)  # diffusers' schedulers make arrays of tensors
COMMIT = "0123456789abcdef0123456789abcdef01234567"


def color(weights, **changed):
    build(weights | changed).inpaint([job(1, "color", "red")])


def test_every_part_is_the_paper_s_where_a_recipe_names_none():
    pinned = {"revision": COMMIT}
    parts = {name: pinned for name in loading.USUAL if name != "inpainting"}
    found = loading.sources(
        Checkpoint(**pinned), "edits.checkpoint", VariReal.model_validate(parts)
    ).found
    assert {name: each.place for name, each in found.items()} == dict(loading.USUAL)
    assert found["vae"].weights == f"madebyollin/sdxl-vae-fp16-fix@{COMMIT}"
    assert found["inpainting"].key == "edits.checkpoint"


def test_a_folder_of_adapters_is_read_where_the_recipe_says(weights, editor):
    found = editor.sources.found
    assert found["ip_adapter"].place.endswith("ip-adapter-plus_sdxl_vit-h.safetensors")
    assert found["image_encoder"].place.endswith("models/image_encoder")
    direct = build(weights | {
        "ip_adapter": found["ip_adapter"].place, "image_encoder": found["image_encoder"].place,
    })  # fmt: skip
    assert direct.identity == editor.identity


@pytest.mark.parametrize(
    ("part", "file"),
    [
        ("text_to_image", "unet/config.json"),
        ("inpainting", "model_index.json"),
        ("controlnet", "config.json"),
        ("ip_adapter", "sdxl_models/ip-adapter-plus_sdxl_vit-h.safetensors"),
        ("image_encoder", "models/image_encoder/config.json"),
    ],
)
def test_parts_exchanged_since_planning_are_refused(weights, tmp_path, part, file):
    folder = shutil.copytree(weights[part], tmp_path / part)
    made = build(weights | {part: str(folder)})
    assert made.identity
    with (folder / file).open("ab") as stream:
        stream.write(b" ")
    key = "edits.checkpoint" if part == "inpainting" else f"edits.varireal.{part}"
    with pytest.raises(ModelError, match=rf"{key}\.name: .* have changed since"):
        made.inpaint([job(1, "background", "meadow"), job(2, "color", "red")])


def test_a_pickled_ip_adapter_is_read_if_it_holds_weights_alone(weights, editor, tmp_path):
    import numpy as np
    import torch
    from safetensors.torch import load_file

    flat = load_file(editor.sources.found["ip_adapter"].place)
    nested = {
        part: {name.removeprefix(f"{part}."): tensor for name, tensor in flat.items()
               if name.startswith(part)}
        for part in ("image_proj", "ip_adapter")
    }  # fmt: skip
    torch.save(nested, tmp_path / "adapter.bin")
    other = build(weights | {"ip_adapter": str(tmp_path / "adapter.bin")})
    asked = [job(1, "color", "red")]
    assert np.array_equal(other.inpaint(asked)[0], editor.inpaint(asked)[0])


def test_an_ip_adapter_without_a_resampler_is_read_too_and_keeps_batch_mates_apart(
    weights, editor, tmp_path
):
    import numpy as np
    import torch
    from safetensors.torch import load_file, save_file

    plain = {name: tensor for name, tensor in load_file(
        editor.sources.found["ip_adapter"].place).items() if name.startswith("ip_adapter.")
    }  # fmt: skip
    context = next(iter(plain.values())).shape[1]
    plain |= {
        "image_proj.proj.weight": torch.randn(4 * context, 32),
        "image_proj.proj.bias": torch.zeros(4 * context),
        "image_proj.norm.weight": torch.ones(context),
        "image_proj.norm.bias": torch.zeros(context),
    }
    save_file(plain, tmp_path / "plain.safetensors")
    other = build(weights | {"ip_adapter": str(tmp_path / "plain.safetensors")})
    asked = [job(number, "color", "red") for number in (1, 2)]
    together = other.inpaint(asked)
    for one, each, plus in zip(together, asked, editor.inpaint(asked), strict=True):
        assert np.array_equal(one, other.inpaint([each])[0])
        assert not np.array_equal(one, plus)


@pytest.mark.parametrize(
    ("part", "other", "words"),
    [
        ("base", "vae", r"edits\.varireal\.base\.name .* cannot be loaded"),
        ("controlnet", "text_to_image", r"edits\.varireal\.controlnet\.name .* cannot be loaded"),
        ("vae", "words", r"edits\.varireal\.vae\.name: .* no weights"),
        ("image_encoder", "vae", r"edits\.varireal\.image_encoder\.name .* cannot be loaded"),
        ("inpainting", "vae", r"edits\.checkpoint\.name .* cannot be loaded"),
    ],
)
def test_a_checkpoint_of_another_kind_is_refused_by_its_key(weights, part, other, words):
    place = weights.get(other, str(Path(weights["base"]).parent / other))
    with pytest.raises(ModelError, match=words):
        color(weights, **{part: place})


def test_an_ip_adapter_that_does_not_fit_is_refused(weights, editor, tmp_path):
    from safetensors.torch import load_file, save_file

    fitting = load_file(editor.sources.found["ip_adapter"].place)
    save_file({name: tensor for name, tensor in fitting.items() if ".1." not in name},
              tmp_path / "half.safetensors")  # fmt: skip
    with pytest.raises(ModelError, match=r"ip_adapter\.name .* does not fit the other parts"):
        color(weights, ip_adapter=str(tmp_path / "half.safetensors"))
    with pytest.raises(ModelError, match=r"no file .*: correct ip_adapter_file"):
        build(weights, ip_adapter_file="elsewhere.safetensors").inpaint([job(1, "color", "red")])


def test_pickles_are_refused(weights, tmp_path):
    folder = shutil.copytree(weights["vae"], tmp_path / "vae")
    safe = folder / "diffusion_pytorch_model.safetensors"
    safe.rename(safe.with_suffix(".bin"))
    with pytest.raises(ModelError, match=r"edits\.varireal\.vae\.name: .* pickle checkpoint"):
        color(weights, vae=str(folder))


def test_a_painter_may_be_sdxl(weights):
    """And no invisible watermark is put on, whatever else is installed."""
    editor = build(weights | {"text_to_image": weights["base"]})
    editor.inpaint([job(1, "background", "meadow")])
    with editor.paint.pipeline.use() as pipeline:
        assert type(pipeline).__name__ == "StableDiffusionXLPipeline"
        assert type(pipeline.scheduler).__name__ == "DPMSolverMultistepScheduler"
        assert pipeline.watermark is None


def test_files_of_a_variant_are_read_where_the_recipe_names_it(weights, editor, tmp_path):
    with editor.fill.pipeline.use() as pipeline:
        pipeline.save_pretrained(tmp_path, variant="fp16")
    asked = [job(1, "background", "meadow")]
    with pytest.raises(ModelError, match=r"set edits\.checkpoint\.variant to fp16"):
        build(weights | {"inpainting": str(tmp_path)}).inpaint(asked)
    made = build(weights | {"inpainting": str(tmp_path)}, variants={"inpainting": "fp16"})
    assert made.inpaint(asked)[0].shape == asked[0].image.shape
    assert made.identity["inpainting_variant"] == "fp16"


def test_parts_that_work_together_have_one_dtype():
    with pytest.raises(ValueError, match="must have one dtype"):
        Edits.model_validate({"varireal": {"vae": {"dtype": "float32"}}})


def test_files_of_other_formats_are_not_fetched():
    from fnmatch import fnmatch

    def taken(name, variant=""):
        return any(fnmatch(name, pattern) for pattern in pipeline_files(variant))

    assert taken("unet/diffusion_pytorch_model.safetensors")
    assert taken("diffusion_pytorch_model.safetensors")
    assert taken("unet/diffusion_pytorch_model-00001-of-00002.safetensors")
    assert taken("model_index.json")
    assert taken("text_encoder/model.fp16.safetensors", "fp16")
    assert not taken("text_encoder/model.safetensors", "fp16")
    assert not taken("unet/diffusion_pytorch_model.fp16.safetensors")
    assert not taken("RealVisXL_V4.0.safetensors")
    assert not taken("unet/diffusion_pytorch_model.bin")
