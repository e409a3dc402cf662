"""The grid from which the exchange rate of synthetic against real images is read."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from varifactory.recipe.part import Count, Part

Multiple = Annotated[float, Field(gt=0, le=64)]
GENERATORS = ("edits", "closed-set", "foreign")
"""Whose images are traded: edits of the base's images, samples of a generator that was trained on
the base alone, images taken in by ``varifactory ingest``."""
CONTROLS = ("identity", "duplicate", "mislabelled")
"""Pools whose rate is known beforehand: other real images (1), the base once more, other real
images of which a share bears a wrong label."""


class Exchange(Part):
    """Base sizes x real images added x synthetic images added x paired seeds."""

    base: Annotated[tuple[Annotated[int, Field(ge=1)], ...], Field(min_length=1)] = Field(
        (3, 6, 12), description="real images a class to begin with; subsets of one seed are nested"
    )
    real: Annotated[tuple[Multiple, ...], Field(min_length=1)] = Field(
        (0.5, 1.0, 2.0), description="real images added, as multiples of the base"
    )
    synthetic: Annotated[tuple[Multiple, ...], Field(min_length=1)] = Field(
        (0.5, 1.0, 2.0, 4.0), description="synthetic images added, as multiples of the base"
    )
    substituted: tuple[Annotated[float, Field(gt=0, le=1)], ...] = Field(
        (0.5, 1.0), description="shares of the base whose place as many synthetic images take"
    )
    generators: Annotated[
        tuple[Literal["edits", "closed-set", "foreign"], ...], Field(min_length=1)
    ] = ("edits",)
    controls: tuple[Literal["identity", "duplicate", "mislabelled"], ...] = Field(
        ("identity", "duplicate"), description="pools whose rate is known beforehand"
    )
    mislabelled: Annotated[float, Field(gt=0, le=1)] = Field(
        0.2, description="share of wrong labels of that control"
    )
    feasibility: Literal["all", "feasible", "infeasible"] = Field(
        "all", description="which edits are traded"
    )
    foreign: str = Field("", description="data set NAME or NAME@VERSION that ingest published")
    seeds: Annotated[tuple[int, ...], Field(min_length=1)] = Field(
        (1, 2, 3, 4, 5), description="of subsets and training; the same for every pool"
    )
    trainee: Literal["clip-lora", "linear-probe", "classifier", "estimator"] = Field(
        "linear-probe", description="estimator: a plain scikit-learn classifier of pixels"
    )
    estimator: Literal["svc", "logistic", "forest"] = Field(
        "svc", description="of the trainee estimator, which is fitted until it converges"
    )
    pixels: Annotated[int, Field(ge=4, le=128)] = Field(
        16, description="side to which the estimator shrinks images"
    )
    gains: Annotated[tuple[Multiple, ...], Field(min_length=1)] = Field(
        (0.5, 1.0, 2.0),
        description="real gains at which the rate is told, as multiples of the base",
    )
    resamples: Count = Field(200, description="bootstrap draws of an interval")

    @model_validator(mode="after")
    def _each_once(self) -> "Exchange":
        for name in ("base", "real", "synthetic", "substituted", "generators", "controls", "seeds",
                     "gains"):  # fmt: skip
            values = getattr(self, name)
            if len(set(values)) != len(values):
                raise ValueError(f"{name} names a value twice: {list(values)}")
        if far := [gain for gain in self.gains if gain > max(self.real)]:
            raise ValueError(
                f"gains asks for the rate at {far} times the base, and real adds at most "
                f"{max(self.real)}: add that to real, for no curve is continued"
            )
        if "foreign" in self.generators and not self.foreign:
            raise ValueError(
                "generators names foreign: set foreign to the data set that ingest made"
            )
        return self
