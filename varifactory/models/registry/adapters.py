"""From ``recipe.edits`` to who tunes its generator."""

from functools import cache
from typing import Any

from varifactory.errors import ModelError
from varifactory.models.adapters.tuner import LoraTuner
from varifactory.models.tuning import Tuner
from varifactory.recipe import Recipe


def tuner(recipe: Recipe) -> Tuner:
    """Who tunes the generator that ``edits.editor`` makes edits with.

    Raises:
        ModelError: the editor has no generator that can be adapted.
    """
    return _small(recipe.edits.editor, recipe.run.threads)


@cache
def _small(editor: str, threads: int) -> LoraTuner:
    from varifactory.models.builtin.cards import check_weights, read_card
    from varifactory.models.edits.diffusion import BUILT_IN, load_pipeline

    if editor != "small-diffusion":
        raise ModelError(
            f"adaptation.scope asks for adapters, and edits.editor is {editor!r}, which has no "
            "generator that can be adapted: set adaptation.scope=none, or edits.editor to one of "
            "small-diffusion"
        )
    card = read_card(BUILT_IN)

    def load() -> Any:
        check_weights(BUILT_IN, card["sha256"])
        return load_pipeline(BUILT_IN)

    identity = {"name": editor, "weights": card["sha256"], "dtype": "float32", "threads": threads}
    return LoraTuner(identity, load)
