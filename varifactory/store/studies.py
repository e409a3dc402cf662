"""Studies in the store: which cells were compared, on which data sets, under which plan."""

from typing import Any

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field


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
    generation_seed: int = 0
    seed: int
    name: str
    """Data set and version that its images are of."""
    version: int = Field(ge=1)
    spec: str
    key: str
    """In the stage ``training``; predictions have the same spec and name it as training_key."""


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
