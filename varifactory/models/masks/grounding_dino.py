"""Boxes from the class name: Grounding DINO, and MM Grounding DINO, through transformers."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from varifactory.models import Identity, Pixels
from varifactory.models.accelerator import ready
from varifactory.models.checkpoints import Found
from varifactory.models.masks.phrases import no_words, phrase
from varifactory.models.masks.pretrained import identity_of, load
from varifactory.models.masks.prompting import Box, Prompt, Shown
from varifactory.models.masks.running import compute_in, one_by_one, prepared_ahead
from varifactory.models.residency import Resident

if TYPE_CHECKING:
    import torch

USUAL = "IDEA-Research/grounding-dino-base"
KINDS = ("grounding-dino", "mm-grounding-dino")


class GroundingDino:
    """A ``Pointer``: the boxes in which it sees what the phrase says, best first.

    Images are looked at alone: in a batch they are padded to the largest, and a box would depend
    on the others.
    """

    method = "grounding-dino"
    several = True

    def __init__(
        self,
        found: Found,
        *,
        template: str,
        threshold: float,
        max_boxes: int,
        device: str,
        threads: int,
    ) -> None:
        self._found, self._device, self._threads = found, device, threads
        self._template, self._threshold, self._max_boxes = template, threshold, max_boxes
        self.model = Resident("grounding-dino", self._load)

    @property
    def identity(self) -> Identity:
        own = {
            **identity_of(self.method, self._found, self._device, self._threads),
            "phrase": self._template,
            "threshold": self._threshold,
            "max_boxes": self._max_boxes,
        }
        told = {f"detector {field}": value for field, value in own.items()}
        return {"prompt": self.method, **told, "reads_class_name": True}

    def show(self, images: Sequence[Pixels], class_names: Sequence[str]) -> list[Shown]:
        with self.model.use() as (model, processor, place):

            def one(work: tuple[tuple[Pixels, str], Any]) -> Shown:
                (image, name), planes = work
                words = sentence(self._template, name)
                if not words:
                    return Shown((), no_words(name))
                text = _tokens(processor.tokenizer, words, model.config.max_text_len).to(place)
                made = model(**planes.to(place), **text)
                size = [image.shape[:2]]
                [seen] = processor.post_process_grounded_object_detection(
                    made, text["input_ids"], threshold=self._threshold, target_sizes=size
                )
                boxes = _boxes(seen["scores"].tolist(), seen["boxes"].tolist(), image)
                return self._shown(words, boxes, float(made.logits.sigmoid().max()))

            both = list(zip(images, class_names, strict=True))
            pictures = processor.image_processor
            return one_by_one(prepared_ahead(both, lambda work: _planes(pictures, work[0])), one)

    def _shown(self, words: str, above: list[tuple[float, Box]], best: float) -> Shown:
        if not above:
            limit = f"masks.detector.threshold {self._threshold:g}"
            return Shown((), f"no box of {words!r} above {limit}; the best had {best:g}")
        kept = above[: self._max_boxes]
        left_out = f"{len(above) - len(kept)} more left out by masks.detector.max_boxes"
        return Shown(
            tuple(Prompt(box=box, score=score) for score, box in kept),
            left_out if len(above) > len(kept) else "",
        )

    def _load(self) -> tuple[Any, Any, "torch.device"]:
        place, dtype = ready(self._device, self._found.dtype, self._found.key)
        model, processor = load(
            self._found, "AutoModelForZeroShotObjectDetection", "AutoProcessor", KINDS
        )
        compute_in(model.model.backbone, dtype)
        return model.to(place), processor, place


def sentence(template: str, class_name: str) -> str:
    """The phrase as the model was trained on: lower case, one sentence; empty without words.

    A full stop inside would divide it into two objects.
    """
    words = " ".join(phrase(template, class_name).lower().replace(".", " ").split())
    return f"{words}." if words else ""


def _planes(pictures: Any, image: Pixels) -> Any:
    # Told, not guessed: a picture of three rows looks like channels first.
    # Copied: what the store decodes is read-only, which torch warns of.
    return pictures(images=[image.copy()], input_data_format="channels_last", return_tensors="pt")


def _tokens(tokenizer: Any, words: str, longest: int) -> Any:
    """As the model's processor makes them; never beside another use of the same tokenizer."""
    return tokenizer(
        [words],
        return_token_type_ids=True,
        truncation=True,
        max_length=longest,
        return_tensors="pt",
    )


def _boxes(scores: list[float], boxes: list[list[float]], image: Pixels) -> list[tuple[float, Box]]:
    """Those of at least a pixel with their scores, best first."""
    found = [(score, _inside(box, image)) for score, box in zip(scores, boxes, strict=True)]
    real = [one for one in found if one[1][0] < one[1][2] and one[1][1] < one[1][3]]
    return sorted(real, key=lambda one: -one[0])


def _inside(box: Sequence[float], image: Pixels) -> Box:
    left, top, right, bottom = (round(edge) for edge in box)
    height, width = image.shape[:2]
    return max(0, left), max(0, top), min(width, right), min(height, bottom)
