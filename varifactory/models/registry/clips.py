"""From names in a recipe to CLIP models for embeddings."""

from functools import cache

from varifactory.models import ClipModel
from varifactory.models.registry.local_weights import local_weights
from varifactory.recipe import Recipe


def clip(
    name: str, threads: int, *, device: str = "cpu", dtype: str = "float32", revision: str = "",
    sha256: str = "", key: str = "training.clip",
) -> ClipModel:  # fmt: skip
    """A CLIP or SigLIP for embeddings, loaded once a process.

    Args:
        name: as ``clip.bases.find_base`` knows it.
        threads: of a CPU; part of the identity there.
        device: cpu or cuda; the built-in one stays on the CPU.
        dtype: numbers it computes with.
        revision: of a hub's.
        sha256: of local weights; others are refused; empty for any.
        key: where the recipe has the name, for messages.

    Raises:
        ModelError: no such checkpoint; the message says what to give.
    """
    return _clip(name, threads, device, dtype, revision, sha256, key, local_weights(name))


@cache
def _clip(
    name: str, threads: int, device: str, dtype: str, revision: str, sha256: str, key: str,
    weights: tuple[str, ...],
) -> ClipModel:  # fmt: skip
    from varifactory.models.clip.bases import find_base, is_built_in
    from varifactory.models.clip.embedder import Embedder

    del weights  # another model where other weights lie there
    if is_built_in(name):
        device, dtype = "cpu", "float32"
    base = find_base(name, revision=revision, sha256=sha256, key=key)
    return Embedder(base, threads=threads, device=device, dtype=dtype)


def training_clip(recipe: Recipe) -> ClipModel:
    """The CLIP of ``recipe.training`` as it is before training, for embeddings."""
    training = recipe.training
    return clip(
        training.clip, recipe.run.threads, device=recipe.run.device,
        revision=training.clip_revision, sha256=training.clip_sha256,
    )  # fmt: skip


def encoder(recipe: Recipe) -> ClipModel:
    """The CLIP that a study embeds pictures with.

    Raises:
        ModelError: no such checkpoint; the message says what to give.
    """
    if not recipe.study.encoder:
        return training_clip(recipe)
    return clip(
        recipe.study.encoder, recipe.run.threads, device=recipe.run.device, key="study.encoder"
    )
