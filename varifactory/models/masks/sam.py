"""Masks through segment_anything: the built-in small SAM, prompted with a box."""

import json
from collections.abc import Sequence
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np

from varifactory.models import Identity, Pixels, Segmentation
from varifactory.models.builtin.cards import check_weights, read_card

BUILT_IN = Path(__file__).parents[1] / "builtin" / "small-sam"
WEIGHTS = "sam.safetensors"
Box = tuple[int, int, int, int]
"""Left, top, right, bottom; pixels."""


def build_sam(config: dict[str, Any]) -> Any:
    """A ``segment_anything`` ``Sam`` of the sizes in ``config``, weights random.

    The package's registry knows only ViT-B, -L and -H; this is the same model, smaller.
    """
    from functools import partial

    import torch
    from segment_anything import modeling

    width, side, patch = config["prompt_width"], config["image_size"], config["patch_size"]
    encoder = modeling.ImageEncoderViT(
        img_size=side, patch_size=patch, embed_dim=config["width"], depth=config["depth"],
        num_heads=config["heads"], mlp_ratio=4, out_chans=width, qkv_bias=True,
        norm_layer=partial(torch.nn.LayerNorm, eps=1e-6), use_rel_pos=True, window_size=0,
        global_attn_indexes=tuple(range(config["depth"])),
    )  # fmt: skip
    prompts = modeling.PromptEncoder(
        embed_dim=width, image_embedding_size=(side // patch, side // patch),
        input_image_size=(side, side), mask_in_chans=8,
    )  # fmt: skip
    decoder = modeling.MaskDecoder(
        num_multimask_outputs=3, transformer_dim=width, iou_head_depth=3, iou_head_hidden_dim=width,
        transformer=modeling.TwoWayTransformer(
            depth=2, embedding_dim=width, mlp_dim=2 * width, num_heads=config["heads"]
        ),
    )  # fmt: skip
    return modeling.Sam(
        image_encoder=encoder, prompt_encoder=prompts, mask_decoder=decoder,
        pixel_mean=[123.675, 116.28, 103.53], pixel_std=[58.395, 57.12, 57.375],
    ).eval()  # fmt: skip


class SmallSam:
    """A ``Segmenter``: a box over the middle of the image -> SAM.

    The small SAM was trained with that box too, and finds the object in it as well as with a
    tight one (``card.json``). Images go through one at a time, as ``SamPredictor`` takes them, so
    a mask cannot depend on other images.
    """

    def __init__(self, *, folder: Path = BUILT_IN, threads: int = 1) -> None:
        """``threads`` is only told in the identity: setting it for torch is the caller's."""
        self._folder = folder
        self._threads = threads
        self._lock = Lock()
        self._predictor: Any = None
        self._card = read_card(folder)

    @property
    def identity(self) -> Identity:
        return {
            "name": self._card["name"],
            "weights": self._card["sha256"],
            "dtype": "float32",
            "batch": 1,
            "threads": self._threads,
            "prompt": "middle box",
            "reads_class_name": False,
        }

    def segment(self, images: Sequence[Pixels], class_names: Sequence[str]) -> list[Segmentation]:
        return [self._segment(image) for image in images]

    def _segment(self, image: Pixels) -> Segmentation:
        box = middle_box(image)
        with self._lock:
            predictor = self._loaded()
            predictor.set_image(image)
            masks, scores, _ = predictor.predict(box=np.array(box), multimask_output=False)
        return Segmentation(masks[0], float(np.clip(scores[0], 0, 1)), "middle-box+sam", box)

    def _loaded(self) -> Any:
        if self._predictor is None:
            from segment_anything import SamPredictor

            self._predictor = SamPredictor(load_sam(self._folder, self._card["sha256"]))
        return self._predictor


def load_sam(folder: Path, sha256: str) -> Any:
    """The SAM of a built-in folder, float32.

    Raises:
        ModelError: the weights are missing, or not those the card names.
    """
    import torch
    from safetensors.torch import load_file

    check_weights(folder, sha256)
    sam = build_sam(json.loads((folder / "config.json").read_text(encoding="utf-8")))
    weights = load_file(folder / WEIGHTS)
    sam.load_state_dict({name: tensor.to(torch.float32) for name, tensor in weights.items()})
    return sam


def middle_box(image: Pixels) -> Box:
    """The middle four fifths: where the object of a labelled picture most likely is."""
    height, width = image.shape[:2]
    return (width // 10, height // 10, width - width // 10, height - height // 10)
