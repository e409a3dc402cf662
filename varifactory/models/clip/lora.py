"""CLIP with LoRA under training: one step at a time, resumable to the bit.

LoRA sits on q and v of every attention of both encoders, or of the image encoder alone; everything
else, the temperature included, stays as it was. With both, the text of every class is encoded anew
at each step, since the text side learns too; with one, once.
"""

import hashlib
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from varifactory.errors import ModelError, TrainingError
from varifactory.models import Identity, LoraSettings, Pixels, accelerator, residency
from varifactory.models.clip.adapter import pack, unpack
from varifactory.models.clip.augmentation import augmented
from varifactory.models.clip.bases import find_base
from varifactory.models.clip.classifier import PLAIN, TARGETS, Classifier, Ways, base_hash
from varifactory.models.clip.embedder import BATCH, Base, shape_identity
from varifactory.models.clip.manifest import (
    manifest_of,
    own_tensor,
    refuse_other,
    refuse_other_base,
    resumed,
)
from varifactory.models.clip.pictures import Kept, each_of, in_batches

if TYPE_CHECKING:
    import torch

MOMENTS = ("exp_avg", "exp_avg_sq")
"""What AdamW remembers of each tensor."""
ENCODERS = ("both", "image")


class LoraClip:
    """A ``Trainee``: one CLIP classifier with one adapter. Not shared between threads."""

    kind = "clip-lora"
    takes: Literal["pixels"] = "pixels"

    def __init__(
        self,
        base: str | Base = "small-clip",
        template: str = "a photo of a {class_name}",
        *,
        batch: int = BATCH,
        threads: int = 1,
        encoders: str = "both",
        ways: Ways = PLAIN,
    ) -> None:
        """Build without loading.

        Args:
            base: what ``find_base`` knows, or what it gave.
            template: the text of a class, with ``{class_name}``.
            batch: images of one forward pass where nothing is trained.
            threads: only told in the identity.
            encoders: ``both`` or ``image``: which learn.
            ways: device, precision and the like.
        """
        if "{class_name}" not in template:
            raise ModelError(
                f"training.template {template!r} must hold {{class_name}}, such as "
                "'a photo of a {class_name}'"
            )
        if encoders not in ENCODERS:
            raise ModelError(f"training.encoders {encoders!r} is none of {', '.join(ENCODERS)}")
        self.base: Base = find_base(base) if isinstance(base, str) else base
        self._template, self._batch, self._threads = template, batch, threads
        self._encoders, self._ways = encoders, ways
        self._on_card = ways.device != "cpu"

    @property
    def identity(self) -> Identity:
        further: dict[str, str | bool] = {}
        if self._encoders != "both":
            further["encoders"] = self._encoders
        if self._ways.compiler:
            further["compiled"] = True
        return {
            **self.base.identity,
            "template": self._template,
            "targets": ",".join(TARGETS),
            "dtype": self._ways.precision,
            **shape_identity(self._ways.device, self._batch, self._threads),
            **further,
        }

    def begin(
        self, settings: LoraSettings, class_names: Sequence[str], adapter: bytes = b""
    ) -> None:
        """Fresh adapter, optimiser and random state for ``settings.seed``.

        With an ``adapter`` its weights in place of fresh ones; all else begins anew.

        Raises:
            ModelError: the base cannot be loaded or trained, the device lacks the numbers, or the
                adapter is another base's.
        """
        self._begin(settings, class_names, self._encoders, self._template)
        if adapter:
            packed, manifest = unpack(adapter, "adapter")
            refuse_other_base(manifest, self.base, self._ways.device)
            self._put_adapter(packed)
            self._told["begun_from"] = hashlib.sha256(adapter).hexdigest()

    def _begin(
        self, settings: LoraSettings, class_names: Sequence[str], encoders: str, template: str
    ) -> None:
        import torch

        self._settings, self._class_names = settings, list(class_names)
        self._told = {"encoders": encoders, "template": template}
        # Augmentation is drawn on the CPU everywhere, dropout where its masks are needed.
        self._random = self._dropped = torch.Generator().manual_seed(settings.seed)
        if self._on_card:
            self._dropped = torch.Generator(self._ways.device).manual_seed(settings.seed)
        texts = [template.format(class_name=name) for name in class_names]
        self._net = Classifier(
            self.base, self._ways, settings, encoders, texts, self._random, self._dropped
        )
        self._trained = self._net.trained
        self._kept = Kept(self._net.look)
        self._optimizer = torch.optim.AdamW(
            self._groups(), lr=settings.learning_rate, weight_decay=settings.weight_decay,
            fused=True if self._on_card else None,
        )  # fmt: skip
        self._step, self._parts = 0, 1
        self._next: tuple[list[int], NDArray[np.uint8], torch.Tensor] | None = None

    def step(
        self, images: Sequence[Pixels], labels: Sequence[int], weights: Sequence[float],
        following: Sequence[Pixels] = (),
    ) -> float:  # fmt: skip
        """One optimiser step on ``sum(weight * cross-entropy)``; returns that loss before it.

        Weights that sum to 1 over the batch make it a mean. ``following`` are the images of the
        next step: beside a card they are made ready while it computes.

        Raises:
            TrainingError: the loss is not finite, or one image alone is too much for the memory.
            CardLost: the card is gone.
        """
        loss = self._backward(self._pictures(images), labels, weights)
        if self._on_card:
            # The card is asked how it went only after everything else is under way.
            self._update()
            if following:
                before = self._random.get_state()
                ahead = self._pictures(following)
                self._next = ([id(image) for image in following], ahead, before)
            return self._finite(loss)
        found = self._finite(loss)
        self._update()
        return found

    def logits(self, images: Sequence[Pixels]) -> NDArray[np.float32]:
        """(n, classes) logits of the present weights, without augmentation or dropout."""
        self._net.model.eval()
        self._net.class_features()
        if not images:
            return np.zeros((0, len(self._class_names)), np.float32)
        pictures = each_of(self._kept, images, together=self._on_card)
        return in_batches(list(pictures), self._batch, self._net.logits, self._ways.device)

    def checkpoint(self) -> bytes:
        """Adapter, optimiser, schedule and random state: enough for an exact resume."""
        tensors = {f"adapter.{name}": each for name, each in self._trained}
        for name, each in self._trained:
            state = self._optimizer.state.get(each, {})
            tensors |= {f"{part}.{name}": state[part] for part in MOMENTS if part in state}
        # Where a batch was made ready ahead, the state from before it was drawn.
        tensors["random"] = self._random.get_state() if self._next is None else self._next[2]
        if self._on_card:
            tensors["dropped"] = self._dropped.get_state()
        return pack(tensors, self._manifest("checkpoint") | {"step": self._step})

    def resume(self, checkpoint: bytes) -> None:
        """Continue where ``checkpoint`` was taken; ``begin`` was called with the same settings.

        Raises:
            ModelError: it was taken with another base, other settings or other class names.
        """
        import torch

        packed, manifest = unpack(checkpoint, "checkpoint")
        refuse_other(manifest, self._manifest("checkpoint"))
        tensors = {resumed(name): each for name, each in packed.items()}
        self._step, self._next = int(manifest["step"]), None
        self._random.set_state(tensors["random"])
        if self._on_card:
            self._dropped.set_state(tensors["dropped"])
        self._put(tensors, "adapter.")
        for name, each in self._trained:
            if f"{MOMENTS[0]}.{name}" in tensors:
                self._optimizer.state[each] = {
                    "step": torch.tensor(float(self._step), device=self._ways.device),
                    **{part: tensors[f"{part}.{name}"].to(each.device) for part in MOMENTS},
                }

    def adapter(self) -> bytes:
        """The adapter alone under our own names, its manifest in the header's metadata."""
        same = {"canonical": base_hash(self.base, self._ways.device)}
        return pack(dict(self._trained), self._manifest("adapter") | same)

    def load_adapter(self, adapter: bytes) -> None:
        """Put an adapter in place, with its class names; ``begin`` need not be called before.

        One that was trained on the same weights in the other library's format is the same.

        Raises:
            ModelError: it belongs to another base, or is damaged.
        """
        packed, manifest = unpack(adapter, "adapter")
        refuse_other_base(manifest, self.base, self._ways.device)
        self._begin(
            LoraSettings(**manifest["settings"]), manifest["class_names"],
            manifest.get("encoders", "both"), manifest["template"],
        )  # fmt: skip
        self._put_adapter(packed)

    def _put_adapter(self, packed: Mapping[str, "torch.Tensor"]) -> None:
        tensors = {own_tensor(name): each for name, each in packed.items()}
        if tensors.keys() != dict(self._trained).keys():
            raise ModelError(
                f"the adapter holds {len(tensors)} tensors, this model takes {len(self._trained)}"
            )
        self._put(tensors, "")

    def _put(self, tensors: Mapping[str, "torch.Tensor"], prefix: str) -> None:
        for name, each in self._trained:
            each.data.copy_(tensors[prefix + name])
        self._net.changed()

    def _groups(self) -> list[dict[str, Any]]:
        """The tensors of each encoder that learns, and its share of the rate."""
        towers = {"image": self._settings.image_rate, "text": 1.0}
        groups = [
            {"params": [each for name, each in self._trained if name.startswith(tower)],
             "share": share}
            for tower, share in towers.items()
        ]  # fmt: skip
        return [group for group in groups if group["params"]]

    def _pictures(self, images: Sequence[Pixels]) -> NDArray[np.uint8]:
        ahead, self._next = self._next, None
        if ahead is not None:
            if ahead[0] == [id(image) for image in images]:
                return ahead[1]
            self._random.set_state(ahead[2])
        return augmented(
            self._settings.augmentation, images, self._kept, self._random, together=self._on_card
        )

    def _backward(
        self, pictures: NDArray[np.uint8], labels: Sequence[int], weights: Sequence[float]
    ) -> "torch.Tensor":
        """Gradients of the loss; where memory is short, idle models are given up, then it is that
        of its parts one after another."""
        spared = False
        while True:
            self._optimizer.zero_grad(set_to_none=True)
            try:
                return self._in_parts(pictures, labels, weights)
            except Exception as error:
                _refuse_unless_short(error)
            # The error is gone by now, and with it its frames, which hold the activations.
            self._optimizer.zero_grad(set_to_none=True)
            accelerator.release()
            if not spared and residency.drop_all(but_newest=True):
                spared = True
            else:
                self._halve(len(labels))

    def _in_parts(
        self, pictures: NDArray[np.uint8], labels: Sequence[int], weights: Sequence[float]
    ) -> "torch.Tensor":
        first, *others = [
            self._net.backward(
                pictures[cut], [labels[at] for at in cut], [weights[at] for at in cut]
            )
            for cut in np.array_split(np.arange(len(labels)), self._parts)
        ]
        return sum(others, first)

    def _halve(self, count: int) -> None:
        if self._parts >= count:
            raise TrainingError(
                "one image alone is too much for the memory there is: set training.recompute=true, "
                "training.encoders=image or training.precision=bfloat16, or take a smaller "
                "training.clip"
            )
        self._parts = min(count, 2 * self._parts)

    def _update(self) -> None:
        for group in self._optimizer.param_groups:
            group["lr"] = group["share"] * learning_rate(self._settings, self._step)
        self._optimizer.step()
        self._net.changed()
        self._step += 1

    def _finite(self, loss: "torch.Tensor") -> float:
        value = float(loss.item())
        if not math.isfinite(value):
            raise TrainingError(
                f"the loss became {value} at step {self._step + 1}: lower "
                f"training.learning_rate (now {self._settings.learning_rate})"
            )
        return value

    def _manifest(self, kind: str) -> dict[str, Any]:
        precision = {"precision": self._ways.precision}
        told = {**self._told, **precision, "class_names": self._class_names}
        return manifest_of(kind, self.base, self._settings, told)


def _refuse_unless_short(error: Exception) -> None:
    """Raise again whatever does not say that memory is short."""
    if accelerator.is_lost(error):
        raise accelerator.CardLost(
            f"the card stopped answering ({str(error)[:200]}): see its driver's log, start the "
            "worker again; the cell goes on from its last checkpoint"
        ) from error
    if not accelerator.is_short(error):
        raise error


def learning_rate(settings: LoraSettings, step: int) -> float:
    """Rate of optimiser step ``step`` (from 0): linear warm-up, then a cosine to nearly zero."""
    warmup = max(1, round(settings.steps * settings.warmup_share))
    if step < warmup:
        return settings.learning_rate * (step + 1) / warmup
    done = (step - warmup) / max(1, settings.steps - warmup)
    return settings.learning_rate * 0.5 * (1 + math.cos(math.pi * min(done, 1.0)))
