"""Trainees on mixtures of real images and edits."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from varifactory.recipe.part import Count, Part, Share

ARMS = ("zero-shot", "real", "real-standard", "copy-real", "feasible", "infeasible", "mixed",
        "unfiltered", "unchanged", "real+feasible", "real+infeasible", "real+mixed",
        "real+unfiltered", "real+unchanged")  # fmt: skip


class Training(Part):
    """Trainees on mixtures of real images and edits; equal steps in every arm."""

    clip: str = Field(
        "small-clip",
        description="small-clip; of open_clip an architecture/weights such as ViT-B-16/openai, "
        "hf-hub:org/name, or a folder; of transformers transformers:org/name such as "
        "transformers:openai/clip-vit-base-patch16, or a folder",
    )
    clip_revision: str = Field("", description="commit, tag or branch of clip on a hub")
    clip_sha256: Annotated[str, Field(pattern=r"^([0-9a-f]{64})?$")] = Field(
        "", description="of a local clip's weights; another hash is refused; empty: any"
    )
    encoders: Literal["both", "image"] = Field(
        "both", description="which learn; with image alone the classes' texts are encoded once"
    )
    precision: Literal["float32", "bfloat16"] = Field(
        "float32",
        description="of the products in both passes; what is trained stays float32, and a "
        "linear-probe is float32 altogether",
    )
    compile: bool = Field(False, description="compile clip-lora's steps; with run.device=cuda only")
    recompute: bool = Field(
        False, description="compute activations twice instead of keeping them: less memory, slower"
    )
    arms: Annotated[tuple[str, ...], Field(min_length=1)] = (
        "zero-shot", "real", "real+feasible", "real+infeasible", "real+mixed"
    )  # fmt: skip
    trainee: Literal["clip-lora", "linear-probe", "classifier"] = Field(
        "clip-lora",
        description="linear-probe: one layer on stored embeddings, which no augmentation "
        "reaches; classifier: a plain image classifier of timm",
    )
    probe_rate: Annotated[float, Field(gt=0, lt=10)] = Field(
        0.3,
        description="learning rate of the trainee linear-probe; on the quickstart's shots from 0.1 "
        "to 1 are as good",
    )
    probe_decay: Annotated[float, Field(ge=0)] = Field(
        0.0, description="weight decay of the trainee linear-probe"
    )
    classifier_rate: Annotated[float, Field(gt=0, lt=1)] = Field(
        0.003, description="learning rate of the trainee classifier"
    )
    classifier_decay: Annotated[float, Field(ge=0)] = Field(
        0.05, description="weight decay of the trainee classifier"
    )
    classifier: str = Field(
        "test_resnet", description="architecture as timm names it, for the trainee classifier"
    )
    classifier_weights: str = Field(
        "", description="safetensors to begin with; empty: from scratch"
    )
    classifier_sha256: Annotated[str, Field(pattern=r"^([0-9a-f]{64})?$")] = Field(
        "", description="of classifier_weights; another hash is refused; empty: any"
    )
    seeds: tuple[int, ...] = Field((1,), description="training seeds, the same for every arm")
    rank: Annotated[int, Field(ge=1, le=256)] = 16
    alpha: Annotated[float, Field(gt=0)] = 16.0
    dropout: Share = 0.0
    learning_rate: Annotated[float, Field(gt=0, lt=1)] = Field(
        0.03, description="of clip-lora; the other trainees have rates and decays of their own"
    )
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
    real_weight: Share = Field(
        0.5,
        description="lambda: weight of the real loss beside edits in one batch; a bridged "
        "cell has no such batch",
    )
    augmentation: Literal["none", "flip", "geometry", "standard", "strong"] = Field(
        "flip",
        description="geometry is standard without what changes colours; strong: the paper's, which "
        "also blurs, greys and solarises, and crops more closely",
    )
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
