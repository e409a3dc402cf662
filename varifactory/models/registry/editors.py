"""From ``recipe.edits`` to who makes the edits."""

from functools import cache

from varifactory.models import Inpainter
from varifactory.models.registry.naming import unknown
from varifactory.recipe import Recipe

EDITORS = ("compositor", "small-diffusion")


def inpainter(recipe: Recipe, editor: str) -> Inpainter:
    """Who makes the edits.

    Raises:
        ModelError: for a name that is none of ``EDITORS``.
    """
    edits = recipe.edits
    return _inpainter(editor, edits.steps, edits.guidance, recipe.run.threads)


@cache
def _inpainter(editor: str, steps: int, guidance: float, threads: int) -> Inpainter:
    if editor == "compositor":
        from varifactory.compositor import Compositor

        return Compositor()
    if editor == "small-diffusion":
        from varifactory.models.edits.diffusion import SmallDiffusion

        return SmallDiffusion(steps=steps, guidance=guidance, threads=threads)
    raise unknown("edits.editor", editor, EDITORS)
