"""How different the edits of a class are from each other."""

import numpy as np
from numpy.typing import NDArray

from varifactory.study.measures import Measured


def diversity(edits: Measured) -> dict[str, float]:
    """Class name -> mean pairwise cosine distance of its edits, 0 to 2; empty without vectors.

    All pairs in one pass: the length of the vectors' sum holds the sum of their products.
    """
    vectors = edits.vectors
    if vectors is None:
        return {}

    def spread(at: NDArray[np.intp]) -> float:
        total, count = vectors[at].sum(axis=0, dtype=np.float64), len(at)
        return float(1 - (total @ total - count) / (count * (count - 1)))

    return edits.by_class(spread)


def effective(edits: Measured, at_most: int) -> dict[str, float]:
    """Class name -> how many wholly different edits its edits are worth; empty without vectors.

    The Vendi score (Friedman and Dieng, 2022) with the cosine as kernel: the exponential of the
    entropy of the kernel's eigenvalues, from 1 (all alike) to their number. It grows with that, so
    the first ``at_most`` edits of a class count in every arm.
    """
    vectors = edits.vectors
    if vectors is None:
        return {}

    def score(at: NDArray[np.intp]) -> float:
        some = vectors[at[:at_most]].astype(np.float64)
        kernel = some @ some.T if len(some) <= some.shape[1] else some.T @ some
        shares = np.linalg.eigvalsh(kernel / len(some))
        shares = shares[shares > 1e-12]
        return float(np.exp(-(shares * np.log(shares)).sum()))

    return edits.by_class(score)


def prompts(edits: Measured) -> dict[str, float]:
    """Class name -> different prompts among its edits."""
    rows = edits.rows
    return edits.by_class(lambda at: float(len({rows[place]["prompt"] for place in at})))
