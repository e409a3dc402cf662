"""How images and texts lie in the space of an encoder of both (Liang et al., 2022)."""

from dataclasses import dataclass

import numpy as np

from varifactory.metrics.domain import domain_auc
from varifactory.metrics.spread import pairwise_distance
from varifactory.metrics.vectors import Numbers, Vectors, pairs_of, shared_width


@dataclass(frozen=True, slots=True)
class Geometry:
    """Of one set of images and the texts they belong to."""

    gap: Numbers
    """(width,) mean image vector less the mean text vector."""
    gap_length: float
    image_cone: float
    """Mean cosine of pairs of images: 0 all around, 1 one direction."""
    text_cone: float
    isotropy: float
    """Participation ratio of the images' covariance over the width: 1 where all directions vary
    alike."""
    separability: float
    """Held-out area under the curve of images against texts; 1: a plane parts them."""


def geometry(images: Vectors, texts: Vectors, seed: int = 0) -> Geometry:
    """Modality gap, cones, isotropy and separability.

    Args:
        images: (n, width), n at least 2.
        texts: (m, width), m at least 2.

    Raises:
        TooFew: fewer than 2 rows of either.
        ValueError: widths that differ.
    """
    pairs_of(images, texts)
    gap = images.mean(axis=0, dtype=np.float64) - texts.mean(axis=0, dtype=np.float64)
    folds = min(5, len(images), len(texts))
    return Geometry(
        gap,
        float(np.linalg.norm(gap)),
        1 - pairwise_distance(images),
        1 - pairwise_distance(texts),
        isotropy(images),
        domain_auc(images, texts, seed, folds).auc,
    )


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
