"""Checkpoints with random weights, saved in the libraries' own formats for the real loaders."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

CONFIGURATIONS = Path(__file__).with_name("architectures.yaml")
WORDS = 512
"""Symbols of the tokenizer: each byte, and each byte that ends a word."""
BRIGHTNESS = 0.5
"""Standard deviation of decoded images, where -1 is black and 1 is white: random weights alone
would give one grey, of which every two copies agree."""


def configuration(model: str, size: str) -> Any:
    """What ``architectures.yaml`` has of a model."""
    return yaml.safe_load(CONFIGURATIONS.read_text(encoding="utf-8"))[model][size]


def save_tokenizer(folder: Path, end: int = WORDS + 1) -> None:
    """A CLIP tokenizer that spells: no merges, so a prompt has a token a letter."""
    from transformers import CLIPTokenizer
    from transformers.convert_slow_tokenizer import bytes_to_unicode

    letters = list(bytes_to_unicode().values())
    words = [*letters, *(f"{letter}</w>" for letter in letters)]
    vocabulary = {word: place for place, word in enumerate(words)}
    vocabulary |= {"<|startoftext|>": WORDS, "<|endoftext|>": end}
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "vocab.json").write_text(json.dumps(vocabulary), encoding="utf-8")
    (folder / "merges.txt").write_text("#version: 0.2\n", encoding="utf-8")
    CLIPTokenizer.from_pretrained(folder, model_max_length=77).save_pretrained(folder)


def save_sdxl(folder: Path, size: str, device: str, dtype: str) -> None:
    """SDXL's inpainting pipeline; in full size 3.5 billion numbers, 7 GB as bfloat16."""
    import diffusers
    import torch
    from transformers import (
        CLIPTextConfig,
        CLIPTextModel,
        CLIPTextModelWithProjection,
        CLIPTokenizer,
    )

    parts = configuration("sdxl", size)
    save_tokenizer(folder / "letters")
    tokenizer = CLIPTokenizer.from_pretrained(folder / "letters")
    ends = {"bos_token_id": WORDS, "eos_token_id": WORDS + 1}
    torch.manual_seed(1)
    with torch.device(device), numbers(dtype):
        text = CLIPTextModel(CLIPTextConfig(**parts["text_encoder"], **ends))
        text_2 = CLIPTextModelWithProjection(CLIPTextConfig(**parts["text_encoder_2"], **ends))
        unet = diffusers.UNet2DConditionModel(**parts["unet"])
        vae = diffusers.AutoencoderKL(**parts["vae"])
    brighten(vae)
    diffusers.StableDiffusionXLInpaintPipeline(
        vae=vae, text_encoder=text, text_encoder_2=text_2, tokenizer=tokenizer,
        tokenizer_2=tokenizer, unet=unet,
        scheduler=diffusers.EulerDiscreteScheduler(**parts["scheduler"]),
    ).save_pretrained(folder)  # fmt: skip


@contextmanager
def numbers(dtype: str) -> Iterator[None]:
    """New tensors have these; in float32 first, the large pipeline would take 14 GB."""
    import torch

    before = torch.get_default_dtype()
    torch.set_default_dtype(getattr(torch, dtype))
    try:
        yield
    finally:
        torch.set_default_dtype(before)


def brighten(vae: Any) -> None:
    """Scale the last layer so that images of random latents have the contrast of pictures."""
    import torch

    shape = (1, vae.config.latent_channels, 16, 16)
    latents = torch.randn(shape, generator=torch.Generator().manual_seed(1))
    latents = latents.to(vae.device, vae.dtype) / vae.config.scaling_factor
    with torch.no_grad():
        decoded = vae.decode(latents).sample.float()
        vae.decoder.conv_out.weight.mul_(BRIGHTNESS / decoded.std())
        vae.decoder.conv_out.bias.zero_()


def save_sam(folder: Path, size: str, device: str) -> tuple[Path, str]:
    """A SAM's weights; their file and ``masks.architecture``."""
    import torch
    from safetensors.torch import save_file

    from varifactory.models.masks.sam import build_sam
    from varifactory.models.masks.sam_checkpoint import sizes

    named = configuration("sam", size)
    config = sizes()[named] if isinstance(named, str) else named
    folder.mkdir(parents=True)
    torch.manual_seed(1)
    with torch.device(device):
        sam = build_sam(config)
    file = folder / "sam.safetensors"
    save_file({name: each.cpu().contiguous() for name, each in sam.state_dict().items()}, file)
    if isinstance(named, str):
        return file, named
    (folder / "config.json").write_text(json.dumps(named), encoding="utf-8")
    return file, "config"


def save_clip(folder: Path, size: str) -> None:
    """A CLIP as transformers saves it, with its tokenizer and image processor."""
    import torch
    from transformers import CLIPConfig, CLIPImageProcessor, CLIPModel

    config = configuration("clip", size)
    ends = {"bos_token_id": WORDS, "eos_token_id": WORDS + 1}
    torch.manual_seed(1)
    model = CLIPModel(
        CLIPConfig(
            text_config={**config["text_config"], **ends},
            vision_config=config["vision_config"],
            projection_dim=config["projection_dim"],
        )
    )
    model.save_pretrained(folder)
    save_tokenizer(folder)
    side = config["vision_config"]["image_size"]
    CLIPImageProcessor(
        size={"shortest_edge": side}, crop_size={"height": side, "width": side}
    ).save_pretrained(folder)
