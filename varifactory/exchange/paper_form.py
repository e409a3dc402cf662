"""Fit B: the form of the paper (arXiv 2508.09550), y = C (c2^x - 1) with C = c1^(n_base / k)."""

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from varifactory.exchange.least_squares import Rows


class PaperForm:
    """y bases of synthetic images are worth x = ln(1 + y / C) / ln c2 bases of real ones.

    C = exp(g n_base): c1 and k cannot be told apart, for only g = ln(c1) / k matters. g needs two
    base sizes; one has C alone. Fitted to the same answers as the other forms, through the inverse
    of the paper's, so that they can be compared.
    """

    form: Literal["paper"] = "paper"
    low = np.array([-6.0, np.log(1e-3)])
    high = np.array([6.0, np.log(20.0)])
    """Of ln C at the largest base, up to a factor of 400 either way, and of ln ln c2."""
    starts = np.array([[0.0, 0.0], [1.5, -1.5], [-1.5, 1.0], [3.0, -2.0], [0.0, 2.0]])

    free = 2

    def __init__(self, bases: int, largest: float) -> None:
        """``largest``: real images of the largest of so many bases."""
        self._several, self._largest = bases > 1, largest
        self.names = ("g" if self._several else "C", "c2")

    def worth(
        self, at: Rows, added: NDArray[np.float64], base: NDArray[np.float64]
    ) -> tuple[Rows, NDArray[np.float64]]:
        share = base / self._largest
        power = np.exp(at[:, 1:])
        ratio = added * np.exp(-at[:, :1] * share)
        x = np.log1p(ratio) / power
        return x, np.stack([-share * ratio / (1 + ratio) / power, -x], axis=-1)

    def price(self, at: Rows, gain: float, base: float) -> NDArray[np.float64]:
        found: NDArray[np.float64] = np.exp(at[:, 0] * base / self._largest) * np.expm1(
            np.minimum(np.exp(at[:, 1]) * gain, 700.0)
        )
        return found

    def told(self, at: Rows) -> NDArray[np.float64]:
        first = at[:, 0] / self._largest if self._several else np.exp(at[:, 0])
        return np.stack([first, np.exp(np.exp(at[:, 1]))], axis=1)
