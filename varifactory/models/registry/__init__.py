"""From the names in a recipe to models. Building one loads nothing; its first use does."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

from varifactory.models import Identity, accelerator
from varifactory.models.registry.adapters import tuner
from varifactory.models.registry.clips import clip, trainee
from varifactory.models.registry.costs import PAID, expected_costs, known_spent, paid
from varifactory.models.registry.editors import EDITORS, inpainter
from varifactory.models.registry.judges import JUDGES, Exemplar, judge
from varifactory.models.registry.segmenters import SEGMENTERS, segmenter
from varifactory.models.registry.writers import writer
from varifactory.recipe import Recipe

__all__ = [
    "EDITORS", "JUDGES", "PAID", "SEGMENTERS", "Exemplar", "cards", "clip", "expected_costs",
    "inpainter", "judge", "known_spent", "paid", "segmenter", "trainee", "tuner", "where", "writer",
]  # fmt: skip


class HasIdentity(Protocol):
    """Any model."""

    @property
    def identity(self) -> Identity: ...


BUILT_IN = Path(__file__).parents[1] / "builtin"


def where(recipe: Recipe, model: HasIdentity) -> str:
    """The device a model computes on, by name: large ones follow ``run.device``.

    What computes on a CPU has its threads in its identity; what has a dtype and none is on a card.
    """
    identity = model.identity
    on_card = "dtype" in identity and "threads" not in identity
    return accelerator.description(recipe.run.device if on_card else "cpu")


def cards(names: Sequence[str]) -> list[dict[str, Any]]:
    """The cards of those names that are built-in models with weights."""
    paths = [BUILT_IN / name / "card.json" for name in names]
    return [json.loads(path.read_text(encoding="utf-8")) for path in paths if path.is_file()]
