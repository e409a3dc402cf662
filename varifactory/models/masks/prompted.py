"""A segmenter made of who says where to look and who draws the mask there."""

from collections.abc import Sequence

from varifactory.models import Identity, Pixels, Segmentation
from varifactory.models.masks.choosing import Found, chosen, nothing
from varifactory.models.masks.prompting import Pointer, Promptable, Shown


class Prompted:
    """A ``Segmenter``: prompts -> masks -> the one that the rule takes."""

    def __init__(
        self, model: Promptable, pointer: Pointer, *, multimask: bool = False, rule: str
    ) -> None:
        self._model = model
        self._pointer = pointer
        self._multimask = multimask
        self._rule = rule

    @property
    def identity(self) -> Identity:
        many = {"multimask": True} if self._multimask else {}
        rule = {"choose": self._rule} if self._multimask or self._pointer.several else {}
        return {**self._model.identity, **self._pointer.identity, **many, **rule}

    def segment(self, images: Sequence[Pixels], class_names: Sequence[str]) -> list[Segmentation]:
        shown = self._pointer.show(images, class_names)
        wanted = [place for place, one in enumerate(shown) if one.prompts]
        drawn = self._model.draw(
            [images[place] for place in wanted],
            [shown[place] for place in wanted],
            multimask=self._multimask,
        )
        by_place = dict(zip(wanted, drawn, strict=True))
        method = f"{self._pointer.method}+{self._model.method}"
        made = []
        for place, (image, one) in enumerate(zip(images, shown, strict=True)):
            found = [
                Found(mask, method, score, prompt.score, prompt.box)
                for mask, score, prompt in by_place.get(place, [])
            ]
            made.append(self._one(image, one, found, method))
        return made

    def _one(self, image: Pixels, shown: Shown, found: list[Found], method: str) -> Segmentation:
        if not found:
            return nothing(image.shape, self._pointer.method, shown.note)
        return chosen(found, self._rule, method, shown.note)
