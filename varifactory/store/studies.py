"""Studies in the store: which cells were compared, on which data sets, under which plan."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, field_validator

from varifactory.store import names

REGISTERED_AT = "registered_at"
"""Field of a plan that says when it was settled: no part of what was settled."""
_PLACES = {"name", "version"}
"""Fields of a cell that only say where its images lie: the data set's hash says what they are."""


class StudyCell(BaseModel):
    """One cell of the grid: its factors, and where its row and predictions lie."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    dataset: str = ""
    sweep: str = ""
    trainee: str
    augmentation: str = ""
    attribute: str = ""
    per_source: int = 0
    schedule: str = ""
    arm: str
    generation_seed: int | None = None
    seed: int
    name: str
    """Data set and version that its images are of."""
    version: int = Field(ge=1)
    spec: str
    key: str
    """In the stage ``training``; predictions have the same spec and name it as training_key."""
    status: str = "ok"
    """Of its training row; one that failed is listed, so that no other cell takes its place."""
    result: str = ""
    """Hash of what came out, which the store fills in: a cell that was trained again and came out
    otherwise is no longer the one that was compared."""

    @field_validator("name", "spec")
    @classmethod
    def _is_plain(cls, value: str) -> str:
        return names.plain("data set or spec", value)


class StudyManifest(BaseModel):
    """The last-written file of a study version; ``studies/<name>/<version>.json``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    version: int = Field(ge=1)
    created_at: AwareDatetime
    actor: str
    run_id: str
    recipe: dict[str, Any]
    plan: dict[str, Any]
    """Margin, resolve, power, confidence, registered_at."""
    datasets: tuple[dict[str, Any], ...]
    """name, version, dataset_hash, and of the variant: dataset, sweep, generation_seed."""
    cells: tuple[StudyCell, ...]
    specs: dict[str, dict[str, Any]]
    """``stage/spec`` -> fields, of training and embeddings: what gc keeps for it."""
    provenance: dict[str, Any]
    """Versions, models, hashes, card-hours, costs."""
    study_hash: str
    """Of data set hashes, cells and plan: equal studies are one version."""

    @field_validator("name")
    @classmethod
    def _is_plain(cls, value: str) -> str:
        return names.plain("study", value)

    @field_validator("datasets")
    @classmethod
    def _name_versions(cls, value: tuple[dict[str, Any], ...]) -> tuple[dict[str, Any], ...]:
        for one in value:
            names.plain("data set", str(one.get("name", "")))
            names.version_number(one.get("version", ""))
        return value

    def dataset_versions(self) -> set[tuple[str, int]]:
        """The data set versions that its cells are of, and those it tells of."""
        told = {(str(one["name"]), int(one["version"])) for one in self.datasets}
        return told | {(cell.name, cell.version) for cell in self.cells}

    def needed_specs(self) -> set[str]:
        """The specs whose rows its figures rest on."""
        return {cell.spec for cell in self.cells} | {name.rpartition("/")[2] for name in self.specs}


def study_hash(
    datasets: Iterable[Mapping[str, Any]], cells: Iterable[StudyCell], plan: Mapping[str, Any]
) -> str:
    """Hash of the data sets' hashes, the sorted cells and the plan; not of when or by whom.

    ``datasets`` are as a manifest holds them.
    """
    content = {
        "datasets": sorted({str(one["dataset_hash"]) for one in datasets}),
        "cells": sorted(_json(cell.model_dump(mode="json", exclude=_PLACES)) for cell in cells),
        "plan": settled(plan),
    }
    return hashlib.sha256(_json(content).encode()).hexdigest()


def plan_hash(plan: Mapping[str, Any]) -> str:
    """Hash of what a plan settles."""
    return hashlib.sha256(_json(settled(plan)).encode()).hexdigest()


def settled(plan: Mapping[str, Any]) -> dict[str, Any]:
    """A plan without the time at which it was registered."""
    return {name: value for name, value in plan.items() if name != REGISTERED_AT}


def _json(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"))
