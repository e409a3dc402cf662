"""CLIP with an adapter as a classifier of named classes: forward passes and their loss."""

import copy
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from varifactory.errors import ModelError
from varifactory.models import LoraSettings, accelerator, residency
from varifactory.models.clip import canonical
from varifactory.models.clip.adapter import seed_adapter, seed_dropout
from varifactory.models.clip.embedder import Base, ready, stock
from varifactory.models.clip.pictures import scaled

if TYPE_CHECKING:
    import torch

TARGETS = ("q_proj", "v_proj")
"""Where the paper's own training put LoRA; see the tests for why not on the stock attention."""
LONGEST_KEPT = 32
"""Tokens up to which texts keep their full length: cutting them saves little there, and the
results of the built-in model stay what they were."""


@dataclass(frozen=True, slots=True)
class Ways:
    """How a classifier computes, whatever it learns."""

    device: str = "cpu"
    precision: str = "float32"
    """float32, or bfloat16 for the products of both passes; adapters stay float32."""
    recompute: bool = False
    """Compute activations again in the backward pass: less memory, about a third slower."""
    compiler: str = ""
    """Backend of ``torch.compile`` for the training passes; empty: not compiled."""


PLAIN = Ways()


class Classifier:
    """A private copy of a base with a fresh adapter on q and v."""

    def __init__(
        self, base: Base, ways: Ways, settings: LoraSettings, encoders: str, texts: Sequence[str],
        random: "torch.Generator", dropped: "torch.Generator",
    ) -> None:  # fmt: skip
        """Load the base and place the adapter.

        Args:
            base: which CLIP.
            ways: how it computes.
            settings: rank, alpha and dropout count here.
            encoders: ``both`` or ``image``: which learn.
            texts: one a class.
            random: where the adapter's first values come from.
            dropped: where dropout's masks come from, on the device.
        """
        self.base, self.ways = base, ways
        self.learns_text = encoders == "both"
        self._device, _ = ready(ways.device, ways.precision, base, "training.precision")
        self.model = self._with_adapter(settings, encoders, random, dropped)
        self.look = base.look(self.model)
        self._tokens = self._class_tokens(texts)
        self._texts: torch.Tensor | None = None
        self._image_side = _compiled(base.encode_images, ways.compiler)
        self._text_side = _compiled(base.encode_texts, ways.compiler)

    def backward(
        self, pictures: NDArray[np.uint8], labels: Sequence[int], weights: Sequence[float]
    ) -> "torch.Tensor":
        """Add the gradients of ``sum(weight * cross-entropy)``; returns that sum."""
        import torch
        import torch.nn.functional as F

        self.model.train()
        features = self._image_features(pictures, self._image_side)
        texts = self._text_features(self._text_side) if self.learns_text else self.class_features()
        logits = self._logits(features, texts)
        device = self.ways.device
        each = F.cross_entropy(logits, torch.tensor(labels, device=device), reduction="none")
        loss = (each * torch.tensor(weights, dtype=each.dtype, device=device)).sum()
        torch.autograd.backward(loss)
        return loss.detach()

    def changed(self) -> None:
        """The weights were changed: what was computed with the old ones is forgotten."""
        if self.learns_text:
            self._texts = None

    def logits(self, pictures: NDArray[np.uint8]) -> "torch.Tensor":
        """(n, classes) of the present weights, without dropout; call ``eval`` before."""
        return self._logits(
            self._image_features(pictures, self.base.encode_images), self.class_features()
        )

    def class_features(self) -> "torch.Tensor":
        """Of the present weights, without dropout and not to be trained."""
        import torch

        if self._texts is None:
            training = self.model.training
            self.model.eval()
            with torch.no_grad():
                self._texts = self._text_features(self.base.encode_texts)
            self.model.train(training)
        return self._texts

    def _with_adapter(
        self, settings: LoraSettings, encoders: str, random: "torch.Generator",
        dropped: "torch.Generator",
    ) -> Any:  # fmt: skip
        from peft import LoraConfig, inject_adapter_in_model

        with stock(self.base, self.ways.device).use() as shared:
            clip = _copied(shared, self.base)
        targets = self._targets(clip, encoders)
        model = inject_adapter_in_model(
            LoraConfig(
                r=settings.rank, lora_alpha=settings.alpha, lora_dropout=settings.dropout,
                target_modules=targets,
            ),
            clip,
        )  # fmt: skip
        if self.ways.recompute:
            self.base.save_memory(model)
        named = {
            own: each
            for name, each in model.named_parameters()
            if (own := canonical.adapter_name(name, self.base.library)) is not None
        }
        self.trained = sorted(named.items(), key=lambda each: _place(each[0]))
        seed_adapter(dict(self.trained), random)
        seed_dropout(model, dropped)
        return model

    def _targets(self, clip: Any, encoders: str) -> list[str]:
        """Full names of the layers that learn.

        Raises:
            ModelError: there is attention that is no part of two plain transformers.
        """
        own = {
            name: canonical.own_name(f"{name}.weight", self.base.library)
            for name, _ in clip.named_modules()
            if name.rpartition(".")[2] in TARGETS
        }
        towers = ("image.", "text.") if encoders == "both" else ("image.",)
        if None in own.values() or not own:
            raise ModelError(
                f"{self.base.key} {self.base.name!r} has attention outside the blocks of two plain "
                "transformers: LoRA does not know it"
            )
        return [name for name, found in own.items() if str(found).startswith(towers)]

    def _class_tokens(self, texts: Sequence[str]) -> "torch.Tensor":
        import torch

        tokens = self.base.tokens(self.model, texts)
        ends = self.base.ends(self.model, tokens) if tokens.shape[1] > LONGEST_KEPT else None
        if ends is not None:
            longest = int(ends.max()) + 1
            self.base.shorten(self.model, longest)
            tokens = tokens[:, :longest]
        return torch.from_numpy(np.ascontiguousarray(tokens)).to(self.ways.device)

    def _image_features(self, pictures: NDArray[np.uint8], encode: Any) -> "torch.Tensor":
        import torch.nn.functional as F

        with self._numbers():
            found = encode(self.model, scaled(pictures, self.look, self.ways.device))
        return F.normalize(found.float(), dim=-1)

    def _text_features(self, encode: Any) -> "torch.Tensor":
        import torch.nn.functional as F

        with self._numbers():
            found = encode(self.model, self._tokens)
        return F.normalize(found.float(), dim=-1)

    def _numbers(self) -> AbstractContextManager[Any]:
        import torch

        if self.ways.precision == "float32":
            return nullcontext()
        return torch.autocast(self._device.type, dtype=getattr(torch, self.ways.precision))

    def _logits(self, images: "torch.Tensor", texts: "torch.Tensor") -> "torch.Tensor":
        times: torch.Tensor = self.model.logit_scale.exp() * images @ texts.T
        bias = getattr(self.model, "logit_bias", None)
        return times if bias is None else times + bias


def _copied(shared: Any, base: Base) -> Any:
    """A model of its own; where memory is short after idle ones are given up.

    Raises:
        ModelError: there is room for the shared one alone.
        CardLost: the card is gone.
    """
    while True:
        try:
            return copy.deepcopy(shared)
        except Exception as error:
            if accelerator.is_lost(error):
                raise accelerator.lost(error) from error
            if not accelerator.is_short(error):
                raise
        # The error is gone by now, and with it its frames, which hold half a copy.
        accelerator.release()
        if not residency.drop_all(but_newest=True):
            raise ModelError(
                f"{base.key} {base.name!r} fits into memory once, and a training needs a copy of "
                "its own: take a smaller one, set run.workers lower, so that fewer cells train "
                "side by side, or take a machine with more"
            )


def _compiled(encode: Any, compiler: str) -> Any:
    if not compiler:
        return encode
    import torch

    return torch.compile(encode, backend=compiler, dynamic=False)


def _place(name: str) -> tuple[str, int, str, str]:
    """Order of an adapter's tensors, the image tower's first, in which they are drawn."""
    tower, block, part, kind = name.split(".")
    return tower, int(block), part, kind


@cache
def base_hash(base: Base, device: str) -> str:
    """Hash of a base over canonical tensors, the same in either library; loads it.

    Empty where it is no plain CLIP, which the other library then cannot hold.
    """
    with stock(base, device).use() as model:
        try:
            tensors = canonical.to_canonical(model.state_dict(), base.library)
            return canonical.canonical_hash(tensors, canonical.shape_of(model, base.library))
        except ModelError:
            return ""
