"""From ``recipe.verdicts`` to who judges."""

from functools import cache

from varifactory.images import decode_mask, decode_png
from varifactory.models import Judge
from varifactory.models.registry.clips import clip
from varifactory.models.registry.naming import unknown
from varifactory.recipe import Recipe

JUDGES = ("measured",)

Exemplar = tuple[str, str, str, str, str]
"""Of a real training image: pixel hash, class name, mask hash, image blob, mask blob."""


def judge(recipe: Recipe, exemplars: tuple[Exemplar, ...], store: str, *, name: str = "") -> Judge:
    """Who judges, with the real training images it may know classes from.

    Raises:
        ModelError: for a name that is none of ``JUDGES``.
    """
    name = name or recipe.verdicts.judge
    if name not in JUDGES:
        raise unknown("verdicts.judge", name, JUDGES)
    world = recipe.sources.kind == "world"
    return _judge(recipe.training.clip, recipe.run.threads, world, exemplars, store)


@cache
def _judge(
    clip_name: str, threads: int, world: bool, exemplars: tuple[Exemplar, ...], store: str
) -> Judge:
    from varifactory.judge import MeasuredJudge, Prototypes, load_references
    from varifactory.loading import read_blob
    from varifactory.store import Store

    images = {pixels: image for pixels, _, _, image, _ in exemplars}
    masks = {mask: blob for _, _, mask, _, blob in exemplars}
    prototypes = Prototypes(
        clip(clip_name, threads),
        [(pixels, label, mask) for pixels, label, mask, _, _ in exemplars],
        lambda pixels: decode_png(read_blob(Store(store), images[pixels])),
        lambda mask: decode_mask(read_blob(Store(store), masks[mask])),
    )
    return MeasuredJudge(load_references() if world else None, prototypes)
