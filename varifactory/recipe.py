"""The recipe: the declared settings of a data set and its study, read from one YAML file.

Frozen and validated: an unknown key or an impossible value is refused with the key, the value and
what is allowed. It holds names of secrets at most, never secrets, so it may travel and be stored.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from varifactory.errors import RecipeError
from varifactory.keys import digest
from varifactory.recipe_text import explain, overlaid, read_yaml

Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=1, le=10_000_000)]
Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")]

FINGERPRINT_VERSION = 1
NOT_IDENTITY: dict[str, str] = {
    "name": "what a data set is called is not what it holds",
    "note": "words for people",
    "run": "how the work is cut and spread changes no artifact (batch shape and threads on a CPU "
    "do, and are part of each spec)",
    "report": "how results are shown",
}
"""Top-level keys left out of the fingerprint, each with its reason."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class World(_Part):
    """How many images of the built-in drawn world, and which."""

    seed: int = Field(11, description="seed of the drawn scenes")
    classes: Annotated[int, Field(ge=2, le=24)] = Field(12, description="study classes to draw")
    train: Count = Field(12, description="training images a class")
    validation: Count = Field(8, description="validation images a class")
    test: Count = Field(50, description="test images a class")
    skew: Share = Field(0.8, description="share of training images taken in the usual setting")


class Split(_Part):
    """Shares of a set without splits of its own; an image's place follows from its content."""

    validation: Share = 0.2
    test: Share = 0.3

    @model_validator(mode="after")
    def _leaves_training_images(self) -> "Split":
        if self.validation + self.test >= 1:
            raise ValueError("validation + test must leave a share for training, below 1 together")
        return self


class Sources(_Part):
    """Where the real, labelled images come from."""

    kind: Literal["world", "folder", "table"] = Field(description="world, folder or table")
    uri: str = Field("", description="folder of class folders, or a Parquet file; local or s3://")
    size: Annotated[int, Field(ge=32, le=4096)] = Field(96, description="side of masters, pixels")
    classes: tuple[str, ...] = Field((), description="class names to keep; empty keeps all")
    image_column: str = Field("image", description="of a table: bytes, {bytes, path} or a path")
    label_column: str = Field("label", description="of a table")
    split: Split = Split()
    shots: Annotated[int, Field(ge=0)] = Field(8, description="training images a class; 0 is all")
    shot_seed: int = Field(1, description="which training images the shots are")
    world: World = World()
    max_pixels: Annotated[int, Field(ge=1, le=1_000_000_000)] = Field(
        50_000_000, description="a larger image is refused before decoding"
    )
    rehash: bool = Field(False, description="read every file again instead of trusting its stamp")

    @model_validator(mode="after")
    def _has_a_place(self) -> "Sources":
        if self.kind != "world" and not self.uri:
            raise ValueError(f"sources.uri is needed for kind {self.kind!r}: a folder or a file")
        return self


class Prompts(_Part):
    """What is to be changed, and the words for it."""

    writer: str = Field("catalog", description="catalog, or any litellm model name")
    attributes: Annotated[tuple[str, ...], Field(min_length=1)] = ("background", "color", "texture")
    per_pool: Count = Field(4, description="prompts a class, attribute and feasibility")
    catalog: str = Field("", description="folder of attribute files; empty is the built-in one")
    taxonomy: str = Field("world", description="world, photos, or a YAML file of pools a class")
    key_variable: str = Field("", description="name of the variable that holds the writer's key")
    base_url: str = Field("", description="address of a local or proxied model server")
    max_usd: Annotated[float, Field(ge=0)] = Field(1.0, description="budget of the writer, US $")
    max_requests: Count = Field(1000, description="most requests of one run")


class MaskGate(_Part):
    """Which masks may be edited; raw measures are stored, so a change recomputes nothing."""

    min_area: Share = 0.03
    max_area: Share = 0.8
    max_components: Count = 3
    min_predicted_iou: Share = 0.5
    max_border: Share = 0.5


class Masks(_Part):
    """Who finds the object."""

    segmenter: str = Field("small-sam", description="small-sam, grabcut-saliency or grabcut-box")
    gate: MaskGate = MaskGate()


class EditGate(_Part):
    """Which edits are worth judging."""

    min_change: Annotated[float, Field(ge=0, le=255)] = Field(
        4.0, description="mean absolute change inside the region, 0 to 255"
    )
    max_outside: Annotated[float, Field(ge=0, le=255)] = Field(
        0.0, description="largest change outside the feathered region; 0 asks for none"
    )
    min_distance: Annotated[int, Field(ge=0, le=64)] = Field(
        2, description="perceptual-hash bits to any test image; closer is a near-duplicate"
    )


class SecondEditor(_Part):
    """A second editor that makes some of the same edits, to stand beside the first."""

    editor: str = "small-diffusion"
    count: Annotated[int, Field(ge=0)] = 24


class Edits(_Part):
    """How edits are made; the same settings for feasible and infeasible ones."""

    editor: str = Field("compositor", description="compositor or small-diffusion")
    per_source: Count = Field(2, description="edits a source image, attribute and feasibility")
    attempts: Annotated[int, Field(ge=1, le=10)] = Field(2, description="new seeds after a reject")
    preset: Literal["matched", "faithful"] = Field(
        "matched", description="matched: same settings in both arms; faithful: the paper's own"
    )
    feather: Annotated[float, Field(ge=0, le=64)] = Field(1.0, description="soft edge, pixels")
    strength: Share = Field(1.0, description="how much of the region the editor may replace")
    steps: Annotated[int, Field(ge=1, le=200)] = Field(12, description="diffusion steps")
    guidance: Annotated[float, Field(ge=0, le=50)] = Field(3.0, description="diffusion guidance")
    compare: SecondEditor = SecondEditor(count=0)
    gate: EditGate = EditGate()


class Verdicts(_Part):
    """What makes an edit acceptable; thresholds touch no stored score."""

    judge: str = Field("measured", description="measured, or none to accept without judging")
    min_presence: Share = Field(0.3, description="score of the value that was asked for")
    min_class: Share = Field(0.05, description="probability that the label still holds")
    feasibility: Literal["required", "recorded"] = Field(
        "recorded", description="required: the measured value must be as feasible as asked"
    )


ARMS = ("zero-shot", "real", "real-standard", "copy-real", "feasible", "infeasible", "mixed",
        "real+feasible", "real+infeasible", "real+mixed")  # fmt: skip


class Training(_Part):
    """CLIP with LoRA on mixtures of real images and edits; equal steps in every arm."""

    clip: str = Field("small-clip", description="small-clip")
    arms: Annotated[tuple[str, ...], Field(min_length=1)] = (
        "zero-shot", "real", "real+feasible", "real+infeasible", "real+mixed"
    )  # fmt: skip
    seeds: tuple[int, ...] = Field((1,), description="training seeds, the same for every arm")
    rank: Annotated[int, Field(ge=1, le=256)] = 16
    alpha: Annotated[float, Field(gt=0)] = 16.0
    dropout: Share = 0.0
    learning_rate: Annotated[float, Field(gt=0, lt=1)] = 0.03
    image_rate: Share = Field(
        0.03,
        description="learning rate of the image encoder as a share of learning_rate: with few "
        "images a class it learns their surroundings by heart before their shapes",
    )
    weight_decay: Annotated[float, Field(ge=0)] = Field(
        1.0,
        description="per unit of learning rate, as AdamW has it; strong, since the shots are few "
        "and the rate is high (the paper's 0.0001 goes with 0.0001)",
    )
    steps: Count = 60
    batch_size: Count = 32
    warmup_share: Share = 0.1
    real_weight: Share = Field(0.5, description="lambda: weight of the real loss beside edits")
    augmentation: Literal["none", "flip", "standard"] = "flip"
    validate_every: Count = 20
    template: str = Field("a photo of a {class_name}", description="text of a class")

    @model_validator(mode="after")
    def _arms_are_known(self) -> "Training":
        unknown = [arm for arm in self.arms if arm not in ARMS]
        if unknown:
            raise ValueError(f"unknown arms {unknown}; allowed are {', '.join(ARMS)}")
        if not self.seeds or len(set(self.seeds)) != len(self.seeds):
            raise ValueError("seeds must be distinct, and at least one")
        return self


class Report(_Part):
    """How results are shown."""

    confidence: Annotated[float, Field(gt=0.5, lt=1)] = 0.95
    gallery_page: Annotated[int, Field(ge=10, le=1000)] = Field(200, description="edits a page")


class Run(_Part):
    """How the work is cut and spread; none of it changes an artifact but ``threads``,
    which a model on a CPU keeps in its spec."""

    shard_size: Count = Field(512, description="items a Prefect task")
    batch_size: Annotated[int, Field(ge=1, le=512)] = Field(
        16, description="items written together; a killed worker loses at most one batch"
    )
    workers: Annotated[int, Field(ge=1, le=256)] = Field(2, description="shards at a time")
    threads: Annotated[int, Field(ge=1, le=256)] = Field(1, description="threads a model on a CPU")
    error_budget: Share = Field(0.2, description="share of failed items that stops a stage")
    error_budget_after: Count = Field(20, description="items before the budget counts")
    retries: Annotated[int, Field(ge=0, le=10)] = Field(1, description="Prefect retries a shard")


class Recipe(_Part):
    """One data set and its study."""

    name: Name
    note: str = ""
    seed: int = Field(7, description="generation seed")
    sources: Sources
    prompts: Prompts = Prompts()
    masks: Masks = Masks()
    edits: Edits = Edits()
    verdicts: Verdicts = Verdicts()
    training: Training = Training()
    report: Report = Report()
    run: Run = Run()

    def fingerprint(self) -> str:
        """Hash of what the recipe asks for; ``NOT_IDENTITY`` tells what is left out and why."""
        kept = self.model_dump(mode="json", exclude=set(NOT_IDENTITY))
        return digest({"fingerprint_version": FINGERPRINT_VERSION, "recipe": kept})

    @classmethod
    def read(cls, path: str | Path, settings: Sequence[str] = ()) -> "Recipe":
        """The recipe in a YAML file, with ``key.inner=value`` settings laid over it.

        Raises:
            RecipeError: no such file, not YAML, unknown key, or a value that is not allowed.
        """
        return cls.parse(overlaid(read_yaml(Path(path)), settings), where=str(path))

    @classmethod
    def parse(cls, data: Any, where: str = "recipe") -> "Recipe":
        """A recipe from plain data; see ``read``."""
        try:
            return cls.model_validate(data)
        except ValidationError as error:
            raise RecipeError(f"{where}: " + "; ".join(explain(error, cls))) from None
