"""What all metrics take: rows of vectors."""

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]
Numbers = NDArray[np.float64]
Flags = NDArray[np.bool_]
Places = NDArray[np.int64]


class TooFew(ValueError):
    """Fewer images than a metric can be told of."""


def unit(vectors: Vectors) -> Vectors:
    """The rows at length 1; a row of no length stays as it is."""
    lengths = np.linalg.norm(vectors.astype(np.float64), axis=1, keepdims=True)
    scaled: Vectors = (vectors / np.where(lengths > 0, lengths, 1.0)).astype(np.float32)
    return scaled


def shared_width(*tables: Vectors) -> int:
    """The width that all have.

    Raises:
        ValueError: a table that is not rows of vectors, holds none, or is of another width.
    """
    shapes = [table.shape for table in tables]
    if any(len(shape) != 2 or 0 in shape for shape in shapes) or len({s[1] for s in shapes}) > 1:
        raise ValueError(f"shapes {shapes}: give (n, width) each, of one width, at least one row")
    return int(shapes[0][1])


def by_source(own: Places) -> Places:
    """(n,) numbers that only images of one source share; one of none (-1) has its own."""
    return np.where(own >= 0, own, own.max(initial=-1) + 1 + np.arange(len(own)))


def pairs_of(*tables: Vectors) -> None:
    """Refuse a table of a single row, which has no spread.

    Raises:
        TooFew: a single row.
        ValueError: where ``shared_width`` raises it.
    """
    shared_width(*tables)
    counts = [len(table) for table in tables]
    if min(counts) < 2:
        raise TooFew(f"images {counts}: give at least 2 of each")
