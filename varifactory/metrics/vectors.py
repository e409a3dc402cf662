"""What all metrics take: rows of vectors, and work in chunks that memory holds."""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]
Numbers = NDArray[np.float64]
Flags = NDArray[np.bool_]
Places = NDArray[np.int64]


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


def in_threads(work: Callable[[slice], None], count: int, step: int) -> None:
    """Do ``work`` for every slice of ``step`` rows, on as many threads as there are cores.

    Rows are worked on apart, so the outcome is the same with any number of threads.
    """
    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as threads:
        list(threads.map(work, slices(count, step)))


def slices(count: int, step: int) -> Iterator[slice]:
    """Slices of at most ``step`` that cover ``count`` rows."""
    return (slice(start, min(start + step, count)) for start in range(0, count, step))
