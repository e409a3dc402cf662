"""A form fitted to the answers of a pool, against what real images are worth."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from varifactory.exchange.drawing import bounds
from varifactory.exchange.effective_data import KAPPA
from varifactory.exchange.figures import Fit, Parameter
from varifactory.exchange.least_squares import Rows, best, fitted, near_bound
from varifactory.exchange.yardstick import Yardstick

NEAR = 0.02
"""Of the way between its bounds: a parameter as near to one of them is at it."""
HELD = "one number of images was tried"
"""Why nothing is known of a ceiling that is held."""
NOISE_FREE = 1e-12
"""Weighted squared residual a point that is called none: its logarithm would be of rounding."""


class Form(Protocol):
    """How many bases of real images so many bases of a pool are worth."""

    @property
    def form(self) -> Literal["effective data", "paper", "constant"]: ...
    @property
    def names(self) -> tuple[str, ...]: ...
    @property
    def free(self) -> int:
        """Parameters that measurements must tell of; the others are held."""
        ...

    @property
    def low(self) -> NDArray[np.float64]: ...
    @property
    def high(self) -> NDArray[np.float64]: ...
    @property
    def starts(self) -> NDArray[np.float64]: ...

    def worth(
        self, at: Rows, added: NDArray[np.float64], base: NDArray[np.float64]
    ) -> tuple[Rows, NDArray[np.float64]]:
        """(fits, points) and slopes (fits, points, parameters)."""
        ...

    def price(self, at: Rows, gain: float, base: float) -> NDArray[np.float64]:
        """Bases of the pool that are worth ``gain`` bases of real images, of every fit."""
        ...

    def told(self, at: Rows) -> NDArray[np.float64]:
        """Parameters as people read them."""
        ...


@dataclass(frozen=True, slots=True)
class Points:
    """Errors of one pool at its places; the first row as answered, then a row a draw."""

    added: NDArray[np.float64]
    """(points) bases."""
    base: NDArray[np.float64]
    """(points) real images of all classes."""
    error: Rows
    """(fits, points)."""
    spread: NDArray[np.float64]
    """(points) standard deviation of an error."""


@dataclass(frozen=True, slots=True)
class Fitted:
    """A form with its parameters, a row a fit."""

    form: Form
    at: Rows
    points: Points
    measure: Yardstick

    def price(self, gain: float, base: float) -> NDArray[np.float64]:
        return self.form.price(self.at, gain, base)

    @property
    def one_number(self) -> bool:
        """Whether the ceiling is held, for one number of images was tried."""
        return self.form.free < len(self.form.names)

    @property
    def at_bound(self) -> NDArray[np.bool_]:
        """(fits, parameters)."""
        return near_bound(self.at, self.form.low, self.form.high, NEAR)


def fit(form: Form, points: Points, measure: Yardstick) -> Fitted:
    """The answers from all starts, then each draw from what the answers gave and all starts."""
    model = _model(form, points, measure)
    at, _ = _from_starts(form, model(slice(0, 1)), form.starts)
    more = np.concatenate([at, form.starts])
    rest, _ = _from_starts(form, model(slice(1, None)), more, len(points.error) - 1)
    return Fitted(form, np.concatenate([at, rest]), points, measure)


def _from_starts(
    form: Form, model: Callable[[Rows], tuple[Rows, NDArray[np.float64]]],
    starts: Rows, count: int = 1,
) -> tuple[Rows, Rows]:  # fmt: skip
    if not count:
        return np.empty((0, starts.shape[1])), np.empty(0)
    every = np.repeat(starts, count, axis=0)
    return best(*fitted(model, every, form.low, form.high), len(starts))


def _model(
    form: Form, points: Points, measure: Yardstick, weight: Rows | None = None
) -> Callable[[slice], Callable[[Rows], tuple[Rows, NDArray[np.float64]]]]:
    def of(rows: slice) -> Callable[[Rows], tuple[Rows, NDArray[np.float64]]]:
        target, against = points.error[rows], measure.of(rows)
        per_point = (1.0 if weight is None else weight) / points.spread

        def model(at: Rows) -> tuple[Rows, NDArray[np.float64]]:
            times = len(at) // len(target)
            x, slopes = form.worth(at, points.added, points.base)
            held = Yardstick(np.tile(against.at, (times, 1)), against.middle)
            images = points.base * (1 + x)
            scaled = held.slope(images) * points.base * per_point_of(times)
            residual = (held.error(images) - np.tile(target, (times, 1))) * per_point_of(times)
            return residual, slopes * scaled[..., None]

        def per_point_of(times: int) -> NDArray[np.float64]:
            return np.tile(per_point, (times, 1)) if np.ndim(per_point) == 2 else per_point

        return model

    return of


def fit_of(found: Fitted, pool: str, confidence: float, refused: str = "") -> Fit:
    """With the intervals of its parameters, Akaike's criterion and the error of points left out."""
    model = _model(found.form, found.points, found.measure)(slice(0, 1))
    residual, _ = model(found.at[:1])
    return Fit(
        pool=pool,
        form=found.form.form,
        parameters=parameters(found, confidence),
        aic=_aic(float((residual**2).sum()), residual.shape[1], found.form.free),
        left_out=_left_out(found),
        refused=refused,
    )


def parameters(found: Fitted, confidence: float) -> tuple[Parameter, ...]:
    told, at_bound = found.form.told(found.at), found.at_bound
    unknown, held = _unknown(found, confidence), KAPPA if found.one_number else None
    return tuple(
        parameter(name, told[:, at], at_bound[:, at], confidence, HELD if at == held else unknown)
        for at, name in enumerate(found.form.names)
    )


def _unknown(found: Fitted, confidence: float) -> str:
    """Why nothing is known of any parameter; empty where something may be.

    On a curve of real images that is flat every worth makes the same error.
    """
    points, flat = len(found.points.added), found.measure.flat
    if points < found.form.free:
        return f"{points} measured and {found.form.free} to be told"
    if flat[0]:
        return "real images gain nothing, whatever a pool is worth"
    if flat[1:].mean() > (1 - confidence) / 2:
        return f"real images gain nothing in {100 * flat[1:].mean():.0f} % of draws"
    return ""


def real_curve(measure: Yardstick, confidence: float) -> tuple[Parameter, ...]:
    """a, alpha and c of real images alone."""
    at_bound = measure.at_bound
    return tuple(
        parameter(name, told, at_bound[:, at], confidence)
        for at, (name, told) in enumerate(measure.named.items())
    )


def parameter(
    name: str,
    told: NDArray[np.float64],
    at_bound: NDArray[np.bool_],
    confidence: float,
    unknown: str = "",
) -> Parameter:
    """Identified where neither the answers nor more than a tail of draws end at a bound."""
    low, high = bounds(told[1:], confidence)
    why = unknown or _bound(at_bound, confidence)
    return Parameter(name, float(told[0]), low, high, not why, why)


def _bound(at_bound: NDArray[np.bool_], confidence: float) -> str:
    share = float(at_bound[1:].mean())
    if at_bound[0]:
        return "at its bound: it may be anything beyond"
    return f"at its bound in {100 * share:.0f} % of draws" if share > (1 - confidence) / 2 else ""


def _aic(cost: float, points: int, free: int) -> float | None:
    """Of least squares with unknown scale, corrected for few points (Hurvich and Tsai, 1989)."""
    if points <= free + 2:
        return None
    scale = free + 1
    fewer = 2 * scale * (scale + 1) / (points - scale - 1)
    return points * float(np.log(max(cost / points, NOISE_FREE))) + 2 * scale + fewer


def _left_out(found: Fitted) -> float | None:
    """Every point predicted by a fit to the others; the real curve stays as it is."""
    form, points = found.form, found.points
    count = len(points.added)
    if count <= form.free:
        return None
    same = Points(points.added, points.base, np.repeat(points.error[:1], count, axis=0),
                  points.spread)  # fmt: skip
    measure = Yardstick(np.repeat(found.measure.at[:1], count, axis=0), found.measure.middle)
    model = _model(form, same, measure, 1 - np.eye(count))(slice(None))
    at, _ = _from_starts(form, model, np.concatenate([found.at[:1], form.starts]), count)
    x, _ = form.worth(at, points.added, points.base)
    told = measure.error(points.base * (1 + x))
    return float(np.mean((np.diagonal(told) - points.error[0]) ** 2))
