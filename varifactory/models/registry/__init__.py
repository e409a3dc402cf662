"""From the names in a recipe to models. Building one loads nothing; its first use does."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

from varifactory.models import Identity, accelerator
from varifactory.models.registry.adapters import tuner
from varifactory.models.registry.clips import clip, encoder
from varifactory.models.registry.costs import PAID, expected_costs, known_spent, paid
from varifactory.models.registry.editors import EDITORS, inpainter
from varifactory.models.registry.judges import JUDGES, Exemplar, judge
from varifactory.models.registry.segmenters import SEGMENTERS, segmenter
from varifactory.models.registry.senses import sense_teller
from varifactory.models.registry.trainees import trainee
from varifactory.models.registry.writers import writer
from varifactory.recipe import Recipe

__all__ = [
    "EDITORS", "JUDGES", "PAID", "SEGMENTERS", "Exemplar", "cards", "clip", "encoder",
    "expected_costs", "find_all", "inpainter", "judge", "known_spent", "on_card", "paid",
    "segmenter", "sense_teller", "trainee", "tuner", "where", "writer",
]  # fmt: skip


class HasIdentity(Protocol):
    """Any model."""

    @property
    def identity(self) -> Identity: ...


def find_all(recipe: Recipe, *, trains: bool) -> None:
    """Find every model that a recipe names; nothing is loaded.

    Asked before a run makes anything, so that a wrong name in its last stage costs no hours.

    Args:
        recipe: of the run.
        trains: whether its trainees are trained, too.

    Raises:
        ModelError: the first that is not there, or not what the recipe says it is.
    """
    edits, verdicts = recipe.edits, recipe.verdicts
    writer(recipe)
    segmenter(recipe)
    if recipe.adaptation.scope != "none":
        tuner(recipe)
    for editor in (edits.editor, *([edits.compare.editor] if edits.compare.count else [])):
        inpainter(recipe, editor)
    for name in (verdicts.judge, *verdicts.panel):
        if name != "none":
            judge(recipe, (), "", name=name)
    if trains:
        for name in dict.fromkeys((recipe.training.trainee, *recipe.study.trainees)):
            trainee(recipe, name)


BUILT_IN = Path(__file__).parents[1] / "builtin"


def where(recipe: Recipe, model: HasIdentity) -> str:
    """The device a model computes on, by name; of several parts the card's, if any has one."""
    return accelerator.description("cuda" if on_card(recipe, model) else "cpu")


def on_card(recipe: Recipe, model: HasIdentity) -> bool:
    """Whether any part of a model computes on a card.

    Of every part with weights the identity has a dtype (``dtype``, ``clip_dtype``, ``fallback 1
    dtype``), and the threads under the same words in front if it computes on a CPU.
    """
    if recipe.run.device != "cuda":
        return False
    told = model.identity
    parts = [name.removesuffix("dtype") for name in told if name.endswith("dtype")]
    return any(f"{part}threads" not in told for part in parts)


def cards(names: Sequence[str]) -> list[dict[str, Any]]:
    """The cards of those names that are built-in models with weights."""
    paths = [BUILT_IN / name / "card.json" for name in names]
    return [json.loads(path.read_text(encoding="utf-8")) for path in paths if path.is_file()]
