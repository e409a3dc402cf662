"""LoRA of a diffusion generator with a UNet: the training of one adapter, seeded, step by step."""

import logging
import math
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from varifactory.errors import ModelError, TrainingError
from varifactory.models import Identity
from varifactory.models.accelerator import halving
from varifactory.models.adapters import lora
from varifactory.models.adapters.examples import Examples, encoded, takes_masks
from varifactory.models.adapters.objective import Objective, Question, noise_schedule
from varifactory.models.adapters.placing import KIND
from varifactory.models.clip.adapter import pack
from varifactory.models.residency import Resident
from varifactory.models.tuning import Shot, Tuned, TuningSettings

if TYPE_CHECKING:
    import torch

log = logging.getLogger(__name__)

MANIFEST_VERSION = 1
CLIPPED = 1.0
"""Largest norm of a step's gradient: one odd noise must not undo what many have taught."""
DECAY = 0.01
"""AdamW's usual weight decay, per unit of learning rate."""
WHOLE_VIEWS = 0.5
"""Share of an inpainting UNet's questions that mask the whole picture."""
FIXED_SHOTS, FIXED_TIMES = 32, 8
"""Shots at most, and evenly spread noise levels, that the error before and after is taken on."""


class LoraTuner:
    """A ``Tuner`` over a pipeline of diffusers; the pipeline is as before after each adapter."""

    def __init__(
        self, identity: Identity, load: Callable[[], Any], *, side: int, half: bool = False
    ) -> None:
        """
        Args:
            identity: of the generator (``name``, ``weights``, ``dtype``, ...).
            load: gives the plain pipeline, on its device and in its dtype.
            side: pixels a side of the squares it is trained on: what it makes edits at.
            half: compute in the checkpoint's dtype under autocast; for a card.
        """
        self._identity = {**identity, "side": side}
        self._side, self._half = side, half
        self.resident: Resident[Any] = Resident(f"{identity['name']} for tuning", load)

    @property
    def identity(self) -> Identity:
        return self._identity

    def tune(self, shots: Sequence[Shot], settings: TuningSettings) -> Tuned:
        """One adapter; see ``Tuner``."""
        with self.resident.use() as pipeline:
            refuse_others(pipeline, str(self._identity["name"]))
            try:
                return self._tuned(pipeline, shots, settings)
            finally:
                lora.take_layers_off(pipeline)
                pipeline.unet.disable_gradient_checkpointing()

    def _tuned(self, pipeline: Any, shots: Sequence[Shot], settings: TuningSettings) -> Tuned:
        import torch

        random = torch.Generator("cpu").manual_seed(settings.seed)
        examples = encoded(pipeline, shots, self._side, random)
        lesson = Lesson(pipeline, examples, settings, random, half=self._half)
        before = lesson.fixed_error()
        losses = tuple(lesson.step() for _ in range(settings.steps))
        after = lesson.fixed_error()
        tensors = lora.state(
            pipeline, settings.alpha / settings.rank, text_encoder=settings.text_encoder
        )
        return Tuned(pack(tensors, self._manifest(shots, settings)), losses, before, after)

    def _manifest(self, shots: Sequence[Shot], settings: TuningSettings) -> dict[str, Any]:
        import diffusers
        import peft
        import torch
        import transformers

        libraries = (diffusers, peft, torch, transformers)
        return {
            "manifest_version": MANIFEST_VERSION,
            "kind": KIND,
            "base": self._identity,
            "shots": [{"pixels": shot.pixel_sha256, "caption": shot.caption} for shot in shots],
            "settings": asdict(settings),
            "scale": "alpha / rank is part of the weights",
            "targets": {"unet": list(lora.UNET),
                        "text": list(lora.TEXT) if settings.text_encoder else []},
            "versions": {each.__name__: each.__version__ for each in libraries},
        }  # fmt: skip


def refuse_others(pipeline: Any, name: str) -> None:
    """Raise unless the generator is a latent diffusion UNet that is trained the usual way.

    Raises:
        ModelError: another kind of generator; the message names the settings to change.
    """
    unet = getattr(pipeline, "unet", None)
    if unet is None or not hasattr(pipeline, "vae"):
        found = "a transformer" if getattr(pipeline, "transformer", None) is not None else "none"
        raise ModelError(
            f"{name} ({type(pipeline).__name__}) has {found} instead of a UNet, and adapters are "
            "trained on UNets alone: set adaptation.scope=none, or edits.editor to a Stable "
            "Diffusion or SDXL generator"
        )
    takes_masks(pipeline)
    noise_schedule(pipeline)
    further = unet.config.addition_embed_type
    if (
        further not in (None, "text_time")
        or unet.config.encoder_hid_dim_type is not None
        or (pipeline.config.get("requires_aesthetics_score"))
    ):
        raise ModelError(
            f"{name}'s UNet is conditioned on more than words and sizes (a refiner, or an image "
            "adapter): set edits.checkpoint to the base generator, or adaptation.scope=none"
        )


class Lesson:
    """One adapter under training."""

    def __init__(
        self, pipeline: Any, examples: Examples, settings: TuningSettings,
        random: "torch.Generator", *, half: bool,
    ) -> None:  # fmt: skip
        import torch

        self._examples, self._settings, self._random = examples, settings, random
        self._weights = lora.add_layers(
            pipeline, settings.rank, settings.alpha, text_encoder=settings.text_encoder,
            random=random,
        )  # fmt: skip
        self._objective = Objective(pipeline, examples, learns_words=settings.text_encoder)
        self._optimizer = torch.optim.AdamW(
            self._weights, lr=settings.learning_rate, weight_decay=DECAY
        )
        self._unet = pipeline.unet
        self._device, self._dtype = examples.latents.device, pipeline.unet.dtype
        self._half = half and self._dtype != torch.float32
        # Gradients of half precision vanish unless the loss is scaled up.
        self._scaler = torch.amp.GradScaler(
            self._device.type, enabled=self._half and self._dtype == torch.float16
        )
        self._size, self._done = settings.batch_size, 0
        self._order: list[int] = []
        self._fixed = self._fixed_questions()

    def step(self) -> float:
        """One optimiser step on a batch of shots; the mean error before it.

        Raises:
            TrainingError: the error or its gradient is not finite.
            ModelError: memory is too short for one shot.
        """
        import torch

        for group in self._optimizer.param_groups:
            group["lr"] = learning_rate(self._settings, self._done)
        self._optimizer.zero_grad(set_to_none=True)
        questions = [self._question() for _ in range(self._settings.batch_size)]
        error = sum(self._by_parts(questions, self._learn)) / len(questions)
        self._mind("loss", error)
        self._scaler.unscale_(self._optimizer)
        norm = torch.nn.utils.clip_grad_norm_(self._weights, CLIPPED)
        if not self._scaler.is_enabled():  # else the scaler leaves such a step out
            self._mind("gradient", float(norm))
        self._scaler.step(self._optimizer)
        self._scaler.update()
        self._done += 1
        return error

    def fixed_error(self) -> float:
        """Mean error on the fixed shots, noise and times.

        Raises:
            TrainingError: it is not finite.
        """
        import torch

        with torch.no_grad():
            found = self._by_parts(self._fixed, lambda some: self._errors(some).tolist())
        error = sum(found) / len(found)
        self._mind("loss", error)
        return error

    def _mind(self, what: str, value: float) -> None:
        if not math.isfinite(value):
            settings = self._settings
            raise TrainingError(
                f"the {what} became {value} after {self._done} of {settings.steps} steps: lower "
                f"adaptation.learning_rate (now {settings.learning_rate:g}), or adaptation.alpha "
                f"(now {settings.alpha:g}) if it is far above adaptation.rank ({settings.rank})"
            )

    def _by_parts(
        self, questions: Sequence[Question], work: Callable[[Sequence[Question]], list[float]]
    ) -> list[float]:
        """In batches; in smaller ones from now on where memory is short."""
        sizes: list[int] = []

        def noted(some: Sequence[Question]) -> list[float]:
            found = work(some)
            sizes.append(len(some))
            return found

        try:
            found = halving(questions, self._size, noted)
        except MemoryError as error:
            if not self._unet.is_gradient_checkpointing:
                # A third slower, in a fraction of the memory; the same gradients.
                log.warning("memory is short: what the UNet computes on its way is made twice")
                self._unet.enable_gradient_checkpointing()
                return self._by_parts(questions, work)
            raise ModelError(
                f"training an adapter: {error}; or set adaptation.text_encoder=false, or "
                "edits.side lower"
            ) from None
        self._size = min(self._size, max(sizes))
        return found

    def _learn(self, some: Sequence[Question]) -> list[float]:
        """Add a part's gradient; nothing is added where memory runs out on the way."""
        import torch

        errors = self._errors(some)
        loss = self._scaler.scale(errors.sum() / self._settings.batch_size)
        for weight, found in zip(
            self._weights, torch.autograd.grad(loss, self._weights), strict=True
        ):
            weight.grad = found if weight.grad is None else weight.grad + found
        return [float(error) for error in errors.detach()]

    def _errors(self, some: Sequence[Question]) -> "torch.Tensor":
        with self._precision():
            return self._objective.errors(some)

    def _precision(self) -> AbstractContextManager[Any]:
        import torch

        return torch.autocast(self._device.type, self._dtype, enabled=self._half)

    def _question(self) -> Question:
        """The next shot of a shuffled round through all of them, with fresh noise."""
        import torch

        if not self._order:
            count = len(self._examples.captions)
            self._order = torch.randperm(count, generator=self._random).tolist()
        view = 0
        if self._examples.views > 1 and float(torch.rand((), generator=self._random)) > WHOLE_VIEWS:
            view = int(torch.randint(1, self._examples.views, (), generator=self._random))
        time = int(torch.randint(self._objective.times, (), generator=self._random))
        return Question(self._order.pop(), view, time, self._noise(self._random))

    def _fixed_questions(self) -> list[Question]:
        """Evenly spread shots and times, the views in turn, with noise of their own."""
        import torch

        random = torch.Generator("cpu").manual_seed(self._settings.seed ^ 1)
        count, times = len(self._examples.captions), self._objective.times
        shots = sorted(
            {at * count // min(count, FIXED_SHOTS) for at in range(min(count, FIXED_SHOTS))}
        )
        return [
            Question(shot, (place + at) % self._examples.views,
                     int((at + 0.5) * times / FIXED_TIMES), self._noise(random))
            for place, shot in enumerate(shots)
            for at in range(FIXED_TIMES)
        ]  # fmt: skip

    def _noise(self, random: "torch.Generator") -> "torch.Tensor":
        import torch

        return torch.randn(self._examples.latents.shape[1:], generator=random)


def learning_rate(settings: TuningSettings, step: int) -> float:
    """Rate of optimiser step ``step`` (from 0): linear warm-up, then a cosine to nearly zero."""
    warmup = max(1, round(settings.steps * settings.warmup_share))
    if step < warmup:
        return settings.learning_rate * (step + 1) / warmup
    done = (step - warmup) / max(1, settings.steps - warmup)
    return settings.learning_rate * 0.5 * (1 + math.cos(math.pi * min(done, 1.0)))
