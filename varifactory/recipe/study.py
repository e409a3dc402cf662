"""The grid of a study: what is varied, and what was settled before anything was trained."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from varifactory.recipe.part import Name, Part

EVERY = "all"
"""Stands for the edits of every attribute together."""
TRAINEES = ("clip-lora", "linear-probe", "classifier")
VARIED = ("sources", "prompts", "masks", "adaptation", "edits", "verdicts")
"""Parts of a recipe that another data set may differ in; training has grid factors of its own."""
SWEPT = tuple(part for part in VARIED if part != "sources")
"""Parts that a sweep may vary. Arms without edits are trained once for all its combinations, which
therefore share their images; other images are another data set."""


class OtherImages(Part):
    """A data set of a study, by what its recipe differs in."""

    name: Name
    settings: Annotated[tuple[str, ...], Field(min_length=1)] = Field(
        ..., description="keys of the recipe that differ, such as [sources.uri=/data/pets]"
    )


class Sweep(Part):
    """One key of the recipe, varied."""

    key: str = Field(..., description="such as edits.guidance or prompts.taxonomy")
    values: Annotated[tuple[bool | int | float | str, ...], Field(min_length=1)]


class Study(Part):
    """Every combination is a cell; one that the store holds is not trained again."""

    datasets: tuple[OtherImages, ...] = Field(
        (), description="several data sets; empty: the recipe's own images"
    )
    generation_seeds: tuple[int, ...] = Field(
        (), description="each makes edits with noise of its own; empty: the recipe's seed alone"
    )
    sweep: tuple[Sweep, ...] = Field(
        (), description="settings of the generation, crossed; every combination is a data set"
    )
    attributes: Annotated[tuple[str, ...], Field(min_length=1)] = Field(
        (EVERY,), description="all trains on the edits of every attribute, a name on its own alone"
    )
    per_source: Annotated[tuple[Annotated[int, Field(ge=0)], ...], Field(min_length=1)] = Field(
        (0,), description="pairs of edits a real image and attribute trained on; 0: all there are"
    )
    schedules: Annotated[tuple[Literal["mixed", "bridged"], ...], Field(min_length=1)] = Field(
        ("mixed",), description="bridged: first the edits, then the real images, in as many steps"
    )
    trainees: tuple[Literal["clip-lora", "linear-probe", "classifier"], ...] = Field(
        (), description="each has cells of its own; empty: training.trainee alone"
    )
    augmentations: tuple[Literal["none", "flip", "geometry", "standard", "strong"], ...] = Field(
        (), description="each has cells of its own; empty: training.augmentation alone"
    )
    margin: Annotated[float, Field(gt=0, lt=1)] = Field(
        0.005, description="largest difference of top-1, in shares of 1, that counts as equivalent"
    )
    resolve: Annotated[float, Field(gt=0, lt=1)] = Field(
        0.003, description="difference the report says the needed seeds for"
    )
    power: Annotated[float, Field(gt=0.5, lt=1)] = Field(
        0.8, description="chance of seeing an effect that is there"
    )
    encoder: str = Field(
        "",
        description="CLIP whose embeddings the checks and linear probes use; empty: training.clip",
    )
    leaks: Literal["stop", "leave out"] = Field(
        "stop", description="what a training image that shows a test image's picture does"
    )

    @model_validator(mode="after")
    def _each_once(self) -> "Study":
        for name in ("generation_seeds", "attributes", "per_source", "schedules", "trainees",
                     "augmentations"):  # fmt: skip
            values = getattr(self, name)
            if len(set(values)) != len(values):
                raise ValueError(f"{name} names a value twice: {list(values)}")
        return self

    @model_validator(mode="after")
    def _only_data_is_varied(self) -> "Study":
        keys = [setting.partition("=")[0] for one in self.datasets for setting in one.settings]
        for name, varied, allowed in (
            ("datasets", keys, VARIED),
            ("sweep", [one.key for one in self.sweep], SWEPT),
        ):
            for key in varied:
                if key.strip().split(".")[0] not in allowed:
                    raise ValueError(_unvaried(name, key))
        if len({one.name for one in self.datasets}) != len(self.datasets):
            raise ValueError("two datasets have one name")
        return self


def _unvaried(name: str, key: str) -> str:
    if key.strip().split(".")[0] in VARIED:
        return (
            f"{key!r} cannot be varied by {name}: arms without edits would be compared on images "
            f"of another value; give each value a data set of its own in study.datasets"
        )
    return (
        f"{key!r} cannot be varied: datasets take keys of {', '.join(VARIED)}, sweep of "
        f"{', '.join(SWEPT)}; seeds, trainees, schedules and augmentations have keys of their own"
    )
