"""A cell of a study: what one arm and seed is trained on, how, and where it stands."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from varifactory.errors import TrainingError
from varifactory.models import LoraSettings, Shown
from varifactory.recipe.study import EVERY


@dataclass(frozen=True, slots=True)
class Examples:
    """Images, or their vectors, with class names; where predictions are stored, ``keys`` are source
    keys and ``hashes`` those of the decoded pixels."""

    images: Sequence[Shown] = ()
    labels: Sequence[str] = ()
    keys: Sequence[str] = ()
    hashes: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class CellData:
    """All images of one arm and seed: the rows of its ``mixture``, and the held-out splits."""

    real: Examples
    edits: Examples
    validation: Examples
    test: Examples


@dataclass(frozen=True, slots=True)
class CellSettings:
    """How one cell is trained; the ``settings`` column holds it as JSON."""

    lora: LoraSettings
    batch_size: int
    validate_every: int
    real_weight: float
    class_names: tuple[str, ...]
    trainee: str = "clip-lora"
    schedule: str = "mixed"
    attribute: str = EVERY
    """Whose edits; empty of a cell without any."""
    per_source: int = 0
    editor: str = ""
    """Whose edits; empty for all."""

    @property
    def chosen_edits(self) -> dict[str, Any]:
        """Arguments of ``mixture`` that choose among the edits; empty where all are taken."""
        found: dict[str, Any] = {}
        if self.attribute not in ("", EVERY):
            found["attribute"] = self.attribute
        if self.per_source:
            found["per_source"] = self.per_source
        return found

    @classmethod
    def read(cls, text: str) -> "CellSettings":
        data = json.loads(text)
        return cls(**data | {"lora": LoraSettings(**data["lora"]),
                             "class_names": tuple(data["class_names"])})  # fmt: skip


@dataclass(slots=True)
class Progress:
    """Where a cell stands: enough, with the trainee's checkpoint, to go on after a break."""

    step: int = 0
    losses: list[float] = field(default_factory=list)
    """Of the steps since the last validation."""
    curve: list[dict[str, float]] = field(default_factory=list)
    chosen_step: int = 0
    chosen_top1: float = -1.0
    best: bytes = b""
    """The adapter with the best validation accuracy so far, the earliest of equals."""
    trainee: bytes = b""
    """Its checkpoint; empty where a phase has not begun."""
    bridge: bytes = b""
    """The adapter that the last phase began from; empty where there is one phase."""

    def stepped(self, loss: float) -> None:
        self.step += 1
        self.losses.append(loss)

    def validated(self, top1: float, adapter: bytes, *, chosen: bool) -> None:
        """A point of the curve; ``chosen`` where these weights may be the ones that are kept."""
        loss = {"loss": float(np.mean(self.losses))} if self.losses else {}
        self.curve.append({"step": self.step, **loss, "validation_top1": top1})
        self.losses = []
        if chosen and top1 > self.chosen_top1:
            self.chosen_step, self.chosen_top1, self.best = self.step, top1, adapter

    def crossed(self, adapter: bytes) -> None:
        """A phase ended with this adapter: the next begins from it, all else anew."""
        self.bridge, self.trainee = adapter, b""

    def pack(self) -> bytes:
        """One line of JSON, then the best adapter, the bridge's and the trainee's checkpoint."""
        plain = {name: getattr(self, name) for name in ("step", "losses", "curve", "chosen_step",
                                                        "chosen_top1")}  # fmt: skip
        sizes = {"best_bytes": len(self.best)}
        if self.bridge:
            sizes["bridge_bytes"] = len(self.bridge)
        return json.dumps(plain | sizes).encode() + b"\n" + self.best + self.bridge + self.trainee

    @classmethod
    def unpack(cls, data: bytes) -> "Progress":
        """What ``pack`` made.

        Raises:
            TrainingError: the bytes are not that.
        """
        head, _, blobs = data.partition(b"\n")
        try:
            plain = json.loads(head)
            best, bridge = plain.pop("best_bytes"), plain.pop("bridge_bytes", 0)
            found = cls(
                **plain,
                best=blobs[:best],
                bridge=blobs[best : best + bridge],
                trainee=blobs[best + bridge :],
            )
        except (ValueError, KeyError, TypeError) as error:
            raise TrainingError(
                f"the saved progress of a training cannot be read ({error!r}): remove it to start "
                "that cell anew"
            ) from None
        return found
