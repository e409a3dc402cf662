"""LoRA of the generator on a few real shots, before it generates."""

from typing import Annotated, Literal

from pydantic import Field, field_validator

from varifactory.recipe.part import Count, Part


class Adaptation(Part):
    """Fine-tuning of the editor's generator, as DataDream does it (rank, rate and scopes its own).

    The adapter is part of every edit's key: its base, its shots and these settings name it.
    """

    scope: Literal["none", "class", "dataset"] = Field(
        "none", description="none, one adapter a class, or one for the whole data set"
    )
    shots: Count = Field(16, description="real training images a class at most")
    rank: Annotated[int, Field(ge=1, le=256)] = 16
    alpha: Annotated[float, Field(gt=0)] = 16.0
    learning_rate: Annotated[float, Field(gt=0, lt=1)] = 1e-4
    steps: Count = Field(400, description="optimiser steps an adapter")
    batch_size: Annotated[int, Field(ge=1, le=256)] = 8
    warmup_share: Annotated[float, Field(ge=0, le=1)] = 0.25
    seed: int = Field(1, description="of the adapter's first weights, noise and order of images")
    template: str = Field("a photo of a {class_name}", description="text beside every shot")
    text_encoder: bool = Field(True, description="adapt the text encoder too")

    @field_validator("template")
    @classmethod
    def _names_nothing_else(cls, template: str) -> str:
        try:
            template.format(class_name="x")
        except (KeyError, IndexError, ValueError, AttributeError):
            raise ValueError(
                "only {class_name} may stand in braces, such as 'a photo of a {class_name}'"
            ) from None
        return template
