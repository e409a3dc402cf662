"""Fit A: synthetic images as real ones that a generator can replace up to a ceiling."""

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from varifactory.exchange.least_squares import Rows

MOST_KAPPA = 256.0
"""Bases. A recipe adds at most 64 bases of images; a ceiling four times as high bends what they are
worth by less than an eighth, and one that is higher still cannot be told from none."""


class EffectiveData:
    """y bases of synthetic images are worth x = kappa (1 - exp(-rho y / kappa)) bases of real ones.

    The saturating form of effective data in error = a (b + r + b x)^-alpha + c. The rate of the
    first image is 1 / rho; no number of images is worth kappa bases.
    """

    form: Literal["effective data"] = "effective data"
    names = ("rate of the first image", "kappa")
    low = np.log([1e-3, 1e-2])
    high = np.log([50.0, MOST_KAPPA])
    """Of rho and kappa: from 1,000 images for a real one to 50 real ones for an image."""
    starts = np.log([[1.0, 64.0], [0.3, 16.0], [1.0, 2.0], [3.0, 0.5], [0.2, 1.0], [0.05, 0.2]])

    def worth(
        self, at: Rows, added: NDArray[np.float64], base: NDArray[np.float64]
    ) -> tuple[Rows, NDArray[np.float64]]:
        """x at each of ``added`` = y, (fits, points), and its slopes by the logarithms."""
        rho, kappa = np.exp(at.T)[:, :, None]
        used = rho * added / kappa
        left = np.exp(-used)
        x = -kappa * np.expm1(-used)
        return x, np.stack([rho * added * left, x - rho * added * left], axis=-1)

    def price(self, at: Rows, gain: float, base: float) -> NDArray[np.float64]:
        """y that is worth ``gain``, a fit; infinite from kappa on."""
        rho, kappa = np.exp(at.T)
        with np.errstate(divide="ignore"):
            found: NDArray[np.float64] = -kappa / rho * np.log1p(-np.minimum(gain / kappa, 1.0))
        return found

    def told(self, at: Rows) -> NDArray[np.float64]:
        """(fits, parameters) as ``names`` has them."""
        return np.exp(at * [-1.0, 1.0])
