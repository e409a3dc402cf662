"""Segmenters and detectors of the real architectures, random weights, as transformers saves them.

Each function saves one into a folder and returns the folder. Nothing is downloaded: the detector's
vocabulary is single letters and digits, written here.
"""

from pathlib import Path
from typing import Any

DECODER = {"hidden_size": 32, "mlp_dim": 32, "num_attention_heads": 2, "iou_head_hidden_dim": 32}
"""Sizes of what draws a mask, beside those of what it draws it from."""


def sam2(folder: Path) -> Path:
    """SAM 2's image model: pictures of 64 pixels, masks of 16."""
    import torch
    import transformers

    backbone = transformers.Sam2HieraDetConfig(
        hidden_size=8, image_size=[64, 64], blocks_per_stage=[1, 1, 2, 1],
        embed_dim_per_stage=[8, 16, 32, 64], num_attention_heads_per_stage=[1, 1, 2, 2],
        window_size_per_stage=[4, 4, 4, 2], global_attention_blocks=[3],
        window_positional_embedding_background_size=[4, 4],
    )  # fmt: skip
    vision = transformers.Sam2VisionConfig(
        backbone_config=backbone, backbone_channel_list=[64, 32, 16, 8],
        backbone_feature_sizes=[[16, 16], [8, 8], [4, 4]], fpn_hidden_size=32,
    )  # fmt: skip
    config = transformers.Sam2Config(
        vision_config=vision,
        prompt_encoder_config={
            "hidden_size": 32, "image_size": 64, "patch_size": 16, "mask_input_channels": 4
        },
        mask_decoder_config=DECODER,
    )  # fmt: skip
    pictures = transformers.Sam2ImageProcessor(
        size={"height": 64, "width": 64}, mask_size={"height": 16, "width": 16}
    )
    torch.manual_seed(0)
    return saved(
        folder,
        transformers.Sam2Model(config),
        transformers.Sam2Processor(pictures, target_size=64),
    )


def grounding_dino(folder: Path, family: str = "GroundingDino") -> Path:
    """Grounding DINO, or with ``MMGroundingDino`` its successor: boxes of what words say."""
    import torch
    import transformers

    letters = [chr(code) for code in range(ord("a"), ord("z") + 1)]
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", ".", "?", "-", "/", *"0123456789"]
    tokens = [*words, *letters, *(f"##{letter}" for letter in letters)]
    (folder / "vocab.txt").write_text("\n".join(tokens), encoding="utf-8")
    heads = {"encoder_attention_heads": 2, "decoder_attention_heads": 2}
    config = getattr(transformers, f"{family}Config")(
        backbone_config=transformers.SwinConfig(
            image_size=64, embed_dim=8, depths=[1, 1, 1, 1], num_heads=[1, 1, 2, 2], window_size=4,
            out_features=["stage2", "stage3", "stage4"],
        ),
        text_config=transformers.BertConfig(
            vocab_size=len(tokens), hidden_size=32, num_hidden_layers=1, num_attention_heads=2,
            intermediate_size=32,
        ),
        num_queries=10, d_model=64, encoder_layers=1, encoder_ffn_dim=32, decoder_layers=2,
        decoder_ffn_dim=32, **heads,
    )  # fmt: skip
    pictures = transformers.GroundingDinoImageProcessor(
        size={"shortest_edge": 64, "longest_edge": 96}
    )
    tokenizer = transformers.BertTokenizerFast(str(folder / "vocab.txt"))
    torch.manual_seed(0)
    return saved(
        folder,
        getattr(transformers, f"{family}ForObjectDetection")(config),
        transformers.GroundingDinoProcessor(pictures, tokenizer),
    )


def saved(folder: Path, model: Any, processor: Any) -> Path:
    """Both in one folder, as the hub has them; returns it."""
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder
