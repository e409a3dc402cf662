"""Fit A: synthetic images as real ones that a generator can replace up to a ceiling."""

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from varifactory.exchange.least_squares import Rows

MOST_KAPPA = 4096.0
"""Bases. A recipe adds at most 64 bases of images, whose worth so high a ceiling bends by less than
a hundredth: it cannot be told from none."""
RHO, KAPPA, TAU = 0, 1, 2
"""Columns of the parameters."""


class EffectiveData:
    """y bases of synthetic images are worth x = kappa (1 - exp(-rho y / kappa)) bases of real ones.

    The saturating form of effective data in error = a (b + r + b x)^-alpha + c. The rate of the
    first image is 1 / rho; no number of images is worth kappa bases.
    """

    form: Literal["effective data"] = "effective data"
    names: tuple[str, ...] = ("rate of the first image", "kappa")
    free = 2
    low = np.log([1e-3, 1e-2])
    high = np.log([50.0, MOST_KAPPA])
    """Of rho and kappa: from 1,000 images for a real one to 50 real ones for an image."""
    starts = np.log([[1.0, 64.0], [0.3, 16.0], [1.0, 2.0], [3.0, 0.5], [0.2, 1.0], [0.05, 0.2]])

    def worth(
        self, at: Rows, added: NDArray[np.float64], base: NDArray[np.float64]
    ) -> tuple[Rows, NDArray[np.float64]]:
        """x at each of ``added`` = y, (fits, points), and its slopes by the logarithms."""
        rho, kappa = np.exp(at[:, [RHO]]), np.exp(at[:, [KAPPA]])
        used = rho * added / kappa
        x, left = -kappa * np.expm1(-used), rho * added * np.exp(-used)
        return x, np.stack([left, x - left], axis=-1)

    def price(self, at: Rows, gain: float, base: float) -> NDArray[np.float64]:
        """y that is worth ``gain``, a fit; infinite from kappa on."""
        rho, kappa = np.exp(at[:, RHO]), np.exp(at[:, KAPPA])
        with np.errstate(divide="ignore"):
            found: NDArray[np.float64] = -kappa / rho * np.log1p(-np.minimum(gain / kappa, 1.0))
        return found

    def told(self, at: Rows) -> NDArray[np.float64]:
        """(fits, parameters) as ``names`` has them."""
        return np.exp(at * [-1.0, 1.0])


class NoCeiling(EffectiveData):
    """The same without a ceiling, for pools of which one number of images was tried.

    One number says what these images are worth and nothing of how fast that grows less: fewer of
    them may be worth as much, more of them no more.
    """

    free = 1
    low = np.append(EffectiveData.low[:KAPPA], np.log(0.99 * MOST_KAPPA))
    starts = np.log([[1.0, MOST_KAPPA], [0.1, MOST_KAPPA], [0.01, MOST_KAPPA]])


class ByBase(EffectiveData):
    """The same with a rate that changes with the base: rho (base / middle)^-tau.

    Edits of a larger base may add less of what it lacks. The rate at the middle base is known as
    well as one rate for all would be; at the others it is known less well.
    """

    names = ("rate of the first image", "kappa", "tau")
    free = 3
    low = np.append(EffectiveData.low, -3.0)
    high = np.append(EffectiveData.high, 3.0)
    """Of tau: between two bases of which one is twice the other a factor of eight either way."""
    starts = np.concatenate([EffectiveData.starts, np.zeros((6, 1))], axis=1)

    def __init__(self, middle: float) -> None:
        """``middle``: the geometric mean of the bases, at which the first rate is told."""
        self._middle = middle

    def worth(
        self, at: Rows, added: NDArray[np.float64], base: NDArray[np.float64]
    ) -> tuple[Rows, NDArray[np.float64]]:
        ratio = np.log(base / self._middle)
        x, slopes = super().worth(at, added * np.exp(-at[:, [TAU]] * ratio), base)
        return x, np.concatenate([slopes, -ratio[:, None] * slopes[..., [RHO]]], axis=-1)

    def price(self, at: Rows, gain: float, base: float) -> NDArray[np.float64]:
        dearer: NDArray[np.float64] = np.exp(at[:, TAU] * np.log(base / self._middle))
        return super().price(at, gain, base) * dearer

    def told(self, at: Rows) -> NDArray[np.float64]:
        return np.concatenate([super().told(at[:, :TAU]), at[:, [TAU]]], axis=1)


class NoCeilingByBase(ByBase):
    """The same without a ceiling."""

    free = 2
    low = np.append(NoCeiling.low, ByBase.low[TAU])
    starts = np.concatenate([NoCeiling.starts, np.zeros((3, 1))], axis=1)
