"""How images and texts lie in the space of an encoder of both (Liang et al., 2022)."""

import numpy as np

from varifactory.metrics.spread import pairwise_distance
from varifactory.metrics.vectors import Numbers, Vectors, shared_width


def modality_gap(images: Vectors, texts: Vectors) -> Numbers:
    """(width,) mean image vector less the mean text vector."""
    shared_width(images, texts)
    gap: Numbers = images.mean(axis=0, dtype=np.float64) - texts.mean(axis=0, dtype=np.float64)
    return gap


def cone(vectors: Vectors) -> float:
    """Mean cosine of all pairs: 0 all around, 1 one direction.

    Raises:
        TooFew: fewer than 2 rows.
    """
    return 1 - pairwise_distance(vectors)


def isotropy(vectors: Vectors) -> float:
    """Participation ratio of the covariance over the width: 1 where all directions vary alike.

    The squared sum of the covariance's eigenvalues over the sum of their squares; 0 where nothing
    varies. Fewer images than the width cannot reach 1: compare equal numbers.
    """
    width = shared_width(vectors)
    centred = vectors - vectors.mean(axis=0, dtype=np.float64)
    products = centred @ centred.T if len(centred) <= width else centred.T @ centred
    squares = float(np.square(products).sum())
    return float(np.trace(products) ** 2 / squares / width) if squares else 0.0


def centroid_shift(real: Vectors, synthetic: Vectors) -> float:
    """Cosine distance of the mean vectors, 0 (the same direction) to 2.

    Raises:
        ValueError: vectors that add up to nothing, which point nowhere.
    """
    shared_width(real, synthetic)
    ours, theirs = real.mean(axis=0, dtype=np.float64), synthetic.mean(axis=0, dtype=np.float64)
    lengths = np.linalg.norm(ours), np.linalg.norm(theirs)
    if not all(lengths):
        raise ValueError("the vectors of a set add up to nothing: their mean has no direction")
    return float(np.square(ours / lengths[0] - theirs / lengths[1]).sum() / 2)
