"""From ``recipe.masks`` to who finds the object."""

from functools import cache

from varifactory.models import Segmenter
from varifactory.models.registry.naming import unknown
from varifactory.recipe import Recipe

SEGMENTERS = ("small-sam", "grabcut-saliency", "grabcut-box")


def segmenter(recipe: Recipe) -> Segmenter:
    """Who finds the object.

    Raises:
        ModelError: for a name that is none of ``SEGMENTERS``.
    """
    return _segmenter(recipe.masks.segmenter, recipe.run.threads)


@cache
def _segmenter(name: str, threads: int) -> Segmenter:
    if name == "small-sam":
        from varifactory.models.masks.sam import SmallSam

        return SmallSam(threads=threads)
    if name in SEGMENTERS:
        from varifactory.grabcut import GrabCut

        return GrabCut("saliency" if name == "grabcut-saliency" else "box")
    raise unknown("masks.segmenter", name, SEGMENTERS)
