"""Pools whose rate is known beforehand: what they came to says whether the grid can be believed."""

from collections.abc import Iterator, Mapping, Sequence
from math import log

import numpy as np
from numpy.typing import NDArray

from varifactory.exchange.drawn import Drawn
from varifactory.exchange.figures import Control, Rate
from varifactory.exchange.fitting import Fitted
from varifactory.exchange.rates import NOTHING, censored, gained_by_real, headline
from varifactory.exchange.sentences import words
from varifactory.exchange.wording import gain_name, ratio, ratio_bounds
from varifactory.exchange.wording import multiple as times
from varifactory.exchange.yardstick import Yardstick
from varifactory.recipe.exchange import CONTROLS
from varifactory.report.wording import NBSP, signed
from varifactory.statistics import Interval

IDENTITY, DUPLICATE, MISLABELLED = CONTROLS
SLIGHT = 0.25
"""Of what as many real images would gain: duplicates may gain surely less than this. Seeing an
image twice is a little like training longer, which moves some trainees by a fraction of a point; a
quarter of the real gain would move rates by about as much as their intervals."""
PASSED, UNTOLD = ("passed", "unreached"), "too small"
"""Outcomes, as ``verdict.yaml`` names them; what is not told neither passed nor failed."""


def controls(drawn: Drawn, fits: Mapping[str, Fitted], found: Sequence[Rate]) -> Iterator[Control]:
    """What each control of the grid came to, in the order of the recipe."""
    if IDENTITY in fits:
        yield _identity(drawn, fits[IDENTITY], headline(found, IDENTITY))
    if DUPLICATE in fits:
        yield _duplicate(drawn, fits[DUPLICATE].measure)
    if MISLABELLED in fits:
        yield _mislabelled(drawn, fits, found, headline(found, MISLABELLED))


def _identity(drawn: Drawn, fit: Fitted, rate: Rate | None) -> Control:
    """Its rate at the gain that the verdict tells of: its interval must hold 1.

    One that is not reached fails where it surely costs more than 1.
    """
    if rate is None or rate.state == "no gain":
        return _told(IDENTITY, UNTOLD, state=_state(rate))
    if rate.per_real is None:
        dearer = drawn.interval(_needed(fit, rate) / rate.gain).low > 1
        return _told(IDENTITY, "missing" if dearer else UNTOLD, state=_state(rate))
    told = rate.per_real
    outcome = "passed" if told.low <= 1 <= told.high else "failed"
    return _told(IDENTITY, outcome, rate=ratio(told.estimate), bounds=ratio_bounds(told))


def _duplicate(drawn: Drawn, measure: Yardstick) -> Control:
    """The gain of the base once more over that of as many real images, the means over bases."""
    multiple = _once_more(drawn)
    answers = drawn.answers
    gains, real = [], []
    for base, images in answers.bases.items():
        for at in answers.at(pool=DUPLICATE, way="added", base=base):
            if answers.places[at].multiple == multiple:
                gains.append(drawn.top1[:, at] - drawn.top1[:, answers.base_at(base)])
                real.append(gained_by_real(measure, images, float(answers.multiples(at[None])[0])))
    gained, as_real = np.mean(gains, axis=0), np.mean(real, axis=0)
    numbers = {
        "again": _again(multiple),
        "points": signed(float(gained[0]), 1),
        "points_bounds": _points(drawn.interval(gained)),
        "real": _points(drawn.interval(as_real)),
    }
    if drawn.interval(as_real).low < NOTHING:
        return _told(DUPLICATE, UNTOLD, **numbers)
    share = drawn.interval(gained / np.maximum(as_real, 1e-9))
    outcome = "passed" if share.high < SLIGHT else "failed" if share.low > 0 else UNTOLD
    return _told(
        DUPLICATE, outcome, **numbers, share=_percent(share.estimate),
        bounds=f"{_percent(share.low)}{NBSP}to{NBSP}{_percent(share.high)}",
    )  # fmt: skip


def _once_more(drawn: Drawn) -> float:
    """The multiple of the base, among those of duplicates, that is the nearest to one."""
    answers = drawn.answers
    tried = {answers.places[at].multiple for at in answers.at(pool=DUPLICATE, way="added")}
    nearest: float = min(sorted(tried), key=lambda one: abs(log(one)))
    return nearest


def _again(multiple: float) -> str:
    """Said where it is not as many as the base has."""
    return "" if multiple == 1 else str(words()["again"]).format(multiple=times(multiple))


def _mislabelled(
    drawn: Drawn, fits: Mapping[str, Fitted], found: Sequence[Rate], rate: Rate | None
) -> Control:
    """Its rate over that of the identity control on the same draws, or over 1 without one.

    Numbers are told where both rates are; where its own is not reached it may still surely be the
    larger one, since what lies beyond is taken as without end.
    """
    if rate is None or rate.state == "no gain":
        return _told(MISLABELLED, UNTOLD, state=_state(rate))
    needed, right = _needed(fits[MISLABELLED], rate), np.array(rate.gain)
    if IDENTITY in fits:
        other = _beside(found, rate)
        if other is None or other.per_real is None:
            return _told(MISLABELLED, UNTOLD, state=str(words()["states"]["no identity"]))
        right = _needed(fits[IDENTITY], other)
    with np.errstate(invalid="ignore"):
        # Where neither is reached nothing is known of how they compare.
        dearer = drawn.interval(np.nan_to_num(needed / right, nan=1.0, posinf=np.inf))
    if rate.per_real is None and dearer.low > 1:
        return _told(MISLABELLED, "unreached", gain=gain_name(rate.gain), most=times(rate.most))
    if rate.per_real is None:
        return _told(MISLABELLED, UNTOLD, state=_state(rate))
    outcome = "passed" if dearer.low > 1 else "failed"
    return _told(MISLABELLED, outcome, times=ratio(dearer.estimate), bounds=ratio_bounds(dearer))


def _beside(found: Sequence[Rate], rate: Rate) -> Rate | None:
    """The identity control's at the same base and gain."""
    place = (IDENTITY, rate.base, rate.gain)
    return next((one for one in found if (one.pool, one.base, one.gain) == place), None)


def _needed(fit: Fitted, rate: Rate) -> NDArray[np.float64]:
    return censored(fit, rate.gain, rate.base, rate.most)


def _state(rate: Rate | None) -> str:
    return str(words()["states"]["nothing" if rate is None else rate.state])


def _told(pool: str, outcome: str, **numbers: str) -> Control:
    said = words()["controls"][pool][outcome].format(**numbers)
    return Control(pool, outcome in PASSED, said, tells=outcome != UNTOLD)


def _points(interval: Interval) -> str:
    return f"{signed(interval.low, 1)}{NBSP}to{NBSP}{signed(interval.high, 1)}"


def _percent(share: float) -> str:
    return f"{round(100 * share)}{NBSP}%".replace("-", "−")
