"""Who makes the edits, with which settings, and which are worth judging."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from varifactory.recipe.part import Checkpoint, Count, Guidance, Part, Share, Steps
from varifactory.recipe.varireal import VariReal


class EditGate(Part):
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


class SecondEditor(Part):
    """A second editor that makes some of the same edits, to stand beside the first."""

    editor: str = "small-diffusion"
    count: Annotated[int, Field(ge=0)] = 24
    checkpoint: Checkpoint = Checkpoint()


class Distilled(Part):
    """A few-step adapter that is merged into the editor's weights; use fewer edits.steps with it,
    a fitting edits.scheduler, and mostly edits.guidance 1."""

    checkpoint: Checkpoint = Checkpoint()
    file: str = Field("", description="name of its file where the checkpoint holds several")
    weight: Annotated[float, Field(ge=0, le=2)] = 1.0

    @model_validator(mode="after")
    def _nothing_is_said_of_no_adapter(self) -> "Distilled":
        for name in ("file", "weight"):
            value = getattr(self, name)
            if value != Distilled.model_fields[name].default and not self.checkpoint.name:
                raise ValueError(
                    f"edits.distilled.{name} is {value!r} and edits.distilled.checkpoint.name is "
                    f"empty: name the adapter there, or clear edits.distilled.{name}"
                )
        return self


class Knobs(Part):
    """Settings of single edits; what is left out is as for all edits (``edits.strength``, ...)."""

    strength: Share | None = None
    steps: Steps | None = None
    guidance: Guidance | None = None
    alpha: Share | None = Field(None, description="share of the prior's colour or texture")
    image_scale: Share | None = Field(None, description="weight of the IP-Adapter's image")
    dilate: Annotated[int, Field(ge=0, le=512)] | None = Field(
        None,
        description="what is kept around the object on a background prior: side of the "
        "square it is dilated by, pixels of a picture of 1024",
    )

    def given(self) -> dict[str, float | int]:
        """The settings that are not left out."""
        return {name: getattr(self, name) for name in Knobs.model_fields
                if getattr(self, name) is not None}  # fmt: skip


class AttributeKnobs(Knobs):
    """Settings of one attribute's edits; those of one arm alone only under ``faithful``."""

    attribute: str
    feasible: Knobs = Knobs()
    infeasible: Knobs = Knobs()


class Edits(Part):
    """How edits are made; the same settings for feasible and infeasible ones."""

    editor: str = Field("compositor", description="who makes them; docs/models.md lists all")
    kind: Literal["inpaint", "text-to-image", "image-to-image"] = Field(
        "inpaint", description="inpaint one region; or make the whole image anew, from the prompt "
        "alone or from the source and the prompt (by edits.strength)"
    )  # fmt: skip
    per_source: Count = Field(2, description="edits a source image, attribute and feasibility")
    attempts: Annotated[int, Field(ge=1, le=10)] = Field(2, description="new seeds after a reject")
    exact: Annotated[int, Field(ge=0)] = Field(
        0, description="accepted edits wanted a class, attribute and feasibility; 0: as they come"
    )
    rounds: Annotated[int, Field(ge=1, le=100)] = Field(
        4, description="rounds of further edits at most on the way to edits.exact"
    )
    unchanged: bool = Field(
        False, description="also edit every paired source to the value it has: the control that "
        "shows what editing alone does, for the arms unchanged and real+unchanged"
    )  # fmt: skip
    preset: Literal["matched", "faithful"] = Field(
        "matched", description="matched: same settings in both arms; faithful: the paper's own"
    )
    feather: Annotated[float, Field(ge=0, le=64)] = Field(1.0, description="soft edge, pixels")
    strength: Share = Field(1.0, description="how much of the region the editor may replace")
    steps: Steps | None = Field(None, description="diffusion steps; empty: the editor's usual")
    guidance: Guidance | None = Field(
        None, description="how closely a diffusion editor follows the prompt; empty: its usual"
    )
    by_attribute: tuple[AttributeKnobs, ...] = ()
    negative_prompt: str = Field("", description="what a diffusion editor should avoid")
    checkpoint: Checkpoint = Checkpoint()
    batch: Annotated[int, Field(ge=1, le=256)] = Field(
        8, description="images of one forward pass of a large model; halved where memory is short"
    )
    side: Annotated[int, Field(ge=0, le=4096)] = Field(
        0, description="side of the square whose area edits.editor works at, pixels; 0: its usual"
    )
    scheduler: str = Field(
        "", description="noise schedule of edits.editor by name, such as dpm or lcm; empty: its "
        "checkpoint's own"
    )  # fmt: skip
    distilled: Distilled = Distilled()
    offload: Literal["none", "model"] = Field(
        "none", description="model: one part of edits.editor at a time on the card, the others in "
        "the machine's memory: slower, for small cards"
    )  # fmt: skip
    varireal: VariReal = VariReal()
    compare: SecondEditor = SecondEditor(count=0)
    gate: EditGate = EditGate()

    @model_validator(mode="after")
    def _arms_are_matched(self) -> "Edits":
        names = [knobs.attribute for knobs in self.by_attribute]
        if len(set(names)) < len(names):
            raise ValueError(f"by_attribute names an attribute twice: {names}")
        for knobs in self.by_attribute:
            if self.preset == "matched" and (knobs.feasible.given() or knobs.infeasible.given()):
                raise ValueError(
                    f"by_attribute has settings of one arm of {knobs.attribute!r}: the preset "
                    "matched gives both arms the same; set them beside `attribute`, or set "
                    "edits.preset: faithful"
                )
        return self

    @model_validator(mode="after")
    def _an_exact_number_is_of_accepted_edits(self) -> "Edits":
        if self.exact and self.preset == "faithful":
            raise ValueError(
                f"edits.exact is {self.exact} and edits.preset is faithful, which takes edits that "
                "the judge refused beside the accepted ones, so that the number would be passed: "
                "set edits.exact=0, or edits.preset=matched"
            )
        return self

    def settings_of(self, attribute: str, feasibility: str) -> dict[str, float | int | str]:
        """What one edit is made with: the general settings, its attribute's, its arm's; what is
        left out is the editor's usual."""
        own = next((each for each in self.by_attribute if each.attribute == attribute), None)
        general = {
            "strength": self.strength,
            "steps": self.steps,
            "guidance": self.guidance,
            "negative_prompt": self.negative_prompt,
        }
        return {
            **{name: value for name, value in general.items() if value is not None},
            **(own.given() if own else {}),
            **(getattr(own, feasibility).given() if own else {}),
        }
