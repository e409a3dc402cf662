"""Who judges, and what makes an edit acceptable."""

from typing import Literal

from pydantic import Field

from varifactory.recipe.part import Part, Share


class Verdicts(Part):
    """What makes an edit acceptable; thresholds touch no stored score."""

    judge: str = Field("measured", description="measured, or none to accept without judging")
    panel: tuple[str, ...] = Field((), description="further judges of the same edits")
    decision: Literal["first", "majority", "all"] = Field(
        "first", description="whose word counts: the judge's alone, most judges', or every judge's"
    )
    min_presence: Share = Field(0.3, description="score of the value that was asked for")
    min_class: Share = Field(0.05, description="probability that the label still holds")
    feasibility: Literal["required", "recorded"] = Field(
        "recorded", description="required: the measured value must be as feasible as asked"
    )
