"""The built-in judge: it measures pixels, and knows nothing of what was asked for."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from varifactory.catalog import Attribute
from varifactory.judge import colors, surroundings, textures
from varifactory.judge.prototypes import Prototypes
from varifactory.judge.references import Numbers, Reference, References
from varifactory.judge.regions import Plane, object_square
from varifactory.models import Answer, Identity, JudgeCase, Region

VERSION = 1
"""Raised when a description or a score changes for the same picture and references."""

UNPLACED = (
    "the whole picture was made anew: without its object's place neither the object's surface nor "
    "its surroundings can be told"
)

Measured = tuple[Mapping[str, float], Mapping[str, Any]]


class MeasuredJudge:
    """Measures an attribute among all its values, and the class by likeness to real images.

    Args:
        references: what each value measures like; ``load_references()`` for pictures of the drawn
            world. None for photographs: then colours alone are measured, by their distance to the
            catalog's, and everything else is left unsaid.
        prototypes: of the real training images; None leaves the class unsaid.
    """

    def __init__(
        self, references: References | None = None, prototypes: Prototypes | None = None
    ) -> None:
        self._references, self._prototypes = references, prototypes

    @property
    def identity(self) -> Identity:
        return {
            "name": "measured",
            "version": VERSION,
            "references": self._references.sha256 if self._references else None,
            **(self._prototypes.identity if self._prototypes else {"examples": None}),
        }

    def judge(self, cases: Sequence[JudgeCase]) -> list[Answer]:
        """Scores of values and classes; empty where nothing can be said, with the reason in raw.

        Of a case without a mask no value is said, and a class only by prototypes that compare
        whole pictures.
        """
        classes: Sequence[Mapping[str, float]] = [{}] * len(cases)
        if self._prototypes and cases:
            classes = self._prototypes.classify(
                [case.image for case in cases], [case.object_mask for case in cases]
            )
        measured = [self._measure(case) for case in cases]
        return [Answer(values, found, raw)
                for (values, raw), found in zip(measured, classes, strict=True)]  # fmt: skip

    def _measure(self, case: JudgeCase) -> Measured:
        attribute = case.attribute
        if attribute.measure == "none":
            return _nothing("the catalog names no measure for the attribute")
        if case.object_mask is None:
            return _nothing(UNPLACED)
        reference = self._reference(attribute)
        if attribute.measure == "surroundings":
            return _surroundings(case, case.object_mask, reference)
        square = object_square(case.image, case.object_mask)
        if square is None:
            return _nothing("the object is too small to be measured")
        if attribute.measure == "texture":
            return _by_reference(reference, textures.describe(*square), attribute, {})
        return _color(*square, attribute, reference)

    def _reference(self, attribute: Attribute) -> Reference | None:
        if self._references is None:
            return None
        found = self._references.by_attribute.get(attribute.name)
        return found if found and found.measure == attribute.measure else None


def _nothing(why: str) -> Measured:
    return {}, {"by": "nothing", "why": why}


def _by_reference(
    reference: Reference | None, descriptor: Numbers, attribute: Attribute, raw: Mapping[str, Any]
) -> Measured:
    known = _known(reference, attribute)
    if reference is None or len(known) < 2:
        return _nothing(f"no references show the values of {attribute.name!r}")
    return reference.scores(descriptor, known), {"by": "references", **raw}


def _known(reference: Reference | None, attribute: Attribute) -> list[str]:
    return [value for value in attribute.values if reference and value in reference.values]


def _surroundings(case: JudgeCase, mask: Region, reference: Reference | None) -> Measured:
    descriptor = surroundings.describe(case.image, mask)
    if descriptor is None:
        return _nothing("the object leaves too little of its surroundings to be seen")
    return _by_reference(reference, descriptor, case.attribute, {})


def _color(
    square: Plane, inside: Region, attribute: Attribute, reference: Reference | None
) -> Measured:
    middle = [round(float(level), 1) for level in np.median(square[inside], axis=0)]
    if len(_known(reference, attribute)) >= 2:
        descriptor = colors.describe(square, inside)
        return _by_reference(reference, descriptor, attribute, {"lab": middle})
    painted = {name: colors.levels(value.paint["rgb"])
               for name, value in attribute.values.items() if "rgb" in value.paint}  # fmt: skip
    if len(painted) < 2:
        return _nothing(f"no references and no rgb in the catalog for {attribute.name!r}")
    scores = colors.nearest(square, inside, list(painted.values())).tolist()
    return dict(zip(painted, scores, strict=True)), {"by": "catalog", "lab": middle}
