"""How far two sets of vectors are apart, as distributions. All are 0 for one set against itself."""

import numpy as np

from varifactory.keys import seed_from
from varifactory.metrics.vectors import Numbers, Vectors, shared_width

SUBSETS, SUBSET = 100, 1000
"""Of KID, as published (Bińkowski et al., 2018)."""
BANDWIDTH, SCALE = 10.0, 1000.0
"""Of CMMD, as published (Jayasumana et al., 2024)."""


def fid(real: Vectors, synthetic: Vectors) -> float:
    """Fréchet distance of Gaussians with the sets' means and covariances (Heusel et al., 2017).

    It shrinks as images are added: compare equal numbers. Width and scale are the encoder's, so
    its values are not those of Inception.

    Raises:
        ValueError: fewer than 2 rows, or widths that differ.
    """
    shared_width(real, synthetic)
    if min(len(real), len(synthetic)) < 2:
        raise ValueError(f"{len(real)} and {len(synthetic)} images: give at least 2 on each side")
    ours, theirs = (one.mean(axis=0, dtype=np.float64) for one in (real, synthetic))
    left, right = _factor(real - ours), _factor(synthetic - theirs)
    traces = np.square(left).sum() + np.square(right).sum()
    # The trace of the root of the covariances' product is the sum of its factors' singular values.
    shared = np.linalg.svd(left @ right.T, compute_uv=False).sum()
    return float(max(0.0, np.square(ours - theirs).sum() + traces - 2 * shared))


def kid(real: Vectors, synthetic: Vectors, seed: int = 0) -> float:
    """Kernel distance of the sets (Bińkowski et al., 2018): unbiased, so it may fall below 0.

    The squared maximum mean discrepancy with the kernel (x.y / width + 1)^3, over all images where
    there are no more than ``SUBSET``, else the mean over ``SUBSETS`` draws of ``SUBSET`` a side.
    """
    shared_width(real, synthetic)
    count = min(len(real), len(synthetic), SUBSET)
    if count < 2:
        raise ValueError(f"{len(real)} and {len(synthetic)} images: give at least 2 on each side")
    if max(len(real), len(synthetic)) <= SUBSET:
        return _kernel_distance(real, synthetic)
    dice = np.random.default_rng(seed_from("kid", seed))
    draws = [
        _kernel_distance(
            real[dice.choice(len(real), count, replace=False)],
            synthetic[dice.choice(len(synthetic), count, replace=False)],
        )
        for _ in range(SUBSETS)
    ]
    return float(np.mean(draws))


def cmmd(real: Vectors, synthetic: Vectors) -> float:
    """Distance of CLIP vectors by a Gaussian kernel (Jayasumana et al., 2024), times 1000.

    The published estimate keeps each image's product with itself, so it is never below 0.
    """
    shared_width(real, synthetic)
    left, right = real.astype(np.float64), synthetic.astype(np.float64)
    within = _gaussian(left, left) + _gaussian(right, right)
    return float(SCALE * max(0.0, within - 2 * _gaussian(left, right)))


def _factor(centred: Numbers) -> Numbers:
    """A matrix whose product with itself is the covariance, with no more rows than columns."""
    scaled = centred / np.sqrt(len(centred) - 1)
    if len(scaled) <= scaled.shape[1]:
        return scaled
    values, directions = np.linalg.eigh(scaled.T @ scaled)
    factor: Numbers = np.sqrt(np.maximum(values, 0))[:, None] * directions.T
    return factor


def _kernel_distance(real: Vectors, synthetic: Vectors) -> float:
    left, right = real.astype(np.float64), synthetic.astype(np.float64)
    both = (_polynomial(left, right)).mean()
    return float(_others(_polynomial(left, left)) + _others(_polynomial(right, right)) - 2 * both)


def _polynomial(left: Numbers, right: Numbers) -> Numbers:
    kernel: Numbers = (left @ right.T / left.shape[1] + 1) ** 3
    return kernel


def _others(kernel: Numbers) -> float:
    """Mean over pairs of different images."""
    count = len(kernel)
    return float((kernel.sum() - np.trace(kernel)) / (count * (count - 1)))


def _gaussian(left: Numbers, right: Numbers) -> float:
    squares = np.square(left).sum(axis=1)[:, None] + np.square(right).sum(axis=1)
    return float(np.exp((2 * left @ right.T - squares) / (2 * BANDWIDTH**2)).mean())
