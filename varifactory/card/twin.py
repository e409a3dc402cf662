"""The card of a data set for programs: ``card.json`` beside ``card.md``, and how it is read."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pyarrow as pa
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from varifactory.errors import FactoryError
from varifactory.history.commands import CARD, TWIN, checked
from varifactory.history.costs import Cost
from varifactory.history.models_used import ModelNote
from varifactory.history.rates import Rate, passed, refused
from varifactory.history.versions import title
from varifactory.statistics import Interval
from varifactory.store import Manifest
from varifactory.yields import edits_of, foreign_of, unchanged_of, yields

FORMAT = 1
LARGEST = 16 * 2**20
"""Bytes of a card that is read; far above any."""


class CardTwin(BaseModel):
    """What a card tells, checked: it may come from anywhere."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    format: int = Field(ge=1, le=FORMAT)
    name: str = Field(min_length=1, max_length=200)
    version: int = Field(ge=1)
    dataset_hash: str = Field(min_length=8, max_length=128)
    recipe_fingerprint: str
    store: str = Field(max_length=4096)
    run: str = ""
    recipe: dict[str, Any]
    specs: dict[str, dict[str, Any]] = {}
    """``stage/spec`` -> fields: with which models the version was made."""

    @property
    def title(self) -> str:
        """``NAME@VERSION``."""
        return f"{self.name}@{self.version}"


def twin(
    manifest: Manifest,
    items: pa.Table,
    *,
    store: str,
    specs: Mapping[str, Mapping[str, Any]],
    models: Sequence[ModelNote],
    costs: Sequence[Cost] = (),
    commands: Sequence[str] = (),
    made_on: Sequence[Mapping[str, Any]] = (),
    seeds: Mapping[str, Any] | None = None,
    limits: Sequence[str] = (),
    confidence: float = 0.95,
) -> bytes:
    """The same figures as the card's, as one JSON object; intervals as estimate, low and high."""
    edits = edits_of(items)
    found: dict[str, Any] = {
        "format": FORMAT,
        "name": manifest.name,
        "version": manifest.version,
        "dataset_hash": manifest.dataset_hash,
        "recipe_fingerprint": manifest.recipe_fingerprint,
        "store": store,
        "run": manifest.run_id,
        "actor": manifest.actor,
        "created_at": manifest.created_at.isoformat(),
        "note": manifest.note,
        "confidence": confidence,
        "counts": manifest.counts,
        "foreign": dict(Counter(row["status"] for row in foreign_of(items))),
        "yields": [_yield(row) for row in yields(edits, confidence)],
        "filters": [_rate(rate) for rate in passed(manifest.counts, confidence)],
        "unchanged": dict(Counter(row["status"] for row in unchanged_of(items))),
        "refused": [_rate(rate) for rate in refused(edits, confidence)],
        "models": [asdict(model) | {"pinned": model.pinned} for model in models],
        "costs": [asdict(cost) for cost in costs],
        "made_on": list(made_on),
        "seeds": dict(seeds or {}),
        "limits": list(limits),
        "commands": {"again": list(commands), "check": checked(title(manifest), store)},
        "recipe": dict(manifest.recipe),
        "specs": {name: dict(fields) for name, fields in specs.items()},
    }
    return json.dumps(found, indent=1, ensure_ascii=False, default=str).encode()


def _rate(rate: Rate) -> dict[str, Any]:
    return {"name": rate.name, "what": rate.what, "items": rate.passed, "of": rate.total,
            "share": _interval(rate.share)}  # fmt: skip


def _yield(row: Any) -> dict[str, Any]:
    return {"attribute": row.attribute, "feasibility": row.feasibility, "editor": row.editor,
            "statuses": row.statuses, "surplus": row.surplus, "reasons": row.reasons,
            "accepted": _interval(row.accepted)}  # fmt: skip


def _interval(interval: Interval) -> dict[str, float]:
    return {"estimate": interval.estimate, "low": interval.low, "high": interval.high}


def read_twin(path: str) -> CardTwin:
    """The card in a file: ``card.json``, or ``card.md`` with that beside it.

    Raises:
        FactoryError: no such file, or it is no card of this version of varifactory.
    """
    place = Path(path).expanduser()
    place = place / CARD if place.is_dir() else place
    file = place.with_suffix(Path(TWIN).suffix) if place.suffix == Path(CARD).suffix else place
    try:
        if file.stat().st_size > LARGEST:
            raise FactoryError(f"{file} has more than {LARGEST >> 20} MB: it is no card")
        return CardTwin.model_validate_json(file.read_bytes())
    except OSError as error:
        beside = f" ({place.name} is read with the {TWIN} beside it)" if file != place else ""
        raise FactoryError(f"{file}: {error.strerror or error}{beside}") from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the file"
        raise FactoryError(f"{file} is no card: {where}: {first['msg']}") from None
