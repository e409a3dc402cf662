"""Tiny checkpoints of the real architectures, in the libraries' own formats, weights random."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests import tiny_segmenters
from tests.tiny_segmenters import DECODER, saved
from varifactory.models import Pixels, Segmenter, registry
from varifactory.recipe import Recipe

Build = Callable[..., Segmenter]
MEMORY = {
    "memory_attention_hidden_size": 32, "memory_attention_num_layers": 1,
    "memory_attention_num_attention_heads": 1, "memory_attention_feed_forward_hidden_size": 32,
    "memory_encoder_hidden_size": 32, "memory_encoder_output_channels": 16,
    "mask_downsampler_embed_dim": 32, "memory_fuser_embed_dim": 32,
    "memory_fuser_intermediate_dim": 32, "memory_fuser_num_layers": 1,
}  # fmt: skip
"""Sizes of what a video model has beside the image model."""


@pytest.fixture(scope="session")
def build() -> Build:
    """A segmenter by the keys of ``masks`` in a recipe."""

    def built(*, device: str = "cpu", threads: int = 1, **masks: Any) -> Segmenter:
        recipe = {"name": "t", "sources": {"kind": "world"}, "masks": masks,
                  "run": {"device": device, "threads": threads}}  # fmt: skip
        return registry.segmenter(Recipe.parse(recipe))

    return built


@pytest.fixture(scope="session")
def pictures() -> list[Pixels]:
    """Four of three sizes, not to be written to, as the store decodes them."""
    rng = np.random.default_rng(8)
    sizes = [(48, 80), (48, 80), (90, 60), (33, 33)]
    made = [rng.integers(0, 256, (*size, 3), np.uint8) for size in sizes]
    for image in made:
        image.setflags(write=False)
    return made


@pytest.fixture(scope="session")
def sam2_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_segmenters.sam2(tmp_path_factory.mktemp("sam2"))


@pytest.fixture(scope="session")
def sam3_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    import torch
    import transformers

    folder = tmp_path_factory.mktemp("sam3")
    vocabulary = _write_clip_vocabulary(folder)
    narrow = {"hidden_size": 32, "num_attention_heads": 2}
    detr = {**narrow, "num_layers": 1, "intermediate_size": 64}
    config = transformers.Sam3Config(
        vision_config={
            "model_type": "sam3_vision_model", "fpn_hidden_size": 32,
            "backbone_feature_sizes": [[32, 32], [16, 16], [8, 8]],
            "backbone_config": {
                "model_type": "sam3_vit_model", **narrow, "intermediate_size": 64,
                "num_hidden_layers": 2, "image_size": 112, "patch_size": 14, "window_size": 4,
                "global_attn_indexes": [1], "pretrain_image_size": 56,
            },
        },
        text_config={
            "model_type": "clip_text_model", **narrow, "intermediate_size": 64,
            "num_hidden_layers": 1, "vocab_size": vocabulary, "max_position_embeddings": 32,
            "projection_dim": 16, "bos_token_id": vocabulary - 2, "eos_token_id": vocabulary - 1,
        },
        geometry_encoder_config=detr,
        detr_encoder_config=detr,
        detr_decoder_config={**detr, "num_queries": 5},
        mask_decoder_config={**narrow, "num_upsampling_stages": 3},
    )  # fmt: skip
    pictures = transformers.Sam3ImageProcessor(
        size={"height": 112, "width": 112}, mask_size={"height": 32, "width": 32}
    )
    tokenizer = transformers.CLIPTokenizer.from_pretrained(folder, model_max_length=32)
    torch.manual_seed(0)
    return saved(
        folder,
        transformers.Sam3Model(config),
        transformers.Sam3Processor(pictures, tokenizer),
    )


@pytest.fixture(scope="session")
def sam2_video_folder(sam2_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As the hub has SAM 2: the video model, which holds the image model."""
    import torch
    import transformers

    image = transformers.AutoConfig.from_pretrained(sam2_folder)
    config = transformers.Sam2VideoConfig(
        vision_config=image.vision_config.to_dict(),
        prompt_encoder_config=image.prompt_encoder_config.to_dict(),
        mask_decoder_config=image.mask_decoder_config.to_dict(),
        image_size=64, memory_attention_rope_feat_sizes=[4, 4], **MEMORY,
    )  # fmt: skip
    torch.manual_seed(1)
    return saved(
        tmp_path_factory.mktemp("sam2-video"),
        transformers.Sam2VideoModel(config),
        transformers.Sam2Processor.from_pretrained(sam2_folder),
    )


@pytest.fixture(scope="session")
def sam3_video_folder(sam3_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As the hub has SAM 3: the video model, which holds the image model."""
    import torch
    import transformers

    image = transformers.AutoConfig.from_pretrained(sam3_folder)
    tracker = {
        "vision_config": image.vision_config.to_dict(),
        "prompt_encoder_config": {
            "hidden_size": 32, "image_size": 112, "patch_size": 14, "mask_input_channels": 4
        },
        "mask_decoder_config": DECODER,
        "image_size": 112, "memory_attention_rope_feat_sizes": [8, 8], **MEMORY,
    }  # fmt: skip
    config = transformers.Sam3VideoConfig(detector_config=image.to_dict(), tracker_config=tracker)
    torch.manual_seed(1)
    return saved(
        tmp_path_factory.mktemp("sam3-video"),
        transformers.Sam3VideoModel(config),
        transformers.Sam3Processor.from_pretrained(sam3_folder),
    )


@pytest.fixture(scope="session")
def dino_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_segmenters.grounding_dino(tmp_path_factory.mktemp("dino"))


@pytest.fixture(scope="session")
def mm_dino_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_segmenters.grounding_dino(tmp_path_factory.mktemp("mm-dino"), "MMGroundingDino")


def _write_clip_vocabulary(folder: Path) -> int:
    """Single bytes and the two marks, no merges; how many tokens that is."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in printable]
    letters = [chr(byte) for byte in printable] + [chr(256 + at) for at in range(len(others))]
    tokens = [*letters, *(f"{one}</w>" for one in letters), "<|startoftext|>", "<|endoftext|>"]
    numbered = {token: number for number, token in enumerate(tokens)}
    (folder / "vocab.json").write_text(json.dumps(numbered), encoding="utf-8")
    (folder / "merges.txt").write_text("#version: 0.2\n", encoding="utf-8")
    return len(tokens)
