"""What a stage asks of a model. Stages know these protocols; the rest of this package meets them.

A model is built without loading anything (``identity`` comes from its card or its settings) and
loads its weights at first use, so that a fully cached run never imports torch.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from varifactory.catalog import Attribute
from varifactory.errors import ModelError

Pixels = NDArray[np.uint8]
"""An image, (height, width, 3), sRGB, 0 to 255."""
Shown = NDArray[Any]
"""What a trainee learns from: ``Pixels``, or the vector (width,) that was stored of them."""
Region = NDArray[np.bool_]
"""A mask, (height, width); True where it holds."""
Identity = Mapping[str, str | int | float | bool | None]
"""What makes a model itself, JSON-like, part of the spec: name, revision or weight hash, dtype,
padded batch shape, threads."""


@dataclass(frozen=True, slots=True)
class PromptRequest:
    """Phrases wanted from a writer for one class, attribute and feasibility."""

    class_name: str
    attribute: Attribute
    feasibility: str
    count: int
    taken: tuple[str, ...] = ()
    """Values the pool holds already: not wanted again."""


@dataclass(frozen=True, slots=True)
class WrittenPrompt:
    """One phrase: ``value`` names it, ``phrase`` goes into a template of the attribute."""

    value: str
    phrase: str
    raw: str = ""
    cost_usd: float | None = None
    """This phrase's share of the price of the calls, US dollars; None if unknown."""


class NoAnswer(ModelError):
    """A writer that works but has nothing for one request: the others may still be asked.

    ``status`` is how the request's items end: ``skipped`` (refused, filtered, cut off) or
    ``failed`` (no usable answer after all tries).
    """

    def __init__(
        self, message: str, *, status: str, raw: str = "", cost_usd: float | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.raw = raw
        self.cost_usd = cost_usd


class Writer(Protocol):
    """Writes attribute phrases."""

    @property
    def identity(self) -> Identity: ...

    @property
    def known_ahead(self) -> bool:
        """True where ``write`` only looks words up: they are then planned, and part of the key."""
        ...

    def write(self, request: PromptRequest) -> list[WrittenPrompt]:
        """Up to ``request.count`` prompts without duplicates; fewer when the writer has no more.

        Raises:
            NoAnswer: nothing for this request.
            ModelError: the writer cannot work at all (the message says why and what to change).
        """
        ...


@dataclass(frozen=True, slots=True)
class ToldSenses:
    """What else a class name means; nothing, where it has one sense."""

    senses: tuple[str, ...]
    cost_usd: float | None = None
    """Of the calls, US dollars; None if unknown."""


class SenseTeller(Protocol):
    """Tells other senses of class names."""

    def senses(self, class_name: str) -> ToldSenses:
        """A few words each, no two the same.

        Raises:
            NoAnswer: nothing usable for this name.
            ModelError: the model cannot work at all (the message says why and what to change).
        """
        ...


@dataclass(frozen=True, slots=True)
class Candidate:
    """One of several masks that a segmenter could have taken."""

    method: str
    score: float | None
    """The model's own estimate, 0 to 1; None where it has none."""
    area: float
    """Share of the image, 0 to 1."""
    box: tuple[int, int, int, int] | None = None
    note: str = ""
    """Why it was no candidate after all (``no box``); empty where it was."""


@dataclass(frozen=True, slots=True)
class Segmentation:
    """A mask with what its maker knows of it."""

    mask: Region
    predicted_iou: float | None
    """0 to 1, the model's own estimate; None where the method has none."""
    method: str
    """Which way the mask was found, fallbacks included (``saliency-box+sam``)."""
    box: tuple[int, int, int, int] | None = None
    """Left, top, right, bottom of the prompt box in pixels."""
    candidates: tuple[Candidate, ...] = ()
    """All that were found, the ways that found nothing included; empty where there was one."""
    choice: str = ""
    """Why this one was taken."""


class Segmenter(Protocol):
    """Finds the object of a class in its image."""

    @property
    def identity(self) -> Identity: ...

    def segment(self, images: Sequence[Pixels], class_names: Sequence[str]) -> list[Segmentation]:
        """One segmentation an image, in order; a mask does not depend on the other images."""
        ...


@dataclass(frozen=True, slots=True)
class Weights:
    """Further weights that a generator is given, such as an adapter; equal hashes are equal."""

    sha256: str
    data: bytes = field(repr=False, compare=False)
    """safetensors."""


@dataclass(frozen=True, slots=True)
class InpaintingJob:
    """All an editor may know to make one edit; of its feasibility it is told nothing."""

    image: Pixels
    object_mask: Region
    region: Region
    """Where pixels may change: the object or its surroundings, by the attribute."""
    class_name: str
    attribute: Attribute
    value: str
    prompt: str
    seed: int
    settings: Mapping[str, float | int | str | bool] = field(default_factory=dict)
    """Of this edit: ``strength``, ``steps``, ``guidance``, ... (``recipe.edits.settings_of``)."""
    kind: str = "inpaint"
    """``inpaint``, ``text-to-image`` or ``image-to-image``; the latter two own the whole image."""
    adapter: Weights | None = None
    """Fine-tuned weights of the generator (``flows.adapt``)."""


class Inpainter(Protocol):
    """Makes an edit. The stage pastes the source back outside the region afterwards."""

    @property
    def identity(self) -> Identity: ...

    def inpaint(self, jobs: Sequence[InpaintingJob]) -> list[Pixels]:
        """One image a job, same size as its source, in order, independent of batch mates."""
        ...


@dataclass(frozen=True, slots=True)
class JudgeCase:
    """All a judge may see: never the value, the feasibility or the class that was asked for."""

    image: Pixels
    object_mask: Region | None
    """None where the whole picture was made anew: its object lies where nobody knows."""
    attribute: Attribute
    values: tuple[str, ...] = ()
    """Values that the run's edits of this attribute may show, of all classes, both feasibilities
    and in one order; empty for a judge that reads the catalog's alone."""
    class_names: tuple[str, ...] = ()
    """All class names of the run, in one order."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a judge says of one case."""

    values: Mapping[str, float]
    """Score of every possible value of the attribute, 0 to 1, sum 1."""
    classes: Mapping[str, float]
    """Probability of every class name, sum 1."""
    raw: Mapping[str, Any] = field(default_factory=dict)
    """The judge's own measurements or words, stored as they are."""
    possible: float | None = None
    """Probability that what is seen could exist in reality; None where the judge cannot say."""
    cost_usd: float | None = None
    """Price of this case's call, US dollars; None if unknown, or where nobody is paid."""
    trouble: NoAnswer | None = None
    """Why there is no answer to this case; the other cases have theirs."""


class Judge(Protocol):
    """Measures what an image shows.

    An identity with ``reads_choices: True`` is given ``values`` and ``class_names``, which then
    enter the key of every verdict.
    """

    @property
    def identity(self) -> Identity: ...

    def judge(self, cases: Sequence[JudgeCase]) -> list[Answer]: ...


class ClipModel(Protocol):
    """Embeds images and texts in one space (unit vectors, float32)."""

    def __hash__(self) -> int:
        """One object a checkpoint and process: judges are kept by the model they ask."""
        ...

    @property
    def identity(self) -> Identity: ...

    def embed_images(self, images: Sequence[Pixels]) -> NDArray[np.float32]:
        """(n, width) unit vectors."""
        ...

    def embed_texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """(n, width) unit vectors."""
        ...

    @property
    def logit_scale(self) -> float:
        """What cosines are multiplied with before the softmax (100 of most); loads the model."""
        ...


@dataclass(frozen=True, slots=True)
class LoraSettings:
    """How a cell is trained; defaults and units stand in the recipe (``training``).

    ``rank``, ``alpha``, ``dropout`` and ``image_rate`` are of CLIP with LoRA alone.
    """

    rank: int
    alpha: float
    dropout: float
    learning_rate: float
    weight_decay: float
    steps: int
    warmup_share: float
    augmentation: str
    seed: int
    image_rate: float = 1.0


class Trainee(Protocol):
    """A classifier under training, driven step by step by the training stage."""

    @property
    def identity(self) -> Identity: ...

    @property
    def kind(self) -> str:
        """Its name in the recipe (``recipe.study.TRAINEES``)."""
        ...

    @property
    def takes(self) -> Literal["pixels", "vectors"]:
        """What its images are: decoded ones, or their stored embeddings."""
        ...

    def begin(
        self, settings: LoraSettings, class_names: Sequence[str], adapter: bytes = b""
    ) -> None:
        """Fresh weights, optimiser and random state for ``settings.seed``.

        With an ``adapter`` of the same trainee its weights in place of fresh ones.
        """
        ...

    def step(
        self, images: Sequence[Shown], labels: Sequence[int], weights: Sequence[float],
        following: Sequence[Shown] = (),
    ) -> float:  # fmt: skip
        """One optimiser step on the weighted cross-entropy; returns the loss before the step.

        ``following`` are the next step's images, which may be made ready meanwhile.
        """
        ...

    def logits(self, images: Sequence[Shown]) -> NDArray[np.float32]:
        """(n, classes) logits of the present weights, without augmentation."""
        ...

    def checkpoint(self) -> bytes:
        """Weights, optimiser, schedule, random state (safetensors): enough to resume exactly."""
        ...

    def resume(self, checkpoint: bytes) -> None:
        """Continue where ``checkpoint`` was taken; ``begin`` was called with the same settings."""
        ...

    def adapter(self) -> bytes:
        """What was learned (safetensors, with its manifest in the header's metadata): an adapter
        alone, or all weights where all are trained."""
        ...

    def load_adapter(self, adapter: bytes) -> None:
        """Put an adapter's weights in place; refused when it belongs to another base."""
        ...
