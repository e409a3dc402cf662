"""How far two sets of vectors are apart, as distributions."""

import os

import numpy as np
from numpy.typing import NDArray

from varifactory.keys import seed_from
from varifactory.metrics.vectors import Numbers, Vectors, pairs_of, shared_width
from varifactory.shards.prefetch import in_order

SUBSETS, SUBSET = 100, 1000
"""Draws of KID, and images a side of each, as published."""
BANDWIDTH, SCALE = 10.0, 1000.0
"""Of CMMD, as published."""
ALL_PAIRS = 4096
"""Images a side above which CMMD is taken from moments."""
ROWS = 512
"""Of pairs at a time: 16 MB against 4096 others."""


def fid(real: Vectors, synthetic: Vectors) -> float:
    """Fréchet distance of Gaussians with the sets' means and covariances (Heusel et al., 2017).

    It shrinks as images are added, so that only equal numbers can be compared; and its scale is
    the encoder's, so that its values are not those of Inception.

    Raises:
        TooFew: fewer than 2 rows.
        ValueError: widths that differ.
    """
    pairs_of(real, synthetic)
    ours, theirs = (one.mean(axis=0, dtype=np.float64) for one in (real, synthetic))
    left, right = _factor(real - ours), _factor(synthetic - theirs)
    traces = np.square(left).sum() + np.square(right).sum()
    # The trace of the root of the covariances' product: its factors' singular values added up.
    shared = np.linalg.svd(left @ right.T, compute_uv=False).sum()
    return float(max(0.0, np.square(ours - theirs).sum() + traces - 2 * shared))


def kid(real: Vectors, synthetic: Vectors, seed: int = 0) -> float:
    """Kernel distance of the sets, unbiased, so that it may fall below 0 (Bińkowski et al., 2018).

    The squared maximum mean discrepancy with the kernel (x.y / width + 1)^3: over all images of up
    to ``SUBSET`` a side, else, as published, the mean over ``SUBSETS`` draws of so many.

    Raises:
        TooFew: fewer than 2 rows.
        ValueError: widths that differ.
    """
    pairs_of(real, synthetic)
    if max(len(real), len(synthetic)) <= SUBSET:
        return _kernel_distance(real, synthetic)
    dice = np.random.default_rng(seed_from("kid", seed))
    drawn = [(_some(len(real), dice), _some(len(synthetic), dice)) for _ in range(SUBSETS)]
    found = in_order(
        lambda at: _kernel_distance(real[at[0]], synthetic[at[1]]),
        drawn,
        threads=os.cpu_count() or 1,
    )
    return float(np.mean(list(found)))


def cmmd(real: Vectors, synthetic: Vectors) -> float:
    """Distance of CLIP vectors of length 1 by a Gaussian kernel (Jayasumana et al., 2024).

    A thousand times the squared maximum mean discrepancy, with each image's product with itself, as
    published: never below 0, and larger of fewer images.

    The kernel is so wide, exp(-(1 - cosine) / 100), that its series after the squares of cosines
    adds at most 2e-7. So means and second moments tell it of larger sets: at worst 7e-4 off,
    measured 1e-5. Vectors of other lengths are held against each other pair by pair.

    Raises:
        ValueError: widths that differ, or no rows.
    """
    shared_width(real, synthetic)
    left, right = real.astype(np.float64), synthetic.astype(np.float64)
    if max(len(left), len(right)) > ALL_PAIRS and _of_length_1(left) and _of_length_1(right):
        return SCALE * _by_moments(left, right)
    within = _gaussian(left, left) + _gaussian(right, right)
    return float(SCALE * max(0.0, within - 2 * _gaussian(left, right)))


def _factor(centred: Numbers) -> Numbers:
    """A matrix whose product with itself is the covariance, no longer than it is wide."""
    scaled: Numbers = centred / np.sqrt(len(centred) - 1)
    if len(scaled) <= scaled.shape[1]:
        return scaled
    values, directions = np.linalg.eigh(scaled.T @ scaled)
    factor: Numbers = np.asarray(np.sqrt(np.maximum(values, 0))[:, None] * directions.T)
    return factor


def _some(count: int, dice: np.random.Generator) -> NDArray[np.int64]:
    return dice.choice(count, min(SUBSET, count), replace=False)


def _kernel_distance(real: Vectors, synthetic: Vectors) -> float:
    left, right = real.astype(np.float32, copy=False), synthetic.astype(np.float32, copy=False)
    between = float(_polynomial(left, right).mean(dtype=np.float64))
    return _others(_polynomial(left, left)) + _others(_polynomial(right, right)) - 2 * between


def _polynomial(left: Vectors, right: Vectors) -> Vectors:
    """The kernel less 1, which falls out of the distance and would cost float32 its digits."""
    part = left @ right.T
    part /= left.shape[1]
    kernel = part + 3
    kernel *= part
    kernel += 3
    kernel *= part
    return kernel


def _others(kernel: Vectors) -> float:
    """Mean over pairs of different images."""
    count = len(kernel)
    total = kernel.sum(dtype=np.float64) - np.trace(kernel, dtype=np.float64)
    return float(total / (count * (count - 1)))


def _gaussian(left: Numbers, right: Numbers) -> float:
    halves, others = (np.square(one).sum(axis=1) / 2 for one in (left, right))
    total = 0.0
    for start in range(0, len(left), ROWS):
        rows = slice(start, start + ROWS)
        near = left[rows] @ right.T - halves[rows, None] - others
        total += float(np.exp(near / BANDWIDTH**2).sum())
    return total / (len(left) * len(right))


def _of_length_1(vectors: Numbers) -> bool:
    return bool(np.abs(np.square(vectors).sum(axis=1) - 1).max() < 1e-3)


def _by_moments(left: Numbers, right: Numbers) -> float:
    width = 1 / BANDWIDTH**2
    means = np.square(left.mean(axis=0) - right.mean(axis=0)).sum()
    seconds = left.T @ left / len(left) - right.T @ right / len(right)
    return float(np.exp(-width) * (width * means + width**2 / 2 * np.square(seconds).sum()))
