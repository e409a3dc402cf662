"""Who finds the object, and which masks may be edited."""

from pydantic import Field

from varifactory.recipe.part import Count, Part, Share


class MaskGate(Part):
    """Which masks may be edited; raw measures are stored, so a change recomputes nothing."""

    min_area: Share = 0.03
    max_area: Share = 0.8
    max_components: Count = 3
    min_predicted_iou: Share = 0.5
    max_border: Share = 0.5


class Masks(Part):
    """Who finds the object."""

    segmenter: str = Field("small-sam", description="small-sam, grabcut-saliency or grabcut-box")
    gate: MaskGate = MaskGate()
