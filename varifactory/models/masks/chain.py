"""Fallbacks: where one way finds nothing the next is asked, and every way tried is told."""

from collections.abc import Sequence
from dataclasses import replace

from varifactory.models import Candidate, Identity, Pixels, Segmentation, Segmenter
from varifactory.models.masks.choosing import EMPTY


class Chain:
    """A ``Segmenter``: the first way that finds anything in an image decides its mask.

    Found is what is not empty. Whether a mask is good enough is the gate's to say, later, by
    thresholds that are no part of any key.
    """

    def __init__(self, steps: Sequence[Segmenter]) -> None:
        self._steps = tuple(steps)

    @property
    def identity(self) -> Identity:
        first, *others = (step.identity for step in self._steps)
        reads = any(step.identity.get("reads_class_name", True) for step in self._steps)
        told = {
            f"fallback {number} {field}": value
            for number, each in enumerate(others, start=1)
            for field, value in each.items()
            if field != "reads_class_name"
        }
        return {**first, **told, "reads_class_name": reads}

    def segment(self, images: Sequence[Pixels], class_names: Sequence[str]) -> list[Segmentation]:
        found = self._steps[0].segment(images, class_names)
        for step in self._steps[1:]:
            wanting = [place for place, one in enumerate(found) if not one.mask.any()]
            if not wanting:
                break
            later = step.segment(
                [images[place] for place in wanting], [class_names[place] for place in wanting]
            )
            for place, one in zip(wanting, later, strict=True):
                found[place] = _after(found[place], one)
        return found


def _after(earlier: Segmentation, later: Segmentation) -> Segmentation:
    """``later`` with what was tried before it."""
    said = _reason(earlier)
    if later.mask.any():
        choice = f"fallback, after {said}" + (f"; {later.choice}" if later.choice else "")
        method = later.method
    else:
        choice, method = f"{said}; {_reason(later)}", f"{earlier.method}, {later.method}"
    tried = (*_tried(earlier), *_tried(later))
    return replace(later, method=method, candidates=tried, choice=choice)


def _reason(empty: Segmentation) -> str:
    return empty.choice or f"{empty.method}: {EMPTY}"


def _tried(one: Segmentation) -> tuple[Candidate, ...]:
    if one.candidates:
        return one.candidates
    note = "" if one.mask.any() else EMPTY
    return (Candidate(one.method, one.predicted_iou, float(one.mask.mean()), one.box, note),)
