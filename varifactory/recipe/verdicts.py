"""Who judges, and what makes an edit acceptable."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from varifactory.recipe.part import Checkpoint, Count, Part, Share
from varifactory.recipe.prompts import Dollars


class Verdicts(Part):
    """What makes an edit acceptable; thresholds touch no stored score."""

    judge: str = Field("measured", description="measured, clip, vision, vision-local, or none to "
                       "accept without judging")  # fmt: skip
    panel: tuple[str, ...] = Field((), description="further judges of the same edits")
    decision: Literal["first", "majority", "all"] = Field(
        "first", description="whose word counts: the judge's alone, most judges', or every judge's"
    )
    min_presence: Share = Field(0.3, description="score of the value that was asked for")
    min_class: Share = Field(0.05, description="probability that the label still holds")
    min_possible: Share = Field(
        0.5, description="judge's probability that it could exist; below it is infeasible"
    )
    feasibility: Literal["required", "recorded"] = Field(
        "recorded", description="required: the measured value must be as feasible as asked"
    )
    model: str = Field("", description="who the judge vision asks: any litellm name that sees")
    base_url: str = Field("", description="address of a local or proxied model server")
    key_variable: str = Field("", description="name of the variable that holds its key")
    max_usd: Dollars = Field(1.0, description="budget of the judge vision, US $ a run")
    max_requests: Count = Field(10_000, description="most requests of one run")
    max_tokens: Annotated[int, Field(ge=64, le=65_536)] = Field(
        1024, description="longest answer of the judge vision, thoughts included"
    )
    at_once: Annotated[int, Field(ge=1, le=64)] = Field(
        8, description="requests of the judge vision under way at a time"
    )
    side: Annotated[int, Field(ge=64, le=2048)] = Field(
        768, description="longest side of the picture a vision judge sees, pixels"
    )
    pointer: Literal["box", "none"] = Field(
        "box", description="how a vision judge is shown which object: a drawn box, or not at all"
    )
    checkpoint: Checkpoint = Field(Checkpoint(), description="of the judge vision-local")
    clip: str = Field("", description="of the judge clip; empty: that of training.clip")
    clip_revision: str = Field("", description="commit, tag or branch of that clip on a hub")
    clip_sha256: Annotated[str, Field(pattern=r"^([0-9a-f]{64})?$")] = Field(
        "", description="of a local clip's weights; another hash is refused; empty: any"
    )

    @model_validator(mode="after")
    def _judges_are_several_and_distinct(self) -> "Verdicts":
        if self.panel and "none" in (self.judge, *self.panel):
            raise ValueError(
                "judge `none` accepts without judging: it can have, or be in, no panel"
            )
        names = (self.judge, *self.panel)
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(
                f"{twice[0]!r} would judge twice: name each judge once, in judge or panel"
            )
        return self

    @model_validator(mode="after")
    def _the_one_who_is_asked_is_named(self) -> "Verdicts":
        if "vision" in (self.judge, *self.panel) and not self.model:
            raise ValueError("the judge vision needs verdicts.model: any litellm name that sees")
        return self

    @model_validator(mode="after")
    def _what_is_fixed_is_named(self) -> "Verdicts":
        for name in ("clip_revision", "clip_sha256"):
            if getattr(self, name) and not self.clip:
                raise ValueError(
                    f"verdicts.{name} is of verdicts.clip, which is empty: name that, or set "
                    f"training.{name}, since training.clip judges"
                )
        return self
