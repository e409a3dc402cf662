"""A judge that is CLIP alone: how likely each class and each value is, by likeness to words."""

import threading
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from varifactory.catalog import Attribute
from varifactory.models import Answer, ClipModel, Identity, JudgeCase, Pixels
from varifactory.models.verdicts.questions import Box, object_box

VERSION = 1
"""Raised when what is compared with which words changes."""
THING = "object"
"""Stands in a value's words for the class, which this judge is not told."""
ROOM = 0.15
"""Around an object whose surface is judged, of its longer side: its outline helps to know it."""

Vectors = NDArray[np.float32]


class ClipJudge:
    """Meets ``varifactory.models.Judge``: zero-shot posteriors, no training, no reference images.

    Scores are a softmax of cosines times the model's own logit scale, the temperature it was
    trained with. Classes are told from the whole picture and ``template``; values from the
    attribute's templates, averaged, and for the object's own attributes from its crop, or the whole
    picture where the object's place is not known. A posterior
    has no "none of these": what is shown is taken for the likest choice.
    """

    def __init__(self, clip: ClipModel, template: str) -> None:
        """``template`` holds ``{class_name}``, as ``training.template``."""
        self._clip, self._template = clip, template
        self._known: dict[tuple[str, ...], Vectors] = {}
        self._lock = threading.Lock()

    @property
    def identity(self) -> Identity:
        return {
            "name": "clip",
            "version": VERSION,
            "template": self._template,
            "reads_choices": True,
            **{f"clip_{name}": value for name, value in self._clip.identity.items()},
        }

    def judge(self, cases: Sequence[JudgeCase]) -> list[Answer]:
        """Posteriors; values are the catalog's where the run names none."""
        if not cases:
            return []
        whole = self._clip.embed_images([case.image for case in cases])
        near = self._near(cases)
        return [
            self._answer(case, picture, near.get(place, picture))
            for place, (case, picture) in enumerate(zip(cases, whole, strict=True))
        ]

    def _near(self, cases: Sequence[JudgeCase]) -> dict[int, Vectors]:
        """Place -> vector of the object's crop, for attributes of the object."""
        crops = {
            place: object_crop(case.image, box)
            for place, case in enumerate(cases)
            if case.attribute.region == "object" and (box := object_box(case.object_mask))
        }
        if not crops:
            return {}
        return dict(zip(crops, self._clip.embed_images(list(crops.values())), strict=True))

    def _answer(self, case: JudgeCase, whole: Vectors, near: Vectors) -> Answer:
        scale = self._clip.logit_scale
        values = case.values or tuple(case.attribute.values)
        of_values = self._values(case.attribute, values) @ near
        of_classes = self._classes(case.class_names) @ whole if case.class_names else np.zeros(0)
        return Answer(
            values=dict(zip(values, softmax(of_values * scale), strict=True)),
            classes=dict(zip(case.class_names, softmax(of_classes * scale), strict=True)),
            raw={
                "by": "clip",
                "logit_scale": round(scale, 4),
                "best_value_cosine": _best(of_values),
                "best_class_cosine": _best(of_classes),
            },
        )

    def _classes(self, names: Sequence[str]) -> Vectors:
        return self._texts([self._template.replace("{class_name}", name) for name in names])

    def _values(self, attribute: Attribute, values: Sequence[str]) -> Vectors:
        """A value's vector: the mean over the attribute's templates, unit length again."""
        count = len(attribute.templates)
        texts = [
            attribute.render(index, THING, _phrase(attribute, value))
            for value in values
            for index in range(count)
        ]
        means = self._texts(texts).reshape(len(values), count, -1).mean(axis=1)
        unit: Vectors = means / np.linalg.norm(means, axis=1, keepdims=True)
        return unit

    def _texts(self, texts: Sequence[str]) -> Vectors:
        """Embedded once: all cases of an attribute share their choices."""
        key = tuple(texts)
        with self._lock:
            if key not in self._known:
                self._known[key] = self._clip.embed_texts(texts)
            return self._known[key]


def object_crop(image: Pixels, box: Box) -> Pixels:
    """The square around the object's box with a little room, as far as the picture goes."""
    height, width = image.shape[:2]
    left, top, right, bottom = box
    side = min(round(max(right - left, bottom - top) * (1 + 2 * ROOM)), height, width)
    x = min(max(0, (left + right - side) // 2), width - side)
    y = min(max(0, (top + bottom - side) // 2), height - side)
    # An object longer than the picture's short side is cut alike at both ends, as CLIP's own crop.
    return np.ascontiguousarray(image[y : y + side, x : x + side])


def softmax(logits: NDArray[np.floating]) -> list[float]:
    """Probabilities, in double precision; empty for no logits."""
    if not logits.size:
        return []
    shifted = np.exp(np.asarray(logits, np.float64) - float(logits.max()))
    return [float(share) for share in shifted / shifted.sum()]


def _phrase(attribute: Attribute, value: str) -> str:
    return attribute.values[value].phrase if value in attribute.values else value


def _best(cosines: NDArray[np.floating]) -> float | None:
    return round(float(cosines.max()), 4) if cosines.size else None
