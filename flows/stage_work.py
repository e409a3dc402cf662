"""What a run is asked for of one stage."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from prefect.tasks import Task

from varifactory.stages import Row


@dataclass(frozen=True, slots=True)
class StageWork:
    """The planned rows of a stage, and how they are worked off."""

    work: Task[..., Any]
    """Makes what a shard lacks."""
    stage: str
    spec: str
    fields: Mapping[str, Any]
    """Of the spec."""
    rows: Sequence[Row]
    round: int = 0
    """The same stage may be asked for in several rounds, each with plans of its own."""
    size: int | None = None
    """Rows a shard; None takes the recipe's."""
    together: tuple[str, ...] = ()
    """Columns: rows that agree in them go into one shard."""
    extra: Mapping[str, Any] | None = None
    """Further arguments of the task."""
