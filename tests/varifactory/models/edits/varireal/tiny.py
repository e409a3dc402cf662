"""Tiny checkpoints of the architectures of the three recipes, as their libraries save them."""

from pathlib import Path

import torch
from diffusers import (
    AutoencoderKL,
    ControlNetModel,
    DDIMScheduler,
    EulerDiscreteScheduler,
    StableDiffusionPipeline,
    StableDiffusionXLInpaintPipeline,
    StableDiffusionXLPipeline,
    UNet2DConditionModel,
)
from diffusers.models.embeddings import IPAdapterPlusImageProjection
from safetensors.torch import save_file
from transformers import (
    CLIPTextConfig,
    CLIPTextModel,
    CLIPTextModelWithProjection,
    CLIPTokenizer,
    CLIPVisionConfig,
    CLIPVisionModelWithProjection,
)

from varifactory.catalog import load_catalog
from varifactory.models.builtin.inpainting_parts import new_tokenizer
from varifactory.models.edits.varireal.wording import wording

WIDTH = 32
"""Of a text encoder; SDXL's context is both of them side by side."""
WIDTHS = (32, 64)
"""Channels of the two levels of UNet and autoencoder; one halving, so 2 pixels a latent."""
MERGES = 300
TEXTS = {
    "hidden_size": WIDTH, "intermediate_size": 37, "num_hidden_layers": 2,
    "num_attention_heads": 4, "projection_dim": WIDTH, "bos_token_id": 512 + MERGES,
    "eos_token_id": 513 + MERGES, "pad_token_id": 513 + MERGES, "vocab_size": 514 + MERGES,
}  # fmt: skip


def tokenizer(folder: Path) -> CLIPTokenizer:
    """Words of the prompts are a token or few, all others a token a byte."""
    texts = [value.phrase for entry in load_catalog().attributes.values()
             for value in entry.values.values()]  # fmt: skip
    texts += [text for words in wording().values() for text in words.values()]
    new_tokenizer(texts, folder, merges=MERGES)
    return CLIPTokenizer.from_pretrained(folder, model_max_length=77)


def autoencoder() -> AutoencoderKL:
    return AutoencoderKL(
        block_out_channels=WIDTHS, down_block_types=["DownEncoderBlock2D"] * 2,
        up_block_types=["UpDecoderBlock2D"] * 2, latent_channels=4, sample_size=64,
    )  # fmt: skip


def unet(channels: int, context: int, **extra) -> UNet2DConditionModel:
    return UNet2DConditionModel(
        block_out_channels=WIDTHS, layers_per_block=1, sample_size=32, in_channels=channels,
        out_channels=4, down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"), cross_attention_dim=context, **extra,
    )  # fmt: skip


XL = {
    "attention_head_dim": (2, 4), "use_linear_projection": True,
    "addition_embed_type": "text_time", "addition_time_embed_dim": 8,
    "transformer_layers_per_block": (1, 1),
    "projection_class_embeddings_input_dim": 6 * 8 + WIDTH,
}  # fmt: skip


def xl_parts(channels: int, words: CLIPTokenizer) -> dict:
    return {
        "unet": unet(channels, 2 * WIDTH, **XL),
        "vae": autoencoder(),
        "scheduler": EulerDiscreteScheduler(
            beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", steps_offset=1,
            timestep_spacing="leading",
        ),
        "text_encoder": CLIPTextModel(CLIPTextConfig(**TEXTS)),
        "tokenizer": words,
        "text_encoder_2": CLIPTextModelWithProjection(CLIPTextConfig(**TEXTS)),
        "tokenizer_2": words,
    }  # fmt: skip


def save_all(folder: Path) -> dict[str, str]:
    """Part -> folder or file, random weights of one seed."""
    torch.manual_seed(0)
    words = tokenizer(folder / "words")
    StableDiffusionPipeline(
        unet=unet(4, WIDTH, attention_head_dim=8), vae=autoencoder(),
        scheduler=DDIMScheduler(
            beta_start=0.00085, beta_end=0.012, steps_offset=1, clip_sample=False
        ),
        text_encoder=CLIPTextModel(CLIPTextConfig(**TEXTS)), tokenizer=words,
        safety_checker=None, feature_extractor=None, requires_safety_checker=False,
    ).save_pretrained(folder / "text_to_image")  # fmt: skip
    StableDiffusionXLInpaintPipeline(**xl_parts(9, words)).save_pretrained(folder / "inpainting")
    base = StableDiffusionXLPipeline(**xl_parts(4, words))
    base.save_pretrained(folder / "base")
    control = ControlNetModel.from_unet(base.unet, conditioning_embedding_out_channels=(16, 32))
    outlets = [*control.controlnet_down_blocks, control.controlnet_mid_block]
    for outlet in [*outlets, control.controlnet_cond_embedding.conv_out]:
        torch.nn.init.normal_(outlet.weight, std=0.5)  # fresh ones are zero, and edges unread
    control.save_pretrained(folder / "controlnet")
    autoencoder().save_pretrained(folder / "vae")
    hub = folder / "adapters"
    encoder = CLIPVisionModelWithProjection(
        CLIPVisionConfig(hidden_size=32, intermediate_size=37, num_hidden_layers=3,
                         num_attention_heads=4, image_size=32, patch_size=8, projection_dim=32)
    )  # fmt: skip
    encoder.save_pretrained(hub / "models/image_encoder")
    (hub / "sdxl_models").mkdir()
    save_file(ip_adapter(base.unet), hub / "sdxl_models/ip-adapter-plus_sdxl_vit-h.safetensors")
    names = ("text_to_image", "inpainting", "base", "controlnet", "vae")
    return {name: str(folder / name) for name in names} | {
        "ip_adapter": str(hub), "image_encoder": str(hub)
    }  # fmt: skip


def ip_adapter(model: UNet2DConditionModel) -> dict[str, torch.Tensor]:
    """An IP-Adapter Plus in the layout of its publisher: odd numbers are cross-attentions."""
    context = model.config.cross_attention_dim
    made = {}
    for name in model.attn_processors:
        if name.endswith("attn1.processor"):
            continue
        place = 1 + len(made)  # two tensors each
        reach = {"mid": -1, "dow": int(name.split(".")[1]) if name[:3] == "dow" else 0,
                 "up_": -1 - int(name.split(".")[1]) if name[:3] == "up_" else 0}  # fmt: skip
        width = WIDTHS[reach[name[:3]]]
        for part in ("to_k_ip", "to_v_ip"):
            made[f"ip_adapter.{place}.{part}.weight"] = torch.randn(width, context) * 0.3
    return made | {f"image_proj.{name}": value for name, value in resampler(context).items()}


def resampler(context: int) -> dict[str, torch.Tensor]:
    """diffusers' projection in its publisher's names."""
    ours = IPAdapterPlusImageProjection(
        embed_dims=32, output_dims=context, hidden_dims=32, depth=4, heads=1, num_queries=4
    ).state_dict()
    theirs = {}
    for name, value in ours.items():
        if ".attn.to_k." in name:
            both = torch.cat([value, ours[name.replace("to_k", "to_v")]])
            theirs[name.replace("attn.to_k", "0.to_kv")] = both
        elif ".attn.to_v." not in name:
            for old, new in (
                ("attn.to_q", "0.to_q"), ("attn.to_out.0", "0.to_out"), ("ln0", "0.norm1"),
                ("ln1", "0.norm2"), ("ff.0", "1.0"), ("ff.1.net.0.proj", "1.1"),
                ("ff.1.net.2", "1.3"),
            ):  # fmt: skip
                name = name.replace(old, new)
            theirs[name] = value
    return theirs
