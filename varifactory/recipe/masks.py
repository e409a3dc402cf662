"""Who finds the object, and which masks may be edited."""

from typing import Annotated, Literal

from pydantic import Field, field_validator

from varifactory.recipe.part import Checkpoint, Count, Part, Share

Triple = tuple[float, float, float]
"""One number a channel: red, green, blue."""
PLACE = "{class_name}"
"""Stands for the class name in a phrase."""


def _names_the_class(phrase: str) -> str:
    if phrase.count(PLACE) != 1 or not phrase.replace(PLACE, "").isprintable():
        raise ValueError(f"a phrase holds {PLACE} once, such as 'a photographed {PLACE}'")
    return phrase


class MaskGate(Part):
    """Which masks may be edited; raw measures are stored, so a change recomputes nothing."""

    min_area: Share = 0.03
    max_area: Share = 0.8
    max_components: Count = 3
    min_predicted_iou: Share = 0.5
    max_border: Share = 0.5


class Detector(Part):
    """Grounding DINO: boxes from the class name, for `masks.prompt: grounding-dino`."""

    checkpoint: Checkpoint = Checkpoint()
    phrase: str = Field("a {class_name}", description="what is looked for, in words")
    threshold: Share = Field(0.4, description="score below which a box is none")
    max_boxes: Annotated[int, Field(ge=1, le=64)] = Field(
        8, description="boxes an image that get a mask each, best first"
    )

    _phrase = field_validator("phrase")(_names_the_class)


class Saliency(Part):
    """An .onnx saliency model of your own, and what it wants to be given (saliency-onnx).

    It is fed (pixel - mean) / scale of the image at size x size, channels first. The defaults are
    ISNet's (github.com/xuebinqin/DIS).
    """

    checkpoint: Checkpoint = Field(
        Checkpoint(), description="an .onnx file, a folder or a hub name; its dtype is not read"
    )
    file: str = Field("", description="of a folder or a hub name: which file; empty: the only one")
    size: Annotated[int, Field(ge=16, le=4096)] = Field(1024, description="pixels a side")
    mean: Triple = Field((128.0, 128.0, 128.0), description="a channel, of pixels 0 to 255")
    scale: Triple = Field((256.0, 256.0, 256.0), description="a channel, of pixels 0 to 255")
    output: Annotated[int, Field(ge=0, le=63)] = Field(0, description="which output is the map")
    activation: Literal["none", "sigmoid"] = Field(
        "none", description="sigmoid where the model gives logits"
    )
    stretch: bool = Field(
        False, description="stretch each map to 0 to 1, as RMBG-1.4 wants; then nothing is empty"
    )
    threshold: Share = Field(0.5, description="of the map; more is object")
    device: Literal["cpu", "cuda"] = Field(
        "cpu", description="cuda needs the package onnxruntime-gpu"
    )

    @field_validator("scale")
    @classmethod
    def _divides(cls, scale: Triple) -> Triple:
        if any(value <= 0 for value in scale):
            raise ValueError("pixels are divided by it: each is above 0")
        return scale


class Masks(Part):
    """Who finds the object."""

    segmenter: str = Field(
        "small-sam", description="small-sam, grabcut-saliency, grabcut-box, sam, sam2, sam3 or "
        "saliency-onnx"
    )  # fmt: skip
    checkpoint: Checkpoint = Field(Checkpoint(), description="of sam, sam2 or sam3")
    file: str = Field("", description="sam: which file of a folder or a hub name")
    architecture: Literal["vit_h", "vit_l", "vit_b", "config"] = Field(
        "vit_h", description="sam: sizes of the weights; config: as config.json beside them says"
    )
    prompt: Literal["middle-box", "middle-point", "grounding-dino"] = Field(
        "middle-box", description="small-sam, sam and sam2: what they are shown the object with"
    )
    multimask: bool | None = Field(
        None, description="three masks a prompt to choose from; unset: for a point, not for a box"
    )
    phrase: str = Field(PLACE, description="sam3: what is looked for, in words")
    threshold: Share = Field(0.3, description="sam3: score below which a mask is none")
    choose: Literal["best-score", "largest", "most-central"] = Field(
        "best-score", description="which of several masks is taken"
    )
    detector: Detector = Detector()
    saliency: Saliency = Saliency()
    fallbacks: tuple[str, ...] = Field(
        (), description="asked in this order where nothing was found; another segmenter's name, or "
        "for small-sam, sam and sam2 middle-box or middle-point"
    )  # fmt: skip
    gate: MaskGate = MaskGate()

    _phrase = field_validator("phrase")(_names_the_class)
