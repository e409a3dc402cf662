"""Parts of the small inpainting pipeline: autoencoder, UNet, text encoder, tokenizer, scheduler."""

import json
from pathlib import Path
from typing import Any

LATENT_CHANNELS = 4
MAX_TOKENS = 32
TEXT_WIDTH = 96


def new_vae() -> Any:
    """AutoencoderTiny, a quarter of the side, 4 latent channels; 0.26 M weights.

    Without group normalisation, unlike AutoencoderKL: on flat drawn pictures that one still lost
    the colours of objects after five times the steps.
    """
    from diffusers import AutoencoderTiny

    return AutoencoderTiny(
        encoder_block_out_channels=(32, 32, 32),
        decoder_block_out_channels=(32, 32, 32),
        num_encoder_blocks=(0, 1, 3),
        num_decoder_blocks=(3, 1, 0),
        latent_channels=LATENT_CHANNELS,
        scaling_factor=1.0,
    )


def new_unet() -> Any:
    """UNet2DConditionModel with 9 input channels: latent, mask, masked latent; 2.48 M weights.

    Words enter at the lowest resolution alone: attention over 12 x 12 places costs half as much
    again as all the rest.
    """
    from diffusers import UNet2DConditionModel

    return UNet2DConditionModel(
        sample_size=24,
        in_channels=2 * LATENT_CHANNELS + 1,
        out_channels=LATENT_CHANNELS,
        block_out_channels=(32, 64, 96),
        layers_per_block=1,
        down_block_types=("DownBlock2D", "DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D", "UpBlock2D"),
        cross_attention_dim=TEXT_WIDTH,
        attention_head_dim=4,  # what diffusers calls so is the number of heads
        norm_num_groups=16,
    )


def new_text_encoder(vocabulary: int) -> Any:
    """A two-layer CLIPTextModel."""
    from transformers import CLIPTextConfig, CLIPTextModel

    return CLIPTextModel(
        CLIPTextConfig(
            vocab_size=vocabulary, hidden_size=TEXT_WIDTH, intermediate_size=2 * TEXT_WIDTH,
            num_hidden_layers=2, num_attention_heads=4, max_position_embeddings=MAX_TOKENS,
            projection_dim=TEXT_WIDTH, bos_token_id=vocabulary - 2, eos_token_id=vocabulary - 1,
            pad_token_id=vocabulary - 1,
        )
    )  # fmt: skip


def new_tokenizer(texts: list[str], folder: Path, merges: int = 1200) -> Any:
    """A CLIPTokenizer whose merges are learned from ``texts``; any other word falls to bytes."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers
    from transformers import CLIPTokenizer

    learner = Tokenizer(models.BPE(end_of_word_suffix="</w>"))
    learner.normalizer = normalizers.Lowercase()
    learner.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Punctuation()]
    )
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    learner.train_from_iterator(
        texts,
        trainers.BpeTrainer(
            vocab_size=2 * len(alphabet) + merges, initial_alphabet=alphabet,
            end_of_word_suffix="</w>", show_progress=False, min_frequency=2,
        ),
    )  # fmt: skip
    pairs = json.loads(learner.to_str())["model"]["merges"]
    symbols = [*alphabet, *(symbol + "</w>" for symbol in alphabet)]
    symbols += ["".join(pair) for pair in pairs]
    symbols = list(dict.fromkeys([*symbols, "<|startoftext|>", "<|endoftext|>"]))
    folder.mkdir(parents=True, exist_ok=True)
    vocabulary = {symbol: number for number, symbol in enumerate(symbols)}
    (folder / "vocab.json").write_text(json.dumps(vocabulary, ensure_ascii=False), encoding="utf-8")
    lines = ["#version: 0.2", *(" ".join(pair) for pair in pairs)]
    (folder / "merges.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return CLIPTokenizer.from_pretrained(folder, model_max_length=MAX_TOKENS)


def new_scheduler() -> Any:
    """DDIM with v-prediction and no signal left at the last step, so that pure noise is a start.

    Lin et al. 2024, "Common diffusion noise schedules and sample steps are flawed".
    """
    from diffusers import DDIMScheduler

    return DDIMScheduler(
        num_train_timesteps=1000, beta_schedule="scaled_linear", beta_start=0.00085, beta_end=0.012,
        prediction_type="v_prediction", rescale_betas_zero_snr=True, timestep_spacing="trailing",
        clip_sample=False, set_alpha_to_one=True, steps_offset=1,
    )  # fmt: skip
