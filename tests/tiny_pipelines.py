"""Pipelines of the real architectures, of a few thousand random weights, saved as diffusers does.

Each function saves one into a folder and returns the folder. Nothing is downloaded: tokenizers are
written here too. Sixteen channels at most, so that an edit of 32 pixels takes milliseconds.
"""

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

SIDE = 32
"""Working pixels a side, for ``edits.side``."""


def sd15(folder: Path, channels: int = 9, seed: int = 0) -> Path:
    """Stable Diffusion 1.5: nine channels fill masks, four paint whole images."""
    import diffusers
    import torch

    torch.manual_seed(seed)
    unet = diffusers.UNet2DConditionModel(
        sample_size=SIDE // 2, in_channels=channels, out_channels=4, block_out_channels=(8, 16),
        layers_per_block=1, cross_attention_dim=16, attention_head_dim=4, norm_num_groups=4,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
    )  # fmt: skip
    name = "StableDiffusionInpaintPipeline" if channels == 9 else "StableDiffusionPipeline"
    return _saved(
        folder, getattr(diffusers, name), vae=_autoencoder(), text_encoder=_clip_text(), unet=unet,
        tokenizer=_clip_tokenizer(), scheduler=_noise_schedule(), safety_checker=None,
        feature_extractor=None, requires_safety_checker=False,
    )  # fmt: skip


def sdxl(folder: Path, channels: int = 9, seed: int = 0) -> Path:
    """SDXL: nine channels fill masks, four paint whole images."""
    import diffusers
    import torch

    torch.manual_seed(seed)
    unet = diffusers.UNet2DConditionModel(
        sample_size=SIDE // 2, in_channels=channels, out_channels=4, block_out_channels=(8, 16),
        layers_per_block=1, cross_attention_dim=32, attention_head_dim=(2, 4), norm_num_groups=4,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"), use_linear_projection=True,
        addition_embed_type="text_time", addition_time_embed_dim=8,
        projection_class_embeddings_input_dim=6 * 8 + 16,
    )  # fmt: skip
    name = "StableDiffusionXLInpaintPipeline" if channels == 9 else "StableDiffusionXLPipeline"
    return _saved(
        folder, getattr(diffusers, name), vae=_autoencoder(), text_encoder=_clip_text(),
        text_encoder_2=_clip_text(projected=True), tokenizer=_clip_tokenizer(),
        tokenizer_2=_clip_tokenizer(), unet=unet, scheduler=_noise_schedule(),
    )  # fmt: skip


def flux_fill(folder: Path, guided: bool = True) -> Path:
    """FLUX.1-Fill: latents, masked latents and mask side by side, guidance as an input."""
    import diffusers
    import torch
    from transformers import T5Config, T5EncoderModel

    torch.manual_seed(0)
    config = T5Config(vocab_size=120, d_model=16, d_kv=8, d_ff=16, num_layers=1, num_heads=2)
    transformer = diffusers.FluxTransformer2DModel(
        in_channels=16 + 16 + 16, out_channels=16, num_layers=1, num_single_layers=1,
        attention_head_dim=16, num_attention_heads=2, joint_attention_dim=16,
        pooled_projection_dim=16, guidance_embeds=guided, axes_dims_rope=(4, 4, 8),
    )  # fmt: skip
    return _saved(
        folder, diffusers.FluxFillPipeline, vae=_autoencoder(shift_factor=0.1),
        text_encoder=_clip_text(), tokenizer=_clip_tokenizer(),
        text_encoder_2=T5EncoderModel(config), tokenizer_2=_t5_tokenizer(),
        transformer=transformer, scheduler=_flow_schedule(),
    )  # fmt: skip


def flux2_klein(folder: Path, distilled: bool = True) -> Path:
    """FLUX.2-klein: three layers of a language model as prompt, the source as reference."""
    import diffusers
    import torch
    from transformers import Qwen3Config, Qwen3ForCausalLM

    torch.manual_seed(0)
    text = Qwen3Config(
        vocab_size=600, hidden_size=16, intermediate_size=16, num_hidden_layers=28, head_dim=8,
        num_attention_heads=1, num_key_value_heads=1, tie_word_embeddings=True,
    )  # fmt: skip
    transformer = diffusers.Flux2Transformer2DModel(
        in_channels=16, num_layers=1, num_single_layers=1, attention_head_dim=16,
        num_attention_heads=2, joint_attention_dim=3 * 16, timestep_guidance_channels=16,
        axes_dims_rope=(4, 4, 4, 4), guidance_embeds=False,
    )  # fmt: skip
    vae = diffusers.AutoencoderKLFlux2(
        block_out_channels=(8, 16), layers_per_block=1, latent_channels=4, norm_num_groups=4,
        down_block_types=("DownEncoderBlock2D",) * 2, up_block_types=("UpDecoderBlock2D",) * 2,
        sample_size=SIDE,
    )  # fmt: skip
    return _saved(
        folder, diffusers.Flux2KleinPipeline, vae=vae, text_encoder=Qwen3ForCausalLM(text),
        tokenizer=_qwen_tokenizer(), transformer=transformer, scheduler=_flow_schedule(),
        is_distilled=distilled,
    )  # fmt: skip


def qwen_image(folder: Path) -> Path:
    """Qwen-Image: a vision-language model reads the prompt, an autoencoder of videos the image."""
    import diffusers
    import torch
    from transformers import Qwen2_5_VLConfig, Qwen2_5_VLForConditionalGeneration

    torch.manual_seed(0)
    text = Qwen2_5_VLConfig(
        text_config={
            "vocab_size": 600, "hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 2,
            "num_attention_heads": 2, "num_key_value_heads": 1, "bos_token_id": None,
            "eos_token_id": None,
            "rope_parameters": {"rope_type": "default", "mrope_section": [1, 1, 2],
                                "rope_theta": 1e6},
        },
        vision_config={
            "depth": 1, "hidden_size": 16, "intermediate_size": 16, "num_heads": 2,
            "out_hidden_size": 16,
        },
    )  # fmt: skip
    vae = diffusers.AutoencoderKLQwenImage(
        base_dim=8, z_dim=4, dim_mult=[1, 1], num_res_blocks=1, temperal_downsample=[False],
        latents_mean=[0.0] * 4, latents_std=[1.0] * 4,
    )  # fmt: skip
    transformer = diffusers.QwenImageTransformer2DModel(
        in_channels=16, out_channels=4, num_layers=1, attention_head_dim=16,
        num_attention_heads=2, joint_attention_dim=16, axes_dims_rope=(4, 4, 8),
    )  # fmt: skip
    return _saved(
        folder, diffusers.QwenImagePipeline, vae=vae,
        text_encoder=Qwen2_5_VLForConditionalGeneration(text), tokenizer=_qwen_tokenizer(),
        transformer=transformer, scheduler=_flow_schedule(),
    )  # fmt: skip


def _saved(folder: Path, pipeline: Any, **parts: Any) -> Path:
    pipeline(**parts).save_pretrained(folder)
    return folder


def _autoencoder(**changed: Any) -> Any:
    from diffusers import AutoencoderKL

    return AutoencoderKL(
        block_out_channels=(8, 8), layers_per_block=1, latent_channels=4, norm_num_groups=4,
        down_block_types=("DownEncoderBlock2D",) * 2, up_block_types=("UpDecoderBlock2D",) * 2,
        sample_size=SIDE, **changed,
    )  # fmt: skip


def _clip_text(projected: bool = False) -> Any:
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

    config = CLIPTextConfig(
        vocab_size=514, hidden_size=16, intermediate_size=16, projection_dim=16,
        num_hidden_layers=2, num_attention_heads=2, max_position_embeddings=77,
        bos_token_id=512, eos_token_id=513, pad_token_id=513,
    )  # fmt: skip
    return (CLIPTextModelWithProjection if projected else CLIPTextModel)(config)


def _noise_schedule() -> Any:
    from diffusers import DDIMScheduler

    return DDIMScheduler(
        beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", clip_sample=False,
        set_alpha_to_one=False, steps_offset=1,
    )  # fmt: skip


def _flow_schedule() -> Any:
    from diffusers import FlowMatchEulerDiscreteScheduler

    return FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=True)


def _bytes() -> list[str]:
    from transformers.convert_slow_tokenizer import bytes_to_unicode

    return list(bytes_to_unicode().values())


def _clip_tokenizer() -> Any:
    from transformers import CLIPTokenizer

    symbols = _bytes()
    words = [*symbols, *(f"{symbol}</w>" for symbol in symbols), "<|startoftext|>", "<|endoftext|>"]
    return _tokenizer(CLIPTokenizer, words, model_max_length=77)


def _qwen_tokenizer() -> Any:
    from transformers import Qwen2Tokenizer

    special = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    tokenizer = _tokenizer(Qwen2Tokenizer, [*_bytes(), *special], model_max_length=2048)
    tokenizer.add_special_tokens({"additional_special_tokens": special[1:]})
    tokenizer.chat_template = (
        "{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}"
        "<|im_end|>\n{% endfor %}<|im_start|>assistant\n"
    )
    return tokenizer


def _t5_tokenizer() -> Any:
    from transformers import T5TokenizerFast

    words = ["<pad>", "</s>", "<unk>", "▁", *map(chr, range(33, 127))]
    return T5TokenizerFast(vocab=[(word, 0.0) for word in words], model_max_length=512)


def _tokenizer(kind: Any, words: list[str], **options: Any) -> Any:
    """A byte-level tokenizer that merges nothing: a token a byte."""
    with TemporaryDirectory() as folder:
        vocabulary = {word: n for n, word in enumerate(words)}
        Path(folder, "vocab.json").write_text(json.dumps(vocabulary), encoding="utf-8")
        Path(folder, "merges.txt").write_text("#version: 0.2\n", encoding="utf-8")
        return kind.from_pretrained(folder, **options)
