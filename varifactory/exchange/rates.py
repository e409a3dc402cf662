"""How many images of a pool gain what so many real ones do, or that no number was seen to."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from varifactory.exchange.curves import between, reaches, with_base
from varifactory.exchange.drawing import bounds
from varifactory.exchange.drawn import Drawn
from varifactory.exchange.figures import Rate, Reached
from varifactory.exchange.fitting import Fitted
from varifactory.exchange.surface import REAL
from varifactory.exchange.yardstick import Yardstick

BEYOND = 2.0
"""Times the largest number that was tried: a fit is not followed farther."""
NOTHING = 0.0005
"""A gain of real images whose interval begins below this, half a tenth of a point, is none that is
shown; the curve's form never falls, so that its lower end is above zero by its nature."""
HEADLINE = 1.0
"""The gain that one sentence tells: what as many real images again would."""


def rates(drawn: Drawn, fits: Mapping[str, Fitted], gains: Sequence[float]) -> tuple[Rate, ...]:
    """By pool, base and gain; none where real images were not added as far."""
    found = (
        rate(drawn, fits[pool], pool, base, gain)
        for pool in fits
        for base in drawn.answers.bases
        for gain in gains
    )
    return tuple(one for one in found if one is not None)


def headline(found: Sequence[Rate], pool: str) -> Rate | None:
    """What one sentence tells of a pool: the gain nearest to one base, at the middle base.

    The middle one, for its rate is known best; of two the larger one.
    """
    of = [one for one in found if one.pool == pool]
    nearest = min((abs(one.gain - HEADLINE) for one in of), default=0.0)
    of = sorted(
        (one for one in of if abs(one.gain - HEADLINE) == nearest), key=lambda one: one.base
    )
    return of[len(of) // 2] if of else None


def rate(drawn: Drawn, found: Fitted, pool: str, base: int, gain: float) -> Rate | None:
    """At one base and gain, by the fit; None where real images do not go as far.

    ``not reached`` where the answers' fit, or more than a tail of the draws' fits, need more than
    ``BEYOND`` times the most that was tried; or where the measured curve, which no form bends,
    gets to the gain in no more than a tail of the draws although the fit says it should.

    ``at most`` where one number of images was tried. Each image is worth no more than the one
    before it, so that a gain costs no more a real image than what that number gained did; how much
    less depends on a ceiling of which one number says nothing.
    """
    level, at = _with_real(drawn, base, gain), with_base(drawn.answers, pool, base)
    if level is None or len(at) < 2:
        return None
    images, most = drawn.answers.bases[base], float(drawn.answers.multiples(at).max())
    needed = censored(found, gain, images, most)
    gained = drawn.interval(gained_by_real(found.measure, images, gain))
    state = _state(drawn, needed, most)
    if state == "reached" and not _seen(drawn, at, level):
        state = "not reached"
    if state == "reached" and found.one_number:
        state = "at most"
    if gained.low < NOTHING:
        state = "no gain"
    told = drawn.interval(needed / gain)
    return Rate(
        pool=pool, base=round(images), gain=gain, points=gained,
        per_real=told if state in ("reached", "beyond") else None,
        state=state, most=most, unreached=float(np.isinf(needed[1:]).mean()),
        at_most=max(told.estimate, told.high) if state == "at most" else None,
    )  # fmt: skip


def censored(found: Fitted, gain: float, images: float, most: float) -> NDArray[np.float64]:
    """Bases of the pool for a gain from so many ``images``, of every fit; infinite beyond.

    A fit to one number of images is not followed beyond it at all.
    """
    needed = found.price(gain, images)
    return np.where(needed > (1.0 if found.one_number else BEYOND) * most, np.inf, needed)


def _state(drawn: Drawn, needed: NDArray[np.float64], most: float) -> Reached:
    if np.isinf(needed[0]) or np.isinf(needed[1:]).mean() > drawn.tail:
        return "not reached"
    _, high = bounds(needed[1:], drawn.confidence)
    return "beyond" if max(needed[0], high) > most else "reached"


def gained_by_real(measure: Yardstick, base: float, gain: float) -> NDArray[np.float64]:
    """Points that real images gain by their curve, of which all bases tell."""
    error = measure.error(np.array([base, base * (1 + gain)]))
    found: NDArray[np.float64] = error[:, 0] - error[:, 1]
    return found


def _with_real(drawn: Drawn, base: int, gain: float) -> NDArray[np.float64] | None:
    """Measured accuracy of a base and real images; None where so many were not added."""
    at = with_base(drawn.answers, REAL, base)
    multiples = drawn.answers.multiples(at)
    if beyond(gain, multiples.max()):
        return None
    return between(multiples, drawn.top1[:, at], np.array([gain]))[:, 0]


def beyond(gain: float, most: float) -> bool:
    """Whether real images were not added as far."""
    return gain > most * (1 + 1e-9)


def _seen(drawn: Drawn, at: NDArray[np.intp], level: NDArray[np.float64]) -> bool:
    """Whether the measured curve itself gets to the accuracy of the gain."""
    met = reaches(drawn.answers.multiples(at), drawn.top1[:, at], level)
    return bool(np.isfinite(met[1:]).mean() > drawn.tail)
