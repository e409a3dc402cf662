"""From a checkpoint to a pipeline of diffusers that stands ready on its device."""

import json
import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from varifactory.errors import ModelError
from varifactory.models import accelerator, checkpoints
from varifactory.models.builtin.cards import check_weights, read_card
from varifactory.models.checkpoints import Found
from varifactory.models.edits.families import Family, Schedule, families
from varifactory.models.edits.prompting import Prompts
from varifactory.models.edits.remembering import EncodedOnce

log = logging.getLogger(__name__)

LATENTS = 128 * 2**20
"""Bytes of encoded sources held; one of 1024 pixels has about 1 MB."""


SMALL_FILES = ("*.json", "*.txt", "*.model", "*.jinja")
"""Configurations, schedules and vocabularies, which lie beside weights."""


@dataclass(frozen=True, slots=True)
class Distilled:
    """A few-step adapter that is merged into the generator's weights when they are loaded."""

    found: Found
    file: str
    weight: float

    def identity(self) -> dict[str, str | float]:
        """What of it names the edits."""
        weights = f"{self.found.weights}/{self.file}" if self.file else self.found.weights
        return {"distilled": weights, "distilled_weight": self.weight}


@dataclass(frozen=True, slots=True)
class Setup:
    """How a pipeline is loaded and driven; the meaning and units of each stand in the recipe."""

    kind: str = "inpaint"
    device: str = "cpu"
    batch: int = 8
    threads: int = 1
    """Only told in the identity: setting it for torch is the caller's."""
    side: int = 0
    schedule: Schedule | None = None
    distilled: Distilled | None = None
    offload: bool = False
    compile: bool = False
    channels_last: bool = False
    second: bool = False
    """Whether it makes another editor's edits once more: of their settings it reads what it has,
    where a first editor refuses what it has not."""

    @property
    def padded(self) -> bool:
        """Whether short batches are filled up: for equal bits on a CPU, for one compiled shape."""
        return self.device == "cpu" or self.compile


@dataclass(frozen=True, slots=True)
class Loaded:
    """A pipeline with what is remembered beside it."""

    pipeline: Any
    prompts: Prompts
    sources: EncodedOnce


def built_in_weights(folder: Path) -> Found:
    """The weights of a built-in model, by its card."""
    return Found("edits.checkpoint", str(folder), "", read_card(folder)["sha256"], "", "float32")


def load(family: Family, found: Found, setup: Setup) -> Loaded:
    """A ready pipeline.

    Raises:
        ModelError: missing, gated, damaged, pickled, of another family, or for another device.
    """
    device, dtype = accelerator.ready(setup.device, found.dtype, found.key)
    folder = _folder(family, found)
    pipeline = _read(family, found, setup, folder, dtype)
    if setup.schedule:
        _reschedule(pipeline, setup.schedule)
    if setup.distilled:
        _merge(pipeline, setup.distilled)
    _place(pipeline, setup, device)
    sources = EncodedOnce(pipeline.vae.encode, LATENTS)
    pipeline.vae.encode = sources
    # Large text encoders gain nothing from batches of prompts that are encoded once; the padded
    # batch is for equal bits alone.
    prompts = Prompts(pipeline, family, setup.batch if setup.device == "cpu" else 0)
    return Loaded(pipeline, prompts, sources)


def load_plain(family: Family, found: Found, setup: Setup) -> Any:
    """The pipeline as it was saved, on its device: nothing merged, rescheduled or remembered.

    Raises:
        ModelError: as ``load``.
    """
    device, dtype = accelerator.ready(setup.device, found.dtype, found.key)
    return _read(family, found, setup, _folder(family, found), dtype).to(device)


def load_pipeline(folder: Path) -> Any:
    """The inpainting pipeline saved in a folder, float32, on the CPU, nothing remembered.

    Raises:
        ModelError: the folder holds no inpainting pipeline.
    """
    import torch

    family = families()["small-diffusion"]
    found = Found("edits.checkpoint", str(folder), "", "", "", "float32")
    return _read(family, found, Setup(), folder, torch.float32)


def _folder(family: Family, found: Found) -> Path:
    if family.built_in:
        check_weights(Path(found.place), found.weights)
        return Path(found.place)
    folder = checkpoints.local_folder(found, pipeline_files(found.variant))
    if not (folder / "model_index.json").is_file():
        raise ModelError(
            f"{found.key}.name: {folder} has no model_index.json: name a folder that a pipeline of "
            "diffusers was saved in, or a hub name; a single file is converted by "
            "diffusers' from_single_file and save_pretrained"
        )
    checkpoints.refuse_pickles(folder, found.key)
    return folder


def pipeline_files(variant: str) -> list[str]:
    """Names of the files a pipeline is loaded from; hubs keep other formats beside them."""
    dotted = f".{variant}" if variant else ""
    stems = [f"*{stem}{dotted}" for stem in ("diffusion_pytorch_model", "model")]
    weights = [f"{stem}{shard}.safetensors" for stem in stems for shard in ("", "-0*-of-0*")]
    return [*SMALL_FILES, *weights]


def _read(family: Family, found: Found, setup: Setup, folder: Path, dtype: Any) -> Any:
    import diffusers
    import diffusers.utils.logging
    import transformers.utils.logging

    # Else diffusers tells at every load that the autoencoder is not an AutoencoderKL.
    diffusers.utils.logging.set_verbosity_error()
    diffusers.utils.logging.disable_progress_bar()
    transformers.utils.logging.disable_progress_bar()
    _refuse_other_family(family, found, folder)
    # Only Stable Diffusion 1.5 brings one: it would black out edits without a word.
    checked = "StableDiffusionInpaintPipeline" in family.pipelines()
    options = {"safety_checker": None} if checked else {}
    try:
        pipeline = getattr(diffusers, family.kinds[setup.kind].pipeline).from_pretrained(
            folder, dtype=dtype, local_files_only=True, use_safetensors=True,
            variant=found.variant or None, **options,
        )  # fmt: skip
    except (OSError, ValueError, RuntimeError, KeyError, TypeError) as error:
        if accelerator.is_short(error):
            raise
        raise ModelError(
            f"{found.key}.name: {folder} cannot be loaded as {family.name} "
            f"({type(error).__name__}: {str(error)[:300]}): fetch it again, or correct "
            f"{found.key}.variant"
        ) from None
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def _refuse_other_family(family: Family, found: Found, folder: Path) -> None:
    try:
        index = json.loads((folder / "model_index.json").read_text(encoding="utf-8"))
        held = str(index["_class_name"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(f"no inpainting pipeline in {folder}: model_index.json: {error}") from None
    if held in family.pipelines():
        return
    able = [other.name for other in families().values()
            if held in other.pipelines() and not other.built_in]  # fmt: skip
    way = f"set edits.editor to {' or '.join(able)}" if able else "no editor reads it"
    raise ModelError(
        f"{found.key}.name: {folder} holds a {held}, and {family.name} reads "
        f"{', '.join(family.pipelines())}: {way}, or name another checkpoint"
    )


def _reschedule(pipeline: Any, schedule: Schedule) -> None:
    import diffusers

    scheduler = getattr(diffusers, schedule.scheduler)
    pipeline.scheduler = scheduler.from_config(pipeline.scheduler.config, **schedule.changes)


def _merge(pipeline: Any, distilled: Distilled) -> None:
    """Add a few-step adapter to the weights themselves: no step pays for it."""
    path = checkpoints.local_folder(distilled.found, [distilled.file] if distilled.file else None)
    checkpoints.refuse_pickles(path, distilled.found.key)
    place, name = (path, distilled.file) if path.is_dir() else (path.parent, path.name)
    if not hasattr(pipeline, "load_lora_weights"):
        raise ModelError(
            f"{distilled.found.key}: {type(pipeline).__name__} takes no adapter: clear "
            f"{distilled.found.key}.name"
        )
    try:
        pipeline.load_lora_weights(place, weight_name=name or None, adapter_name="distilled")
        pipeline.fuse_lora(lora_scale=distilled.weight, adapter_names=["distilled"])
        pipeline.unload_lora_weights()
    except (OSError, ValueError, RuntimeError, KeyError) as error:
        raise ModelError(
            f"{distilled.found.key}.name: {place / name if name else place} does not fit this "
            f"generator ({str(error)[:200]}): name an adapter made for it"
        ) from None


def _place(pipeline: Any, setup: Setup, device: Any) -> None:
    """Onto the device, with the settings that only a card gains from."""
    on_card = device.type == "cuda"
    wanted: dict[str, tuple[bool, Callable[[], None]]] = {
        "run.channels_last": (setup.channels_last, lambda: _channels_last(pipeline)),
        "run.compile": (setup.compile, lambda: _denoiser(pipeline).compile(dynamic=False)),
        "edits.offload": (setup.offload, lambda: _offload(pipeline)),
    }
    if not (on_card and setup.offload):
        pipeline.to(device)
    for key, (asked, act) in wanted.items():
        if asked and on_card:
            act()
        elif asked:
            log.warning("%s is for cards alone: left out on a CPU", key)


def _denoiser(pipeline: Any) -> Any:
    return pipeline.transformer if hasattr(pipeline, "transformer") else pipeline.unet


def _channels_last(pipeline: Any) -> None:
    """Convolutions run faster with channels innermost; transformers have none to gain by."""
    import torch

    for name in ("unet", "vae"):
        part = getattr(pipeline, name, None)
        # Qwen-Image's autoencoder is one of videos, whose weights have no such order.
        if part is not None and all(weights.dim() < 5 for weights in part.parameters()):
            part.to(memory_format=torch.channels_last)


def _offload(pipeline: Any) -> None:
    """One part of the pipeline at a time on the card, and images decoded one by one."""
    pipeline.enable_model_cpu_offload()
    pipeline.vae.enable_slicing()
