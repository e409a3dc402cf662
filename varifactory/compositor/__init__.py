"""The compositor: a classical editor, milliseconds an image, without weights.

It replaces surroundings, recolours, retextures and adjusts tone with the settings (``paint``) that
an attribute's values carry in the catalog. An honest baseline beside a diffusion editor: it can
only paint what the catalog describes. Its painters are its own; nothing is shared with the drawn
world, so that edits are not made by the hand that draws the test images.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from varifactory.compositor.background import replace_background
from varifactory.compositor.recolor import recolor
from varifactory.compositor.retexture import retexture
from varifactory.compositor.tone import adjust_tone
from varifactory.errors import ModelError
from varifactory.models import Identity, InpaintingJob, Pixels

NAME = "compositor"
VERSION = 1
"""Raised when an operation paints something else for the same job."""

Operation = Callable[[InpaintingJob, Mapping[str, Any], np.random.Generator], Pixels]

OPERATIONS: Mapping[str, Operation] = {
    "replace_background": replace_background,
    "recolor": recolor,
    "retexture": retexture,
    "adjust_tone": adjust_tone,
}
"""What an attribute can name under ``editors: {compositor: ...}``."""


class Compositor:
    """Meets ``varifactory.models.Inpainter``; reads the setting ``strength`` alone."""

    @property
    def identity(self) -> Identity:
        return {"name": NAME, "version": VERSION, "settings": "paint,strength"}

    def refusal(self, job: InpaintingJob) -> str:
        """Why a job cannot be done and what to do instead; empty where it can."""
        operation = job.attribute.editors.get(NAME)
        if operation not in OPERATIONS:
            return (
                f"the compositor has no operation {operation!r} (attribute {job.attribute.name!r});"
                f" it has {', '.join(OPERATIONS)}"
            )
        value = job.attribute.value(job.value)
        if value is None or not value.paint:
            return (
                f"the compositor has no paint for value {job.value!r} of attribute "
                f"{job.attribute.name!r}: add a `paint` to the catalog, or use a diffusion editor"
            )
        return ""

    def inpaint(self, jobs: Sequence[InpaintingJob]) -> list[Pixels]:
        """One image a job.

        Raises:
            ModelError: a job that ``refusal`` would have refused, or a paint it cannot follow.
        """
        return [self._edit(job) for job in jobs]

    def _edit(self, job: InpaintingJob) -> Pixels:
        refusal = self.refusal(job)
        if refusal:
            raise ModelError(refusal)
        value = job.attribute.value(job.value)
        assert value is not None, "else it was refused"
        paint = value.paint
        operation = OPERATIONS[job.attribute.editors[NAME]]
        try:
            return operation(job, paint, np.random.default_rng(job.seed))
        except (KeyError, TypeError, ValueError) as error:
            raise ModelError(
                f"the paint of value {job.value!r} of attribute {job.attribute.name!r} cannot be "
                f"followed ({type(error).__name__}: {error}): {dict(paint)!r}"
            ) from error
