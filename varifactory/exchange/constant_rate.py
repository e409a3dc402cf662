"""The plainest form: a real image costs so many synthetic ones, however many one takes."""

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from varifactory.exchange.least_squares import Rows


class ConstantRate:
    """y bases of synthetic images are worth x = y / rate bases of real ones."""

    form: Literal["constant"] = "constant"
    names = ("rate",)
    free = 1
    low = np.log([0.02])
    high = np.log([1e3])
    starts = np.log([[1.0], [5.0], [50.0]])

    def worth(
        self, at: Rows, added: NDArray[np.float64], base: NDArray[np.float64]
    ) -> tuple[Rows, NDArray[np.float64]]:
        x = added * np.exp(-at)
        return x, -x[..., None]

    def price(self, at: Rows, gain: float, base: float) -> NDArray[np.float64]:
        found: NDArray[np.float64] = gain * np.exp(at[:, 0])
        return found

    def told(self, at: Rows) -> NDArray[np.float64]:
        return np.exp(at)
