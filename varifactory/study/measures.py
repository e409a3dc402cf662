"""What single edits are, as numbers: for the checks of an arm, and for what tells two arms apart.

What nobody measured is NaN, never zero.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from varifactory.catalog.taxonomy import FEASIBILITIES
from varifactory.embeddings import Embedded
from varifactory.stages import Row

Numbers = NDArray[np.float64]


def _number(value: Any) -> float:
    return np.nan if value is None else float(value)


def _judged(row: Row) -> float:
    judged = row["judged_feasibility"]
    return float(judged == "feasible") if judged in FEASIBILITIES else np.nan


def _equal(row: Row, measured: str, wanted: str) -> float:
    return np.nan if row[measured] is None else float(row[measured] == row[wanted])


MEASURES: Mapping[str, Callable[[Row], float]] = {
    "feasible": _judged,
    "present": lambda row: _equal(row, "measured_value", "value"),
    "presence": lambda row: _number(row["presence"]),
    "class_kept": lambda row: _equal(row, "measured_class", "label"),
    "region_share": lambda row: _number(row["region_share"]),
    "pixel_change": lambda row: _number(row["change_inside"]),
    "forced": lambda row: float(bool(row["forced"])),
}
"""Name of a field of ``figures.Check`` -> its number for one edit."""


@dataclass(frozen=True, slots=True)
class Measured:
    """The edits of one mixture with their numbers; an edit a place in every array."""

    rows: Sequence[Row]
    numbers: Mapping[str, Numbers]
    """Measure -> one number an edit."""
    vectors: NDArray[np.float32] | None
    """(edits, width); None where one of them was not embedded."""

    @classmethod
    def together(cls, parts: Sequence["Measured"]) -> "Measured":
        """The edits of several data sets as one."""
        rows = [row for part in parts for row in part.rows]
        names = parts[0].numbers
        numbers = {name: np.concatenate([part.numbers[name] for part in parts]) for name in names}
        vectors = [part.vectors for part in parts if part.vectors is not None]
        whole = len(vectors) == len(parts)
        return cls(rows, numbers, np.concatenate(vectors) if whole else None)

    @property
    def sources(self) -> NDArray[np.int64]:
        """A number an edit, the same for edits of one source."""
        keys = np.array([row["source_key"] for row in self.rows])
        return np.unique(keys, return_inverse=True)[1].astype(np.int64)

    def by_class(self, of_class: Callable[[NDArray[np.intp]], float]) -> dict[str, float]:
        """Class name -> a number of the places of its edits; classes of one edit have none."""
        labels = np.array([row["label"] for row in self.rows])
        places = {str(label): np.flatnonzero(labels == label) for label in np.unique(labels)}
        return {label: of_class(at) for label, at in places.items() if len(at) > 1}


def measured(
    rows: Sequence[Row], embedded: Embedded | None, source_pixels: Mapping[str, str]
) -> Measured:
    """Measure edits.

    Args:
        rows: items of edits.
        embedded: of edits and their sources, as far as there are any.
        source_pixels: source key -> pixel hash of the source.
    """
    numbers = {
        name: np.array([number(row) for row in rows], dtype=np.float64)
        for name, number in MEASURES.items()
    }
    numbers["embedding_distance"] = np.full(len(rows), np.nan)
    if embedded is None or not len(embedded.vectors):
        return Measured(rows, numbers, None)
    own = embedded.places([row["pixel_sha256"] for row in rows])
    origin = embedded.places([source_pixels.get(row["source_key"], "") for row in rows])
    both = (own >= 0) & (origin >= 0)
    ours, theirs = embedded.vectors[own[both]], embedded.vectors[origin[both]]
    numbers["embedding_distance"][both] = 1 - np.einsum("nw,nw->n", ours, theirs, dtype=np.float64)
    whole = len(rows) > 0 and bool((own >= 0).all())
    return Measured(rows, numbers, embedded.vectors[own] if whole else None)
