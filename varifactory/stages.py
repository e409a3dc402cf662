"""What passes between a stage and the store: planned rows in, made rows and blobs out."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    from varifactory.store import Store

Row = dict[str, Any]
"""A row of a stage's table (``records.STAGES``): a planned one holds its key and its inputs."""


Read = TypeVar("Read")
Drawn = TypeVar("Drawn")


@dataclass(frozen=True, slots=True)
class Work(Generic[Read, Drawn]):
    """How a batch is made, in the three steps that may overlap with those of other batches.

    Only ``draw`` may use a model. It is called in order by one thread; where ``finish`` failed,
    once more item by item by the thread that keeps.
    """

    read: "Callable[[list[Row], Store], Read]"
    draw: Callable[[list[Row], Read], Drawn]
    finish: "Callable[[list[Row], Drawn], list[Made]]"
    """Pastes, measures, encodes: what needs no model."""


@dataclass(frozen=True, slots=True)
class Made:
    """What became of one item.

    ``row`` is the planned row with ``status`` and the stage's measures filled in; ``blobs`` maps
    a column ``<what>_blob`` to the bytes that the store will keep and name there (PNG for images
    and masks, safetensors for weights).
    """

    row: Row
    blobs: Mapping[str, bytes] = field(default_factory=dict)


def accepted(rows: Iterable[Row]) -> list[Row]:
    """The rows whose status is ``ok``."""
    return [row for row in rows if row["status"] == "ok"]


def failed(row: Row, error: BaseException) -> Made:
    """The item as failed, with its error: kept in the table, tried again by the next run."""
    return Made(
        {**row, "status": "failed", "reason": str(error)[:500], "error_type": type(error).__name__}
    )
