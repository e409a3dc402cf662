"""What trainees share whose weights are all trained: steps, checkpoints, files."""

import hashlib
import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from varifactory.errors import ModelError, TrainingError
from varifactory.models import Identity, LoraSettings, Shown, accelerator
from varifactory.models.clip.adapter import pack, unpack
from varifactory.models.clip.embedder import BATCH
from varifactory.models.clip.lora import MOMENTS, learning_rate
from varifactory.models.clip.pictures import in_batches

if TYPE_CHECKING:
    import torch

VERSION = 1
"""Of the manifest."""


class WholeTrainee(ABC):
    """A ``Trainee`` that trains every tensor of one module. Not shared between threads."""

    kind: str
    takes: Literal["pixels", "vectors"]
    rate_key: str
    """Key of the recipe with its learning rate, for messages."""
    device = "cpu"
    batch = BATCH
    """Rows of one forward pass where nothing is trained."""

    @property
    @abstractmethod
    def identity(self) -> Identity: ...

    @property
    @abstractmethod
    def base(self) -> dict[str, str]:
        """What weights belong to, as their manifest tells it."""

    @abstractmethod
    def _built(self, random: "torch.Generator") -> "torch.nn.Module":
        """A fresh module with one output a class of ``self._class_names``."""

    @abstractmethod
    def _shown(self, images: Sequence[Shown], *, training: bool) -> NDArray[Any]:
        """One row an image, for ``_forward``; changed by chance in training alone."""

    @abstractmethod
    def _forward(self, rows: NDArray[Any]) -> "torch.Tensor": ...

    def _versions(self) -> dict[str, str]:
        import torch

        return {"torch": str(torch.__version__)}

    def begin(
        self, settings: LoraSettings, class_names: Sequence[str], adapter: bytes = b""
    ) -> None:
        """Fresh weights, or those of ``adapter``; optimiser and random state for the seed.

        Raises:
            ModelError: it cannot be built, or the adapter belongs to something else.
        """
        import torch

        self._settings, self._class_names = settings, list(class_names)
        self._random = torch.Generator().manual_seed(settings.seed)
        self._step, self._begun_from = 0, ""
        self._install(self._built(self._random))
        if adapter:
            self._put(self._own(adapter)[0])
            self._begun_from = hashlib.sha256(adapter).hexdigest()

    def step(
        self, images: Sequence[Shown], labels: Sequence[int], weights: Sequence[float],
        following: Sequence[Shown] = (),
    ) -> float:  # fmt: skip
        """One optimiser step on ``sum(weight * cross-entropy)``; returns that loss before it.

        Raises:
            TrainingError: the loss is not finite, or the memory is too small for the batch.
            CardLost: the card is gone.
        """
        del following
        rows = self._shown(images, training=True)
        self._model.train()
        self._optimizer.zero_grad(set_to_none=True)
        loss = self._backward(rows, labels, weights)
        if not math.isfinite(loss):
            raise TrainingError(
                f"the loss became {loss} at step {self._step + 1}: lower {self.rate_key} (now "
                f"{self._settings.learning_rate})"
            )
        for group in self._optimizer.param_groups:
            group["lr"] = learning_rate(self._settings, self._step)
        self._optimizer.step()
        self._step += 1
        return loss

    def logits(self, images: Sequence[Shown]) -> NDArray[np.float32]:
        """(n, classes) logits of the present weights, without augmentation."""
        if not images:
            return np.zeros((0, len(self._class_names)), np.float32)
        rows = list(self._shown(images, training=False))
        self._model.eval()
        return in_batches(rows, self.batch, self._forward, self.device)

    def checkpoint(self) -> bytes:
        """Weights, optimiser, schedule and random state: enough for an exact resume."""
        tensors = {f"weights.{name}": each for name, each in self._model.state_dict().items()}
        for name, each in self._trained.items():
            state = self._optimizer.state.get(each, {})
            tensors |= {f"{part}.{name}": state[part] for part in MOMENTS if part in state}
        tensors["random"] = self._random.get_state()
        return pack(tensors, self._manifest(f"{self.kind} checkpoint") | {"step": self._step})

    def resume(self, checkpoint: bytes) -> None:
        """Continue where ``checkpoint`` was taken; ``begin`` was called with the same settings.

        Raises:
            ModelError: it was taken of another training.
        """
        import torch

        tensors, manifest = unpack(checkpoint, f"{self.kind} checkpoint")
        own = self._manifest("")
        for field in ("base", "settings", "class_names", "begun_from"):
            if manifest.get(field) != own.get(field):
                raise ModelError(
                    f"the checkpoint was taken with {field} {manifest.get(field)!r}, now "
                    f"{own.get(field)!r}: start that training anew"
                )
        self._step = int(manifest["step"])
        self._random.set_state(tensors["random"])
        self._put(_under(tensors, "weights"))
        for name, each in self._trained.items():
            if f"{MOMENTS[0]}.{name}" in tensors:
                self._optimizer.state[each] = {
                    "step": torch.tensor(float(self._step)),
                    **{part: tensors[f"{part}.{name}"].to(each.device) for part in MOMENTS},
                }

    def adapter(self) -> bytes:
        """All weights (safetensors), their manifest in the header's metadata."""
        return pack(self._model.state_dict(), self._manifest(self.kind))

    def load_adapter(self, adapter: bytes) -> None:
        """Put weights in place, with their class names; ``begin`` need not be called before.

        Raises:
            ModelError: they belong to something else, or are damaged.
        """
        tensors, manifest = self._own(adapter)
        self.begin(LoraSettings(**manifest["settings"]), manifest["class_names"])
        self._put(tensors)

    def _install(self, model: "torch.nn.Module") -> None:
        """Train this module, with an optimiser of its own."""
        import torch

        self._model = model.to(self.device)
        self._trained = dict(self._model.named_parameters())
        self._optimizer = torch.optim.AdamW(self._groups(), lr=self._settings.learning_rate)

    def _backward(
        self, rows: NDArray[Any], labels: Sequence[int], weights: Sequence[float]
    ) -> float:
        import torch
        import torch.nn.functional as F

        try:
            logits = self._forward(rows)
            each = F.cross_entropy(
                logits, torch.tensor(labels, device=logits.device), reduction="none"
            )
            loss = (each * torch.tensor(weights, dtype=each.dtype, device=each.device)).sum()
            torch.autograd.backward(loss)
            return float(loss.item())
        except Exception as error:
            if accelerator.is_lost(error):
                raise accelerator.lost(error) from error
            if accelerator.is_short(error):
                raise TrainingError(
                    f"a batch of {len(labels)} is too much for the memory there is: lower "
                    "training.batch_size, or set run.workers lower, so that fewer cells train "
                    "side by side"
                ) from error
            raise

    def _groups(self) -> list[dict[str, Any]]:
        """Matrices and kernels decay; biases and the scales of norms do not, as is usual."""
        decays = {True: self._settings.weight_decay, False: 0.0}
        groups = [
            {"params": [each for each in self._trained.values() if (each.ndim > 1) is many],
             "weight_decay": decay}
            for many, decay in decays.items()
        ]  # fmt: skip
        return [group for group in groups if group["params"]]

    def _own(self, adapter: bytes) -> tuple[dict[str, "torch.Tensor"], dict[str, Any]]:
        tensors, manifest = unpack(adapter, self.kind)
        if manifest["base"] != self.base:
            raise ModelError(
                f"these weights of a {self.kind} belong to {manifest['base']}, not to {self.base}"
            )
        return tensors, manifest

    def _put(self, tensors: Mapping[str, "torch.Tensor"]) -> None:
        try:
            self._model.load_state_dict(dict(tensors))
        except RuntimeError as error:
            raise ModelError(
                f"these weights of a {self.kind} do not fit {len(self._class_names)} classes on "
                f"{self.base}: {str(error)[:300]}"
            ) from None

    def _manifest(self, kind: str) -> dict[str, Any]:
        begun = {"begun_from": self._begun_from} if self._begun_from else {}
        return {
            "manifest_version": VERSION, "kind": kind, "base": self.base,
            "class_names": self._class_names, "settings": asdict(self._settings), **begun,
            "versions": self._versions(),
        }  # fmt: skip


def _under(tensors: Mapping[str, "torch.Tensor"], prefix: str) -> dict[str, "torch.Tensor"]:
    start = f"{prefix}."
    return {name.removeprefix(start): each for name, each in tensors.items()
            if name.startswith(start)}  # fmt: skip
