"""CLIP with LoRA under training: one step at a time, resumable to the bit.

LoRA sits on q and v of every attention of both encoders; everything else, the temperature
included, stays as it was. The text of every class is encoded anew at each step, since the text
side learns too.
"""

import copy
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from varifactory.errors import ModelError
from varifactory.models import Identity, LoraSettings, Pixels
from varifactory.models.clip.adapter import pack, seed_adapter, unpack
from varifactory.models.clip.augmentation import augmented
from varifactory.models.clip.open_clip import (
    BATCH,
    find_checkpoint,
    in_batches,
    normalized,
    picture_size,
    prepare,
)
from varifactory.models.clip.split_attention import split_attention, stock_state

if TYPE_CHECKING:
    import torch

TARGETS = ("q_proj", "v_proj")
"""Where the paper's own training put LoRA; see the tests for why not on the stock attention."""
MANIFEST_VERSION = 1
MOMENTS = ("exp_avg", "exp_avg_sq")
"""What AdamW remembers of each tensor."""


class LoraClip:
    """A ``Trainee``: one CLIP classifier with one adapter. Not shared between threads."""

    def __init__(
        self,
        name: str = "small-clip",
        template: str = "a photo of a {class_name}",
        *,
        batch: int = BATCH,
        threads: int = 1,
        device: str = "cpu",
    ) -> None:
        """``template`` is the text of a class. ``threads`` is only told in the identity."""
        if "{class_name}" not in template:
            raise ModelError(
                f"training.template {template!r} must hold {{class_name}}, such as "
                "'a photo of a {class_name}'"
            )
        self.base = find_checkpoint(name)
        self._template, self._batch, self._threads, self._device = template, batch, threads, device
        self._split: Any = None

    @property
    def identity(self) -> Identity:
        return {
            "name": self.base.name,
            "weights": self.base.weights,
            "template": self._template,
            "targets": ",".join(TARGETS),
            "dtype": "float32",
            "batch": self._batch,
            "threads": self._threads,
        }

    def begin(self, settings: LoraSettings, class_names: Sequence[str]) -> None:
        """Fresh adapter, optimiser and random state for ``settings.seed``."""
        import torch

        self._settings, self._class_names = settings, list(class_names)
        self._random = torch.Generator(self._device).manual_seed(settings.seed)
        self._model = self._with_adapter(settings)
        self._clip = self._model.get_base_model()
        self._tokens = self.base.tokenizer()(
            [self._template.format(class_name=name) for name in class_names]
        ).to(self._device)
        self._trained = [each for each in self._model.named_parameters() if each[1].requires_grad]
        self._optimizer = torch.optim.AdamW(
            [
                {"params": each, "share": share}
                for share, each in self._by_encoder(settings.image_rate)
            ],
            lr=settings.learning_rate,
            weight_decay=settings.weight_decay,
        )
        self._step = 0
        self._texts: torch.Tensor | None = None

    def step(
        self, images: Sequence[Pixels], labels: Sequence[int], weights: Sequence[float]
    ) -> float:
        """One optimiser step on ``sum(weight * cross-entropy)``; returns that loss before it.

        Weights that sum to 1 over the batch make it a mean.

        Raises:
            ModelError: the loss is not finite.
        """
        import torch
        import torch.nn.functional as F

        self._model.train()
        pictures = augmented(
            self._settings.augmentation, images, picture_size(self._clip), self._random
        )
        features = self._clip.encode_image(
            normalized(self._clip, pictures, self._device), normalize=True
        )
        logits = self._logits(features, self._text_features())
        each = F.cross_entropy(logits, torch.tensor(labels, device=self._device), reduction="none")
        loss = (each * torch.tensor(weights, dtype=each.dtype, device=self._device)).sum()
        if not torch.isfinite(loss):
            raise ModelError(
                f"the loss became {loss.item()} at step {self._step + 1}: lower "
                f"training.learning_rate (now {self._settings.learning_rate})"
            )
        self._optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        for group in self._optimizer.param_groups:
            group["lr"] = group["share"] * learning_rate(self._settings, self._step)
        self._optimizer.step()
        self._step, self._texts = self._step + 1, None
        return float(loss.item())

    def logits(self, images: Sequence[Pixels]) -> NDArray[np.float32]:
        """(n, classes) logits of the present weights, without augmentation or dropout."""
        import torch

        self._model.eval()
        if self._texts is None:
            with torch.no_grad():
                self._texts = self._text_features()
        texts = self._texts
        if not images:
            return np.zeros((0, len(self._class_names)), np.float32)
        return in_batches(
            [prepare(image, *picture_size(self._clip)) for image in images],
            self._batch,
            lambda batch: self._logits(
                self._clip.encode_image(
                    normalized(self._clip, batch, self._device), normalize=True
                ),
                texts,
            ),
        )

    def checkpoint(self) -> bytes:
        """Adapter, optimiser, schedule and random state: enough for an exact resume."""
        tensors = {f"adapter.{name}": each for name, each in self._trained}
        for name, each in self._trained:
            state = self._optimizer.state.get(each, {})
            tensors |= {f"{part}.{name}": state[part] for part in MOMENTS if part in state}
        tensors["random"] = self._random.get_state()
        return pack(tensors, self._manifest("checkpoint") | {"step": self._step})

    def resume(self, checkpoint: bytes) -> None:
        """Continue where ``checkpoint`` was taken; ``begin`` was called with the same settings.

        Raises:
            ModelError: it was taken with another base, other settings or other class names.
        """
        import torch

        tensors, manifest = unpack(checkpoint, "checkpoint")
        self._refuse_other(manifest, self._manifest("checkpoint"))
        self._step, self._texts = int(manifest["step"]), None
        self._random.set_state(tensors["random"])
        for name, each in self._trained:
            each.data.copy_(tensors[f"adapter.{name}"])
            if f"{MOMENTS[0]}.{name}" in tensors:
                self._optimizer.state[each] = {
                    "step": torch.tensor(float(self._step)),
                    **{part: tensors[f"{part}.{name}"].to(each.device) for part in MOMENTS},
                }

    def adapter(self) -> bytes:
        """The adapter alone under PEFT's own names, its manifest in the header's metadata."""
        from peft import get_peft_model_state_dict

        state = get_peft_model_state_dict(self._model, save_embedding_layers=False)
        return pack(state, self._manifest("adapter"))

    def load_adapter(self, adapter: bytes) -> None:
        """Put an adapter in place, with its class names; ``begin`` need not be called before.

        Raises:
            ModelError: it belongs to another base, or is damaged.
        """
        from peft import set_peft_model_state_dict

        tensors, manifest = unpack(adapter, "adapter")
        if manifest["weights"] != self.base.weights:
            raise ModelError(
                f"the adapter was trained on {manifest['base']} (weights {manifest['weights']}), "
                f"not on {self.base.name} (weights "
                f"{self.base.weights}): name that base in training.clip"
            )
        self.begin(LoraSettings(**manifest["settings"]), manifest["class_names"])
        found = set_peft_model_state_dict(self._model, tensors)
        if len(tensors) != len(self._trained) or found.unexpected_keys:
            raise ModelError(
                f"the adapter holds {len(tensors)} tensors, this model takes {len(self._trained)}"
            )

    def export_merged(self) -> bytes:
        """The adapted model as a stock open_clip state dict (safetensors, float32)."""
        merged = copy.deepcopy(self._model).merge_and_unload()
        return pack(stock_state(merged.state_dict()), self._manifest("merged"))

    def _by_encoder(self, image_rate: float) -> list[tuple[float, list["torch.nn.Parameter"]]]:
        image = [each for name, each in self._trained if ".visual." in name]
        text = [each for name, each in self._trained if ".visual." not in name]
        return [(image_rate, image), (1.0, text)]

    def _manifest(self, kind: str) -> dict[str, Any]:
        import peft
        import torch

        return {
            "manifest_version": MANIFEST_VERSION,
            "kind": kind,
            "base": self.base.name,
            "weights": self.base.weights,
            "targets": list(TARGETS),
            "rank": self._settings.rank,
            "alpha": self._settings.alpha,
            "class_names": self._class_names,
            "template": self._template,
            "settings": asdict(self._settings),
            "versions": {"peft": peft.__version__, "torch": torch.__version__},
        }

    def _refuse_other(self, given: Mapping[str, Any], own: Mapping[str, Any]) -> None:
        for field in ("weights", "template", "settings", "class_names"):
            if given[field] != own[field]:
                raise ModelError(
                    f"the checkpoint was taken with {field} {given[field]!r}, now {own[field]!r}: "
                    "start that training anew"
                )

    def _with_adapter(self, settings: LoraSettings) -> Any:
        from peft import LoraConfig, get_peft_model

        if self._split is None:
            self._split = self.base.build(self._device)
            split_attention(self._split)
        model = get_peft_model(
            copy.deepcopy(self._split),
            LoraConfig(
                r=settings.rank,
                lora_alpha=settings.alpha,
                lora_dropout=settings.dropout,
                target_modules=list(TARGETS),
            ),
        )
        seed_adapter(model, self._random)
        return model

    def _text_features(self) -> "torch.Tensor":
        found: torch.Tensor = self._clip.encode_text(self._tokens, normalize=True)
        return found

    def _logits(self, images: "torch.Tensor", texts: "torch.Tensor") -> "torch.Tensor":
        scaled: torch.Tensor = self._clip.logit_scale.exp() * images @ texts.T
        return scaled if self._clip.logit_bias is None else scaled + self._clip.logit_bias


def learning_rate(settings: LoraSettings, step: int) -> float:
    """Rate of optimiser step ``step`` (from 0): linear warm-up, then a cosine to nearly zero."""
    warmup = max(1, round(settings.steps * settings.warmup_share))
    if step < warmup:
        return settings.learning_rate * (step + 1) / warmup
    done = (step - warmup) / max(1, settings.steps - warmup)
    return settings.learning_rate * 0.5 * (1 + math.cos(math.pi * min(done, 1.0)))
