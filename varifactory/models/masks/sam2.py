"""SAM 2 and 2.1 through transformers."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from varifactory.models import Identity, Pixels, Region
from varifactory.models.accelerator import ready
from varifactory.models.checkpoints import Found
from varifactory.models.masks.pretrained import identity_of, load
from varifactory.models.masks.prompting import Prompt, Shown
from varifactory.models.masks.running import compute_in, one_by_one, prepared_ahead
from varifactory.models.residency import Resident

if TYPE_CHECKING:
    import torch

USUAL = "facebook/sam2.1-hiera-large"
KINDS = ("sam2", "sam2_video")
"""The published checkpoints are of the video model, which holds the image model."""


class Sam2:
    """A ``Promptable``; an image is encoded once for all of its prompts."""

    method = "sam2"

    def __init__(self, found: Found, *, device: str, threads: int) -> None:
        self._found = found
        self._device = device
        self._threads = threads
        self.model = Resident("sam2", self._load)

    @property
    def identity(self) -> Identity:
        return identity_of("sam2", self._found, self._device, self._threads)

    def draw(
        self, images: Sequence[Pixels], shown: Sequence[Shown], *, multimask: bool
    ) -> list[list[tuple[Region, float, Prompt]]]:
        if not images:
            return []
        with self.model.use() as (model, processor, place):
            both = list(zip(images, shown, strict=True))
            ahead = prepared_ahead(both, lambda work: _inputs(processor, *work))
            return one_by_one(
                ahead,
                lambda work: _masks(
                    model, processor, work[0][1], work[1].to(place), multimask=multimask
                ),
            )

    def _load(self) -> tuple[Any, Any, "torch.device"]:
        place, dtype = ready(self._device, self._found.dtype, self._found.key)
        model, processor = load(self._found, "Sam2Model", "Sam2Processor", KINDS)
        compute_in(model.vision_encoder, dtype)
        return model.to(place), processor, place


def _inputs(processor: Any, image: Pixels, shown: Shown) -> Any:
    """All prompts of an image are boxes, or it has one point."""
    asked: dict[str, Any]
    if shown.prompts[0].box is not None:
        asked = {"input_boxes": [[list(prompt.box or ()) for prompt in shown.prompts]]}
    else:
        asked = {"input_points": [[[list(prompt.point or ())] for prompt in shown.prompts]],
                 "input_labels": [[[1] for _ in shown.prompts]]}  # fmt: skip
    # Told, not guessed: a picture of three rows looks like channels first.
    # Copied: what the store decodes is read-only, which torch warns of.
    return processor(
        images=[image.copy()], input_data_format="channels_last", return_tensors="pt", **asked
    )


def _masks(
    model: Any, processor: Any, shown: Shown, inputs: Any, *, multimask: bool
) -> list[tuple[Region, float, Prompt]]:
    asked = {name: one for name, one in inputs.items() if name != "original_sizes"}
    made = model(**asked, multimask_output=multimask)
    [masks] = processor.post_process_masks(made.pred_masks, inputs["original_sizes"])
    masks, scores = masks.cpu(), made.iou_scores[0].tolist()
    return [
        (masks[at, which].numpy(), scores[at][which], prompt)
        for at, prompt in enumerate(shown.prompts)
        for which in range(masks.shape[1])
    ]
