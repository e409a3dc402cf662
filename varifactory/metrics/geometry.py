"""How images and texts lie in the space of an encoder of both (Liang et al., 2022)."""

from dataclasses import dataclass

import numpy as np

from varifactory.metrics.domain import domain_auc
from varifactory.metrics.spread import pairwise_distance
from varifactory.metrics.vectors import Numbers, Vectors, shared_width, unit


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
    """
    shared_width(images, texts)
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
    """(sum of the covariance's eigenvalues)^2 over the sum of their squares and the width."""
    width = shared_width(vectors)
    centred = vectors - vectors.mean(axis=0, dtype=np.float64)
    short = len(centred) <= width
    products = centred @ centred.T if short else centred.T @ centred
    squares = float(np.square(products).sum())
    return float(np.trace(products) ** 2 / squares / width) if squares else 0.0


def centroid_shift(real: Vectors, synthetic: Vectors) -> float:
    """Cosine distance of the mean vectors, 0 (the same direction) to 2."""
    shared_width(real, synthetic)
    ours, theirs = real.mean(axis=0, dtype=np.float64), synthetic.mean(axis=0, dtype=np.float64)
    one, other = unit(np.stack([ours, theirs]).astype(np.float32)).astype(np.float64)
    return float(np.square(one - other).sum() / 2)
