"""How error falls with real images: what every pool is measured by."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from varifactory.exchange.least_squares import Rows, best, fitted, near_bound

LOW = np.append(np.log([1e-5, 0.02]), 0.0)
HIGH = np.append(np.log([1.0, 5.0]), 0.98)
"""Of the logarithms of the excess error at the middle of the sizes and of the power, and of the
error that stays. A power below 0.02 is flat over any sizes one can collect; error is a share."""
NEAR = np.array([0.02, 0.02, 1e-4])
"""Of the way between its bounds: a parameter as near to one of them is at it. An error that stays
of a hundredth of a point is none."""
STARTS = ((0.7, 0.5, 0.05), (0.9, 0.2, 0.01), (0.4, 1.0, 0.5), (0.6, 2.0, 0.3))
"""Excess as a share of the mean error, power, lasting error as a share of the mean."""


@dataclass(frozen=True, slots=True)
class Yardstick:
    """error = a n^-alpha + c of n real images; a row a fit (the first that of the answers)."""

    at: Rows
    """(fits, 3) logarithms of the excess at ``middle`` and of alpha, and c."""
    middle: float
    """The geometric mean of the sizes that were measured."""

    def error(self, images: NDArray[np.float64]) -> NDArray[np.float64]:
        """(fits, points) of ``images``, which has as many rows or one."""
        excess, power, rest = self._columns
        found: NDArray[np.float64] = excess * (images / self.middle) ** -power + rest
        return found

    def slope(self, images: NDArray[np.float64]) -> NDArray[np.float64]:
        """Of the error by one image more."""
        excess, power, _ = self._columns
        found: NDArray[np.float64] = -power * excess * (images / self.middle) ** -power / images
        return found

    def images(self, error: NDArray[np.float64]) -> NDArray[np.float64]:
        """Real images that make this error, (fits, points); infinite where none do."""
        excess, power, rest = self._columns
        above = np.maximum(error - rest, 0.0) / excess
        with np.errstate(divide="ignore", over="ignore"):
            found: NDArray[np.float64] = self.middle * above ** (-1 / power)
        return found

    @property
    def named(self) -> dict[str, NDArray[np.float64]]:
        """a, alpha and c as the formula has them, of every fit."""
        excess, power, rest = (column[:, 0] for column in self._columns)
        return {"a": excess * self.middle**power, "alpha": power, "c": rest}

    @property
    def at_bound(self) -> NDArray[np.bool_]:
        """(fits, 3); without an excess the power says nothing."""
        found = near_bound(self.at, LOW, HIGH, NEAR)
        found[:, 1] |= self.flat
        return found

    @property
    def flat(self) -> NDArray[np.bool_]:
        """(fits) whether the error does not fall: no excess, or a power as low as can be."""
        way = (self.at[:, :2] - LOW[:2]) / (HIGH - LOW)[:2]
        found: NDArray[np.bool_] = (way < NEAR[:2]).any(axis=1)
        return found

    @property
    def _columns(self) -> tuple[Rows, Rows, Rows]:
        """Excess, power and lasting error, (fits, 1)."""
        return _columns(self.at)

    def of(self, fits: NDArray[np.intp] | slice) -> "Yardstick":
        """Some of the fits."""
        return Yardstick(self.at[fits], self.middle)


def _columns(at: Rows) -> tuple[Rows, Rows, Rows]:
    return np.exp(at[:, [0]]), np.exp(at[:, [1]]), at[:, [2]]


def yardstick(
    images: NDArray[np.float64], error: NDArray[np.float64], spread: NDArray[np.float64]
) -> Yardstick:
    """Fitted to errors, shape (fits, sizes), of so many real images, shape (sizes).

    Real images alone, not the pool with them: one that makes things worse would bend the measure
    it is held against. Weights are one over ``spread``, of the sizes.
    """
    middle = float(np.exp(np.log(images).mean()))
    ratio = np.log(images / middle)

    def model(at: Rows) -> tuple[Rows, NDArray[np.float64]]:
        excess, power, rest = _columns(at)
        shrunk = excess * np.exp(-power * ratio)
        target = np.tile(error, (len(at) // len(error), 1))
        slopes = np.stack([shrunk, -power * ratio * shrunk, np.ones_like(shrunk)], axis=-1)
        return (shrunk + rest - target) / spread, slopes / spread[:, None]

    mean = np.maximum(error.mean(axis=1), 1e-4)
    starts = np.concatenate(
        [np.stack([np.log(excess * mean), np.full_like(mean, np.log(power)), rest * mean], axis=1)
         for excess, power, rest in STARTS]
    )  # fmt: skip
    at, cost = fitted(model, starts, LOW, HIGH)
    return Yardstick(best(at, cost, len(STARTS))[0], middle)
