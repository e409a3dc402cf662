"""What the stage ``adapters`` asks of who tunes a generator on a few shots."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from varifactory.models import Identity, Pixels


@dataclass(frozen=True, slots=True)
class Shot:
    """A real training image, the hash of its pixels, and the text that stands beside it."""

    image: Pixels
    pixel_sha256: str
    caption: str


@dataclass(frozen=True, slots=True)
class TuningSettings:
    """How one adapter is trained; units and defaults stand in the recipe (``adaptation``)."""

    rank: int
    alpha: float
    learning_rate: float
    steps: int
    batch_size: int
    warmup_share: float
    text_encoder: bool
    seed: int
    """63 bits: first weights, order of the shots, masks, noise and times."""


@dataclass(frozen=True, slots=True)
class Tuned:
    """A trained adapter and how the training went."""

    adapter: bytes
    """safetensors in diffusers' LoRA format, with a manifest in the header's metadata."""
    losses: tuple[float, ...]
    """Mean squared error of what the UNet predicts, one a step, each on noise of its own."""
    before: float
    """The same error on fixed shots, noise and times, without the adapter."""
    after: float
    """And with it: the two may be compared, single steps may not."""


class Tuner(Protocol):
    """Trains LoRA adapters of one generator."""

    @property
    def identity(self) -> Identity: ...

    def tune(self, shots: Sequence[Shot], settings: TuningSettings) -> Tuned:
        """One adapter from one or more shots; equal arguments give equal bytes on a CPU.

        Raises:
            TrainingError: these shots or settings cannot be trained (the loss is not finite).
            ModelError: the generator cannot be adapted at all, or memory is short.
        """
        ...
