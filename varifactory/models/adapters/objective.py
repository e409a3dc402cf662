"""What a UNet is asked: to tell the noise, or the velocity, of noised latents from their words."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from varifactory.errors import ModelError, TrainingError
from varifactory.models.adapters.examples import Examples

if TYPE_CHECKING:
    import torch

PREDICTIONS = ("epsilon", "v_prediction", "sample")


@dataclass(frozen=True, slots=True)
class Question:
    """One latent with its noise: everything drawn, nothing left to chance."""

    shot: int
    view: int
    time: int
    noise: "torch.Tensor"
    """(channels, height, width), on the CPU."""


class Objective:
    """Squared errors of a pipeline's UNet on questions about its examples."""

    def __init__(self, pipeline: Any, examples: Examples, *, learns_words: bool) -> None:
        """``learns_words``: encode captions anew each time, since the text encoder changes."""
        self._pipeline, self._examples = pipeline, examples
        self._schedule = noise_schedule(pipeline)
        self._prediction = str(self._schedule.config.prediction_type)
        self._sized = pipeline.unet.config.addition_embed_type == "text_time"
        refuse_long_captions(pipeline, examples.captions)
        self._words = None if learns_words else self._encoded(sorted(set(examples.captions)))

    @property
    def times(self) -> int:
        """How many noise levels there are."""
        return int(self._schedule.config.num_train_timesteps)

    def errors(self, questions: Sequence[Question]) -> "torch.Tensor":
        """(questions,) mean squared errors over the latent, float32."""
        import torch

        examples, unet = self._examples, self._pipeline.unet
        device = examples.latents.device
        shots = [question.shot for question in questions]
        times = torch.tensor([question.time for question in questions], device=device)
        noise = torch.stack([question.noise for question in questions]).to(device)
        latents = examples.latents[shots]
        given = self._schedule.add_noise(latents, noise, times)
        if examples.masks is not None and examples.masked is not None:
            views = [question.view for question in questions]
            given = torch.cat(
                [given, examples.masks[shots, views], examples.masked[shots, views]], 1
            )
        words, more = self._conditions(shots)
        said: torch.Tensor = unet(given.to(unet.dtype), times, words, added_cond_kwargs=more).sample
        wanted = self._wanted(latents, noise, times)
        return (said.float() - wanted).square().flatten(1).mean(1)

    def _wanted(
        self, latents: "torch.Tensor", noise: "torch.Tensor", times: "torch.Tensor"
    ) -> "torch.Tensor":
        if self._prediction == "epsilon":
            return noise
        if self._prediction == "sample":
            return latents
        velocity: torch.Tensor = self._schedule.get_velocity(latents, noise, times)
        return velocity

    def _conditions(self, shots: Sequence[int]) -> tuple["torch.Tensor", Any]:
        """Words for the UNet's attention, and what SDXL is told besides."""
        import torch

        said = [self._examples.captions[shot] for shot in shots]
        known = self._words or self._encoded(sorted(set(said)))
        words = torch.stack([known[caption][0] for caption in said])
        if not self._sized:
            return words, None
        pooled = torch.stack([known[caption][1] for caption in said])
        return words, {"text_embeds": pooled, "time_ids": self._examples.sizes[list(shots)]}

    def _encoded(self, captions: Sequence[str]) -> dict[str, tuple["torch.Tensor", ...]]:
        """Caption -> what the pipeline itself makes of it: words, and SDXL's pooled text."""
        found = self._pipeline.encode_prompt(
            list(captions), device=self._examples.latents.device, num_images_per_prompt=1,
            do_classifier_free_guidance=False,
        )  # fmt: skip
        kept = [part for part in (found[0], found[2] if self._sized else None) if part is not None]
        return {caption: tuple(part[at] for part in kept) for at, caption in enumerate(captions)}


def noise_schedule(pipeline: Any) -> Any:
    """DDPM's schedule with the betas and the prediction type of the pipeline's own scheduler.

    Raises:
        ModelError: the generator was trained in another way (flow matching, say).
    """
    from diffusers import DDPMScheduler

    given = pipeline.scheduler.config
    if "beta_schedule" not in given or given.get("prediction_type") not in PREDICTIONS:
        raise ModelError(
            f"the generator's scheduler {type(pipeline.scheduler).__name__} (prediction_type "
            f"{given.get('prediction_type')!r}) is none of noise, velocity or sample prediction: "
            "set adaptation.scope=none, or edits.editor to a generator that is"
        )
    shared = {name: given[name] for name in (
        "num_train_timesteps", "beta_start", "beta_end", "beta_schedule", "trained_betas",
        "prediction_type") if name in given}  # fmt: skip
    rescaled = bool(given.get("rescale_betas_zero_snr", False))
    return DDPMScheduler(**shared, rescale_betas_zero_snr=rescaled)


def refuse_long_captions(pipeline: Any, captions: Sequence[str]) -> None:
    """Raise where words of a caption would be cut off unread.

    Raises:
        TrainingError: a caption with more tokens than a text encoder reads.
    """
    tokenizers = [getattr(pipeline, name, None) for name in ("tokenizer", "tokenizer_2")]
    for tokenizer in [each for each in tokenizers if each is not None]:
        for caption in sorted(set(captions)):
            tokens, most = len(tokenizer(caption).input_ids), tokenizer.model_max_length
            if tokens > most:
                raise TrainingError(
                    f"the caption {caption!r} has {tokens} tokens, and the generator reads {most}: "
                    "shorten adaptation.template, or the class name"
                )
