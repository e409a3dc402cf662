"""The card of a version, its twin for programs and its recipe, written beside it in the store."""

from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from varifactory.calibration.figures import CalibrationFigures
from varifactory.card.rendering import known_limits, render_card, seeds
from varifactory.card.twin import twin
from varifactory.datasets import Dataset
from varifactory.history.commands import CARD, RECIPE, TWIN, again, left_out, taken_in
from varifactory.history.costs import costs
from varifactory.history.ledger import Ledger
from varifactory.history.models_used import Card, model_notes
from varifactory.history.provenance import made_on
from varifactory.history.versions import title
from varifactory.recipe import Recipe
from varifactory.statistics.kappa import Kappa


def write_card(
    data: Dataset,
    specs: Mapping[str, Mapping[str, Any]],
    recipe: Recipe,
    *,
    cards: Sequence[Card] = (),
    machinery: bool = False,
    judges: Sequence[Kappa] = (),
    people: CalibrationFigures | None = None,
) -> str:
    """Write ``card.md``, ``card.json`` and ``recipe.yaml`` of a version; the card's text.

    Args:
        data: the version, opened.
        specs: ``stage/spec`` -> fields, of the run that made it.
        recipe: of that run: how sure intervals are, and what a card costs an hour.
        cards: of the built-in models.
        machinery: the sources are the built-in drawn world.
        judges: how far the judges of a panel agree.
        people: what people's labels of a sample say of the judge.
    """
    manifest, store, items = data.manifest, data.store, data.table()
    ledger, models = Ledger(store), model_notes(specs, cards)
    where, record = address(data), ledger.run(manifest.run_id)
    shared: dict[str, Any] = {
        "models": models,
        "commands": taken_in(record, where)
        or left_out(record, where)
        or again(title(manifest), where),
        "costs": costs(ledger, items, specs, manifest.run_id),
        "made_on": made_on(ledger.named("edits", "key", items["edit_key"])),
        "confidence": recipe.report.confidence,
    }
    card = render_card(
        manifest, items, store_url=where, machinery=machinery, judges=judges, people=people,
        gpu_hour=recipe.prices.gpu_hour, **shared,
    )  # fmt: skip
    told = twin(
        manifest, items, store=where, specs=specs, seeds=seeds(manifest.recipe),
        limits=known_limits(items, machinery, models), **shared,
    )  # fmt: skip
    for name, page in ((RECIPE, as_yaml(manifest.recipe)), (TWIN, told), (CARD, card.encode())):
        store.put_export(manifest.name, manifest.version, name, page)
    return card


def address(data: Dataset) -> str:
    """The store as anybody on this machine opens it: a folder from the root, or its URL."""
    return data.store.backend.show("").rstrip("/")


def as_yaml(recipe: Mapping[str, Any]) -> bytes:
    """A recipe as its file holds it, every key told."""
    return yaml.safe_dump(dict(recipe), sort_keys=False, allow_unicode=True).encode()
