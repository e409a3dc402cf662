"""SAM 3 through transformers: masks of everything that a phrase names."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from varifactory.models import Identity, Pixels, Segmentation
from varifactory.models.accelerator import ready
from varifactory.models.checkpoints import Found as Checkpointed
from varifactory.models.masks.choosing import Found, chosen, nothing
from varifactory.models.masks.phrases import no_words, phrase
from varifactory.models.masks.pretrained import identity_of, load
from varifactory.models.masks.prompting import Box
from varifactory.models.masks.running import compute_in, one_by_one, prepared_ahead
from varifactory.models.residency import Resident

if TYPE_CHECKING:
    import torch

USUAL = "facebook/sam3"
KINDS = ("sam3", "sam3_video")
METHOD = "sam3"
WORDS = 32
"""Tokens that SAM 3's text encoder takes; a longer phrase is cut, and that is told."""
EDGE = 0.5
"""Probability above which a pixel belongs to a mask, as the library's default."""


class Sam3:
    """A ``Segmenter`` by text: one mask an instance, of which ``rule`` takes one."""

    def __init__(
        self,
        found: Checkpointed,
        *,
        template: str,
        threshold: float,
        rule: str,
        device: str,
        threads: int,
    ) -> None:
        self._found, self._device, self._threads = found, device, threads
        self._template, self._threshold, self._rule = template, threshold, rule
        self.model = Resident("sam3", self._load)

    @property
    def identity(self) -> Identity:
        return {
            **identity_of("sam3", self._found, self._device, self._threads),
            "phrase": self._template,
            "threshold": self._threshold,
            "choose": self._rule,
            "reads_class_name": True,
        }

    def segment(self, images: Sequence[Pixels], class_names: Sequence[str]) -> list[Segmentation]:
        with self.model.use() as (model, processor, place):

            def one(work: tuple[tuple[Pixels, str], Any]) -> Segmentation:
                (image, name), planes = work
                words = phrase(self._template, name)
                if not words:
                    return nothing(image.shape, METHOD, no_words(name))
                text, note = _tokens(processor.tokenizer, words)
                made = model(pixel_values=planes.to(place), **text.to(place))
                found = _instances(processor, made, image, self._threshold)
                if not found:
                    why = f"no mask of {words!r} above masks.threshold {self._threshold:g}"
                    return nothing(image.shape, METHOD, why)
                return chosen(found, self._rule, METHOD, note)

            both = list(zip(images, class_names, strict=True))
            return one_by_one(prepared_ahead(both, lambda work: _planes(processor, work[0])), one)

    def _load(self) -> tuple[Any, Any, "torch.device"]:
        place, dtype = ready(self._device, self._found.dtype, self._found.key)
        model, processor = load(self._found, "Sam3Model", "Sam3Processor", KINDS)
        compute_in(model.vision_encoder, dtype)
        return model.to(place), processor, place


def _planes(processor: Any, image: Pixels) -> Any:
    # Told, not guessed: a picture of three rows looks like channels first.
    # Copied: what the store decodes is read-only, which torch warns of.
    return processor(images=[image.copy()], input_data_format="channels_last", return_tensors="pt")[
        "pixel_values"
    ]


def _instances(processor: Any, made: Any, image: Pixels, threshold: float) -> list[Found]:
    [seen] = processor.post_process_instance_segmentation(
        made, threshold=threshold, mask_threshold=EDGE, target_sizes=[image.shape[:2]]
    )
    masks, scores = seen["masks"].bool().cpu(), seen["scores"].tolist()
    return [
        # The score says that it is the object; of the mask's edge SAM 3 has no estimate.
        Found(mask.numpy(), METHOD, None, score, _inside(box, image))
        for mask, score, box in zip(masks, scores, seen["boxes"].tolist(), strict=True)
    ]


def _tokens(tokenizer: Any, words: str) -> tuple[Any, str]:
    whole = len(tokenizer(words, verbose=False)["input_ids"])
    made = tokenizer(
        words, padding="max_length", max_length=WORDS, truncation=True, return_tensors="pt"
    )
    cut = f"the phrase was cut from {whole} to {WORDS} tokens" if whole > WORDS else ""
    return made, cut


def _inside(box: Sequence[float], image: Pixels) -> Box:
    left, top, right, bottom = (round(edge) for edge in box)
    height, width = image.shape[:2]
    return max(0, left), max(0, top), min(width, right), min(height, bottom)
