"""Vectors whose truth is known: few directions that count, as an encoder's have, and noise."""

import numpy as np

from varifactory.metrics.vectors import Vectors


def vectors(
    count: int, seed: int, *, width: int = 32, shift: float = 0.0, noise: float = 0.3
) -> Vectors:
    """(count, width) of length 1, of one distribution whatever ``seed``; ``shift`` moves all."""
    plan = np.random.default_rng(0)
    mixing, middle, away = (plan.normal(size=shape) for shape in ((6, width), width, width))
    dice = np.random.default_rng(seed)
    parts = dice.normal(size=(count, 6)) @ mixing + noise * dice.normal(size=(count, width))
    rows = parts + 2 * middle + shift * away
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
