"""What is asked of a synthetic set: which real images it is held against, and how closely."""

from typing import Annotated, Literal

from pydantic import Field

from varifactory.recipe.part import Count, Part, Share


class Diagnosis(Part):
    """How synthetic images are diagnosed, by embeddings of ``study.encoder``.

    Thresholds of the flags, with their reasons, are data: ``varifactory/diagnosis/flags.yaml``.
    """

    dataset: str = Field(
        "", description="NAME or NAME@VERSION of a data set that is there, such as one of "
        "`varifactory ingest`; empty: the recipe's own, which is made first",
    )  # fmt: skip
    reference: Annotated[tuple[Literal["train", "validation"], ...], Field(min_length=1)] = Field(
        ("train", "validation"),
        description="splits of the real images to compare with; never test, which scores alone see",
    )
    senses: str = Field(
        "", description="YAML file, class name -> other senses of the name; or a litellm model "
        "name to ask for them, with address, key and budget of prompts; empty: none are tried",
    )  # fmt: skip
    neighbours: Annotated[int, Field(ge=1, le=50)] = Field(
        5, description="k of precision, recall, density and coverage"
    )
    least: Annotated[int, Field(ge=5)] = Field(
        20, description="images a class and attribute below which nothing is said of them"
    )
    resamples: Count = Field(500, description="bootstrap draws of an interval")
    keep: Annotated[tuple[Share, ...], Field(min_length=1)] = Field(
        (1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1),
        description="fractions kept of the pruning curve",
    )
    target: str = Field(
        "", description="data set NAME or NAME@VERSION whose real training images are the target "
        "domain; empty: the reference itself",
    )  # fmt: skip
    seed: int = Field(1, description="of subsamples, folds and bootstrap draws")
