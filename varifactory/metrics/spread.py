"""How different the images of one set are from each other. Vectors of length 1."""

import numpy as np

from varifactory.metrics.vectors import Numbers, Vectors, shared_width

LEAST = 1e-12
"""Eigenvalues below are none: rounding leaves them slightly off zero, on either side."""


def pairwise_distance(vectors: Vectors) -> float:
    """Mean cosine distance of all pairs, 0 to 2.

    All pairs in one pass: the length of the vectors' sum holds the sum of their products.

    Raises:
        ValueError: fewer than 2 rows.
    """
    shared_width(vectors)
    count = len(vectors)
    if count < 2:
        raise ValueError(f"{count} image has no pair: give at least 2")
    total = vectors.sum(axis=0, dtype=np.float64)
    return float(1 - (total @ total - count) / (count * (count - 1)))


def vendi(vectors: Vectors) -> float:
    """How many wholly different images these are worth: 1, all alike, to their number.

    The Vendi score (Friedman and Dieng, 2022) with the cosine as kernel: the exponential of the
    entropy of the kernel's eigenvalues. It grows with the number of images, and with images that
    show something else: compare equal numbers, never without precision.
    """
    shared_width(vectors)
    return _entropy_number(_spectrum(vectors.astype(np.float64)))


def effective_rank(vectors: Vectors) -> float:
    """How many directions the vectors spread in: 1 to their width or number less one.

    Roy and Vetterli (2007), of the covariance: the exponential of the entropy of its eigenvalues.
    0 where nothing varies.
    """
    shared_width(vectors)
    return _entropy_number(_spectrum(vectors - vectors.mean(axis=0, dtype=np.float64)))


def variance_along(vectors: Vectors, text: Vectors) -> tuple[float, float]:
    """Variance along a text's direction, and the sum of it over all directions square to that.

    What a prompt says varies along its text; pose, light and style vary square to it.

    Args:
        vectors: (n, width).
        text: (width,), of any length but none.

    Raises:
        ValueError: a text of another width or of no length.
    """
    width = shared_width(vectors)
    length = float(np.linalg.norm(text.astype(np.float64)))
    if text.shape != (width,) or length == 0:
        raise ValueError(f"a text of shape {text.shape}, length {length:g}: give ({width},), not 0")
    wide = vectors.astype(np.float64)
    along = float((wide @ (text / length)).var())
    return along, max(0.0, float(wide.var(axis=0).sum()) - along)


def _spectrum(vectors: Numbers) -> Numbers:
    """Eigenvalues of the rows' second moment, through the smaller of both products."""
    short = len(vectors) <= vectors.shape[1]
    products = vectors @ vectors.T if short else vectors.T @ vectors
    found: Numbers = np.linalg.eigvalsh(products / len(vectors))
    return found


def _entropy_number(values: Numbers) -> float:
    shares = values[values > LEAST]
    if not len(shares):
        return 0.0
    # Of a kernel they add up to 1 already; of a covariance to its trace.
    shares = shares / shares.sum()
    return float(np.exp(-(shares * np.log(shares)).sum()))
