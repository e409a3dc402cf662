"""From ``recipe.training`` to CLIP models: for embeddings, and to be trained."""

from functools import cache

from varifactory.models import ClipModel, Trainee
from varifactory.recipe import Recipe


@cache
def clip(name: str, threads: int) -> ClipModel:
    """A CLIP model for embeddings, by the name ``clip.find_checkpoint`` knows."""
    from varifactory.models.clip.open_clip import OpenClip

    return OpenClip(name, threads=threads)


def trainee(recipe: Recipe) -> Trainee:
    """A fresh classifier to train: every cell gets its own, so cells may run side by side."""
    from varifactory.models.clip.lora import LoraClip

    return LoraClip(recipe.training.clip, recipe.training.template, threads=recipe.run.threads)
