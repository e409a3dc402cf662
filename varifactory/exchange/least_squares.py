"""Bounded least squares of many draws at once."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.float64]
"""(fits, parameters), or (fits, points)."""
Model = Callable[[Rows], tuple[Rows, NDArray[np.float64]]]
"""Parameters -> weighted residuals (fits, points) and their slopes (fits, points, parameters)."""
FARTHEST = 1.5
"""Of one step in one parameter; they are logarithms."""
SETTLED = 1e-12
"""Relative gain of a step below which a fit has settled."""


def fitted(
    model: Model, start: Rows, low: Rows, high: Rows, rounds: int = 100
) -> tuple[Rows, Rows]:
    """Parameters of least squares between bounds, and their costs (fits).

    Levenberg (1944) and Marquardt (1963), with steps cut at the bounds and parameters held there
    while they push outwards: a few hundred small fits take as long as one, where a fit after
    another would take minutes for a bootstrap.
    """
    at = np.clip(start, low, high)
    residual, slope = model(at)
    cost = (residual**2).sum(axis=1)
    damping = np.full(len(at), 1e-2)
    still = np.zeros(len(at), dtype=np.intp)
    for _ in range(rounds):
        step = _step(residual, slope, damping, at, low, high)
        tried = np.clip(at + np.clip(step, -FARTHEST, FARTHEST), low, high)
        new_residual, new_slope = model(tried)
        new_cost = (new_residual**2).sum(axis=1)
        better = new_cost < cost
        settled = cost - new_cost <= SETTLED * cost + 1e-300
        at = np.where(better[:, None], tried, at)
        residual = np.where(better[:, None], new_residual, residual)
        slope = np.where(better[:, None, None], new_slope, slope)
        cost = np.where(better, new_cost, cost)
        damping = np.clip(np.where(better, damping * 0.2, damping * 5), 1e-12, 1e12)
        still = np.where(settled, still + 1, 0)
        if (still >= 8).all():
            break
    return at, cost


def _step(
    residual: Rows, slope: NDArray[np.float64], damping: NDArray[np.float64],
    at: Rows, low: Rows, high: Rows,
) -> Rows:  # fmt: skip
    gradient = np.einsum("mkp,mk->mp", slope, residual)
    held = ((at <= low) & (gradient > 0)) | ((at >= high) & (gradient < 0))
    free = np.where(held[:, None, :], 0.0, slope)
    curvature = np.einsum("mkp,mkq->mpq", free, free)
    scale = np.einsum("mpp->mp", curvature)
    ridge = damping[:, None] * scale + np.where(scale > 0, 1e-12 * scale.max(initial=0), 1.0)
    curvature += ridge[:, :, None] * np.eye(at.shape[1])
    step: Rows = -np.linalg.solve(curvature, np.where(held, 0.0, gradient)[..., None])[..., 0]
    return step


def near_bound(
    at: Rows, low: Rows, high: Rows, near: float | NDArray[np.float64]
) -> NDArray[np.bool_]:
    """Whether parameters are as good as at a bound; ``near``: a share of the way between both."""
    way = (at - low) / (high - low)
    found: NDArray[np.bool_] = (way < near) | (way > 1 - near)
    return found


def best(at: Rows, cost: Rows, starts: int) -> tuple[Rows, Rows]:
    """The best of so many starts of each fit; fits lie beside each other, starts in blocks."""
    costs = cost.reshape(starts, -1)
    chosen = costs.argmin(axis=0)
    fits = np.arange(costs.shape[1])
    return at.reshape(starts, costs.shape[1], -1)[chosen, fits], costs[chosen, fits]
