"""Masks through segment_anything: the built-in small SAM and ViT-H, -L, -B on one code path."""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from varifactory.models import Identity, Pixels, Region
from varifactory.models.builtin.cards import check_weights, read_card
from varifactory.models.masks.prompted import Prompted
from varifactory.models.masks.prompting import Middle, Pointer, Prompt, Shown
from varifactory.models.masks.running import one_by_one, prepared_ahead
from varifactory.models.residency import Resident

BUILT_IN = Path(__file__).parents[1] / "builtin" / "small-sam"
WEIGHTS = "sam.safetensors"
_Mask = tuple[Region, float, Prompt]


def build_sam(config: Mapping[str, Any]) -> Any:
    """A ``segment_anything`` ``Sam`` of the sizes in ``config``, weights random.

    The package's registry knows only ViT-B, -L and -H; this is the same model in any size
    (``sam_sizes.yaml``). What a small model's ``config`` leaves out: attention is global, and the
    decoder is cut to its prompt width.
    """
    from functools import partial

    import torch
    from segment_anything import modeling

    width, side, patch = config["prompt_width"], config["image_size"], config["patch_size"]
    encoder = modeling.ImageEncoderViT(
        img_size=side, patch_size=patch, embed_dim=config["width"], depth=config["depth"],
        num_heads=config["heads"], mlp_ratio=4, out_chans=width, qkv_bias=True,
        norm_layer=partial(torch.nn.LayerNorm, eps=1e-6), use_rel_pos=True,
        window_size=config.get("window", 0),
        global_attn_indexes=tuple(config.get("global_layers", range(config["depth"]))),
    )  # fmt: skip
    prompts = modeling.PromptEncoder(
        embed_dim=width, image_embedding_size=(side // patch, side // patch),
        input_image_size=(side, side), mask_in_chans=config.get("mask_channels", 8),
    )  # fmt: skip
    decoder = modeling.MaskDecoder(
        num_multimask_outputs=3, transformer_dim=width, iou_head_depth=3, iou_head_hidden_dim=width,
        transformer=modeling.TwoWayTransformer(
            depth=2, embedding_dim=width, mlp_dim=config.get("decoder_width", 2 * width),
            num_heads=config.get("decoder_heads", config["heads"]),
        ),
    )  # fmt: skip
    return modeling.Sam(
        image_encoder=encoder, prompt_encoder=prompts, mask_decoder=decoder,
        pixel_mean=[123.675, 116.28, 103.53], pixel_std=[58.395, 57.12, 57.375],
    ).eval()  # fmt: skip


class Sam:
    """A ``Promptable`` over ``SamPredictor``, which takes images one at a time."""

    method = "sam"

    def __init__(self, identity: Identity, load: Callable[[], Any]) -> None:
        """``load`` gives a ``Sam`` that is ready on its device."""
        self._identity = identity
        self.predictor = Resident(str(identity["name"]), lambda: _predictor(load()))

    @property
    def identity(self) -> Identity:
        return self._identity

    def draw(
        self, images: Sequence[Pixels], shown: Sequence[Shown], *, multimask: bool
    ) -> list[list[_Mask]]:
        if not images:
            return []
        with self.predictor.use() as predictor:

            def masks(work: tuple[tuple[Pixels, Shown], Pixels]) -> list[_Mask]:
                (image, places), resized = work
                _set_image(predictor, resized, image.shape[:2])
                return [
                    (mask, float(score), prompt)
                    for prompt in places.prompts
                    for mask, score in _predicted(predictor, prompt, multimask)
                ]

            both = list(zip(images, shown, strict=True))
            resize = predictor.transform.apply_image
            return one_by_one(prepared_ahead(both, lambda work: resize(work[0])), masks)


def _predictor(sam: Any) -> Any:
    from segment_anything import SamPredictor

    return SamPredictor(sam)


def _set_image(predictor: Any, resized: Pixels, shape: tuple[int, ...]) -> None:
    """``SamPredictor.set_image`` with the part done that needs no card."""
    import torch

    planes = torch.as_tensor(resized, device=predictor.device).permute(2, 0, 1).contiguous()
    predictor.set_torch_image(planes[None], shape)


def _predicted(predictor: Any, prompt: Prompt, multimask: bool) -> list[tuple[Region, float]]:
    if prompt.box is not None:
        asked = {"box": np.array(prompt.box)}
    else:
        asked = {"point_coords": np.array([prompt.point]), "point_labels": np.array([1])}
    masks, scores, _ = predictor.predict(**asked, multimask_output=multimask)
    return list(zip(masks, scores, strict=True))


def built_in_sam(*, folder: Path = BUILT_IN, threads: int = 1) -> Sam:
    """The small SAM; ``threads`` is only told in its identity, setting them is the caller's.

    Raises:
        ModelError: there is no card in ``folder``.
    """
    card = read_card(folder)
    identity: Identity = {
        "name": card["name"],
        "weights": card["sha256"],
        "dtype": "float32",
        "batch": 1,
        "threads": threads,
    }
    return Sam(identity, lambda: load_sam(folder, card["sha256"]))


def small_sam(
    *, folder: Path = BUILT_IN, threads: int = 1, pointer: Pointer | None = None
) -> Prompted:
    """A ``Segmenter``: a box over the middle of the image -> the small SAM.

    It was trained with that box too, and finds the object in it as well as with a tight one
    (``card.json``).
    """
    model = built_in_sam(folder=folder, threads=threads)
    return Prompted(model, pointer or Middle("box"), rule="best-score")


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
