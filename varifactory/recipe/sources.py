"""Where the real, labelled images come from."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from varifactory.recipe.part import Count, Part, Share


class World(Part):
    """How many images of the built-in drawn world, and which."""

    seed: int = Field(11, description="seed of the drawn scenes")
    classes: Annotated[int, Field(ge=2, le=24)] = Field(12, description="study classes to draw")
    train: Count = Field(12, description="training images a class")
    validation: Count = Field(8, description="validation images a class")
    test: Count = Field(50, description="test images a class")
    skew: Share = Field(0.8, description="share of training images taken in the usual setting")


class Split(Part):
    """Shares of a set without splits of its own; an image's place follows from its content."""

    validation: Share = 0.2
    test: Share = 0.3

    @model_validator(mode="after")
    def _leaves_training_images(self) -> "Split":
        if self.validation + self.test >= 1:
            raise ValueError("validation + test must leave a share for training, below 1 together")
        return self


class Sources(Part):
    """Where the real, labelled images come from."""

    kind: Literal["world", "folder", "table"] = Field(description="world, folder or table")
    uri: str = Field("", description="folder of class folders, or a Parquet file; local or s3://")
    size: Annotated[int, Field(ge=32, le=4096)] = Field(96, description="side of masters, pixels")
    classes: tuple[str, ...] = Field((), description="class names to keep; empty keeps all")
    image_column: str = Field("image", description="of a table: bytes, {bytes, path} or a path")
    label_column: str = Field("label", description="of a table")
    fetch_urls: bool = Field(
        False, description="fetch the https:// addresses that a table's image column holds"
    )
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
