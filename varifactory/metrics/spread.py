"""How different the images of one set are from each other. Vectors of length 1."""

import numpy as np

from varifactory.metrics.vectors import Numbers, Vectors, pairs_of, shared_width

LEAST = 1e-12
"""Eigenvalues below are none: rounding leaves them slightly off zero, on either side."""


def pairwise_distance(vectors: Vectors) -> float:
    """Mean cosine distance of all pairs, 0 to 2.

    All pairs in one pass: the length of the vectors' sum holds the sum of their products.

    Raises:
        TooFew: fewer than 2 rows.
    """
    pairs_of(vectors)
    count = len(vectors)
    total = vectors.sum(axis=0, dtype=np.float64)
    return float(1 - (total @ total - count) / (count * (count - 1)))


def vendi(vectors: Vectors) -> float:
    """How many wholly different images these are worth: 1, all alike, to their number.

    The Vendi score (Friedman and Dieng, 2022) with the cosine as kernel: the exponential of the
    entropy of the kernel's eigenvalues. It grows with the number of images, and with images that
    show something else: compare equal numbers, never without precision.
    """
    shared_width(vectors)
    return _exponential_entropy(_spectrum(vectors.astype(np.float64)))


def effective_rank(vectors: Vectors) -> float:
    """How many directions the vectors spread in: 1 to the smaller of width and number.

    The exponential of the entropy of the covariance's eigenvalues (Roy and Vetterli, 2007); 0 where
    nothing varies.

    Raises:
        TooFew: fewer than 2 rows.
    """
    pairs_of(vectors)
    found = _spectrum(vectors - vectors.mean(axis=0, dtype=np.float64))
    total = found.sum()
    return _exponential_entropy(found / total) if total > LEAST else 0.0


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
    """Eigenvalues of the rows' second moment, by the smaller of its two forms."""
    short = len(vectors) <= vectors.shape[1]
    products = vectors @ vectors.T if short else vectors.T @ vectors
    return np.linalg.eigvalsh(products / len(vectors)).astype(np.float64)


def _exponential_entropy(shares: Numbers) -> float:
    shares = shares[shares > LEAST]
    return float(np.exp(-(shares * np.log(shares)).sum()))
