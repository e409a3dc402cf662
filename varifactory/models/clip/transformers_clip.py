"""CLIP and SigLIP through transformers: a hub's, or a folder that transformers itself reads.

CLIP embeds and can be trained; SigLIP 1 and 2 embed alone. SigLIP 2 of one picture size
(``google/siglip2-base-patch16-224``) is a ``SiglipModel`` there, NaFlex a ``Siglip2Model``.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from varifactory.errors import ModelError
from varifactory.models import accelerator, checkpoints
from varifactory.models.clip import naflex, places
from varifactory.models.clip.pictures import Look

if TYPE_CHECKING:
    import torch

PREFIX = "transformers:"
CONFIG = "config.json"
LIBRARY = "transformers"
KINDS = {"clip": "CLIPModel", "siglip": "SiglipModel", "siglip2": "Siglip2Model"}
"""Kinds of model that are known here, and their class."""
VOCABULARIES = ("tokenizer.json", "vocab.json", "tokenizer.model", "spiece.model")
PATTERNS = ["*.json", "*.txt", "*.model", "model*.safetensors"]
BILINEAR, BICUBIC = 2, 3
"""Pillow's numbers of these ways of resizing, as image processors have them."""


@dataclass(frozen=True, slots=True)
class TransformersClip:
    """Which CLIP or SigLIP, and what names its weights; loads nothing until ``build``."""

    name: str
    found: checkpoints.Found
    library: str = LIBRARY

    @property
    def key(self) -> str:
        return self.found.key

    @property
    def weights(self) -> str:
        return self.found.weights

    @property
    def identity(self) -> dict[str, str]:
        """What of a model's identity the checkpoint decides; no path, since weights have a hash."""
        if self.found.is_local:
            return {"name": LIBRARY, "weights": self.weights}
        return {"name": self.name, "weights": self.weights}

    def build(self, device: str = "cpu") -> "torch.nn.Module":
        """The model with its weights, float32, in evaluation mode, nothing to be trained.

        Raises:
            ModelError: it cannot be had, is none of ``KINDS``, or lacks weights.
        """
        import torch
        import transformers
        from safetensors import SafetensorError

        folder = self.folder()
        kind = _kind(folder, self.name, self.key)
        transformers.logging.disable_progress_bar()
        try:
            model, report = getattr(transformers, KINDS[kind]).from_pretrained(
                folder, dtype=torch.float32, attn_implementation="sdpa", local_files_only=True,
                use_safetensors=True, output_loading_info=True, ignore_mismatched_sizes=True,
            )  # fmt: skip
        except (OSError, RuntimeError, ValueError, KeyError, TypeError, SafetensorError) as error:
            if accelerator.is_short(error) or accelerator.is_lost(error):
                raise  # no fault of the checkpoint: whoever loads it makes room, or gives up
            raise ModelError(
                f"{self.key} {self.name!r} cannot be loaded by transformers: "
                f"{type(error).__name__}: {str(error)[:600]}"
            ) from error
        # Both would be filled with random numbers.
        lost = sorted({*report["missing_keys"], *(each[0] for each in report["mismatched_keys"])})
        if lost:
            raise ModelError(
                f"{self.key} {self.name!r}: {len(lost)} tensors of the model are not in its "
                f"weights, or of another shape, such as {lost[0]}: this is another model's "
                "checkpoint, or half of one"
            )
        built: torch.nn.Module = model.to(device).eval().requires_grad_(False)
        return built

    def folder(self) -> Path:
        """The checkpoint's folder on this machine; a hub's is downloaded once.

        Raises:
            ModelError: missing, gated, no connection, or pickles alone.
        """
        return _folder(self.found)

    def tokens(self, model: Any, texts: Sequence[str]) -> NDArray[np.int64]:
        """Texts as token numbers (n, context length), padded on the right."""
        text = model.config.text_config
        if model.config.model_type != "clip":
            # SigLIP was trained on small letters, and reads its answer off the last, padded place.
            texts = [each.lower() for each in texts]
        found = self.tokenizer()(
            list(texts), padding="max_length", truncation=True, return_tensors="np",
            max_length=text.max_position_embeddings,
        )  # fmt: skip
        rows: NDArray[np.int64] = found["input_ids"].astype(np.int64)
        return rows

    def tokenizer(self) -> Any:
        """The checkpoint's own.

        Raises:
            ModelError: its files are missing.
        """
        return _tokenizer(self.folder(), self.name, self.key)

    def look(self, model: Any) -> Look:
        """How its image processor would prepare pictures."""
        image = model.config.vision_config
        given = _processor(self.folder())
        siglip = model.config.model_type != "clip"
        if model.config.model_type == "siglip2":
            middle = tuple(given.get("image_mean") or MIDDLE)
            return Look(
                0, 0, middle, tuple(given.get("image_std") or MIDDLE), patch=image.patch_size,
                patches=given.get("max_num_patches") or image.num_patches,
            )  # fmt: skip
        return Look(
            image.image_size, image.image_size,
            tuple(given.get("image_mean") or (MIDDLE if siglip else MEAN)),
            tuple(given.get("image_std") or (MIDDLE if siglip else DEVIATION)),
            whole=siglip or given.get("do_center_crop") is False,
            bilinear=given.get("resample") == BILINEAR,
        )  # fmt: skip

    def encode_images(self, model: Any, pictures: "torch.Tensor") -> "torch.Tensor":
        """(n, width), not yet of length 1."""
        if model.config.model_type != "siglip2":
            return _features(model.get_image_features(pixel_values=pictures))
        look = self.look(model)
        return _features(
            model.get_image_features(**naflex.inputs(pictures, look.mean, look.deviation))
        )

    def encode_texts(self, model: Any, tokens: "torch.Tensor") -> "torch.Tensor":
        """(n, width), not yet of length 1; no mask, since both kinds were trained without."""
        return _features(model.get_text_features(input_ids=tokens))

    def make_trainable(self, model: Any) -> None:
        """Nothing to change: q and v are layers of their own.

        Raises:
            ModelError: this kind only embeds.
        """
        if model.config.model_type != "clip":
            raise ModelError(
                f"{self.key} {self.name!r} is a {model.config.model_type} and embeds only: train a "
                "CLIP"
            )

    def save_memory(self, model: Any) -> None:
        """Compute activations again in the backward pass instead of keeping them."""
        model.activation_checkpointing_enable({"use_reentrant": False})

    def ends(self, model: Any, tokens: NDArray[np.int64]) -> NDArray[np.int64] | None:
        """Where each text ends, at the place its features are read from; None where that place
        sees what follows."""
        if model.config.model_type != "clip":
            return None
        end = model.config.text_config.eos_token_id
        # 2 is what old configurations say; transformers then takes the highest number.
        place: NDArray[np.int64] = (tokens if end == 2 else tokens == end).argmax(axis=1)
        return place

    def shorten(self, model: Any, length: int) -> None:
        """Nothing to change: its text tower takes texts of any length."""


MEAN = (0.48145466, 0.4578275, 0.40821073)
DEVIATION = (0.26862954, 0.26130258, 0.27577711)
"""Of OpenAI's training pictures: what CLIP checkpoints without an image processor mean."""
MIDDLE = (0.5, 0.5, 0.5)
"""Mean and deviation that SigLIP was trained with."""


def find_transformers(
    name: str, *, revision: str = "", sha256: str = "", key: str = "training.clip"
) -> TransformersClip:
    """The checkpoint ``transformers:org/name`` or ``transformers:/folder`` means.

    Raises:
        ModelError: no such folder, not a CLIP or SigLIP, another hash, or a hub name whose commit
            cannot be told.
    """
    place = name.removeprefix(PREFIX)
    if (Path(place) / CONFIG).is_file():
        _kind(Path(place), name, key)
    return TransformersClip(name, places.find(place, revision, sha256, key))


def _kind(folder: Path, name: str, key: str) -> str:
    try:
        kind = str(json.loads((folder / CONFIG).read_text(encoding="utf-8"))["model_type"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(
            f"{key} {name!r} is no model of transformers: its {CONFIG} cannot be read ({error!r})"
        ) from None
    if kind not in KINDS:
        raise ModelError(
            f"{key} {name!r} is a {kind!r}, not a CLIP; known kinds are {', '.join(KINDS)}"
        )
    return kind


@cache
def _folder(found: checkpoints.Found) -> Path:
    folder = places.fetched(found, PATTERNS)
    places.refuse_pickles(folder, found.key)
    return folder


@cache
def _tokenizer(folder: Path, name: str, key: str) -> Any:
    from transformers import AutoTokenizer

    try:
        if not any((folder / each).is_file() for each in VOCABULARIES):
            # Else transformers makes one with next to no words.
            raise OSError(f"none of {', '.join(VOCABULARIES)} is there")
        return AutoTokenizer.from_pretrained(folder, local_files_only=True, padding_side="right")
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelError(
            f"{key} {name!r}: its tokenizer cannot be loaded from {folder} ({str(error)[:300]}): "
            "put tokenizer.json or vocab.json and merges.txt there"
        ) from error


@cache
def _processor(folder: Path) -> dict[str, Any]:
    """Settings of the image processor; empty where the checkpoint has none."""
    for name in ("preprocessor_config.json", "processor_config.json"):
        if (folder / name).is_file():
            found = json.loads((folder / name).read_text(encoding="utf-8"))
            return dict(found.get("image_processor", found))
    return {}


def _features(found: Any) -> "torch.Tensor":
    """Projected features: transformers 5 hands them out inside an object, 4 as they are."""
    features: torch.Tensor = getattr(found, "pooler_output", found)
    return features
