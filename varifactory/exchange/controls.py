"""Pools whose rate is known beforehand: what they came to says whether the grid can be believed."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from varifactory.exchange.drawn import Drawn
from varifactory.exchange.figures import Control, Rate
from varifactory.exchange.fitting import Fitted
from varifactory.exchange.rates import HEADLINE, headline
from varifactory.exchange.sentences import words
from varifactory.exchange.wording import gain_name, multiple, ratio, ratio_bounds
from varifactory.exchange.yardstick import Yardstick
from varifactory.recipe.exchange import CONTROLS
from varifactory.report.wording import NBSP, signed

IDENTITY, DUPLICATE, MISLABELLED = CONTROLS
SLIGHT = 0.25
"""Of what as many real images again would gain: duplicates may gain surely less than this. Seeing
an image twice is a little like training longer, which moves some trainees by a fraction of a
point; a quarter of the real gain would move rates by about as much as their intervals."""
PASSED = ("passed", "unreached")
"""Outcomes, as ``verdict.yaml`` names them."""


def controls(drawn: Drawn, fits: Mapping[str, Fitted], found: Sequence[Rate]) -> Iterator[Control]:
    """What each control of the grid came to, in the order of the recipe."""
    if IDENTITY in fits:
        yield _identity(headline(found, IDENTITY))
    if DUPLICATE in fits:
        yield _duplicate(drawn, fits[DUPLICATE].measure)
    if MISLABELLED in fits:
        yield _mislabelled(drawn, fits, headline(found, MISLABELLED))


def _identity(rate: Rate | None) -> Control:
    """Its rate at the gain that the verdict tells of: its interval must hold 1."""
    if rate is None or rate.per_real is None:
        state = words()["states"]["nothing" if rate is None else rate.state]
        return _told(IDENTITY, "missing", state=state)
    told = rate.per_real
    outcome = "passed" if told.low <= 1 <= told.high else "failed"
    return _told(IDENTITY, outcome, rate=ratio(told.estimate), bounds=ratio_bounds(told))


def _duplicate(drawn: Drawn, measure: Yardstick) -> Control:
    """The gain of the most duplicates, the mean over bases, over that of as many real images."""
    answers = drawn.answers
    gained, real = [], []
    for base, images in answers.bases.items():
        at = answers.at(pool=DUPLICATE, way="added", base=base)
        if len(at):
            gained.append(drawn.top1[:, at[-1]] - drawn.top1[:, answers.base_at(base)])
            error = measure.error(np.array([images, images * (1 + HEADLINE)]))
            real.append(error[:, 0] - error[:, 1])
    points: NDArray[np.float64] = np.mean(gained, axis=0)
    share = drawn.interval(points / np.maximum(np.mean(real, axis=0), 1e-9))
    outcome = "passed" if share.low <= 0 or share.high < SLIGHT else "failed"
    return _told(
        DUPLICATE, outcome, points=signed(float(points[0]), 1), share=_percent(share.estimate),
        bounds=f"{_percent(share.low)}{NBSP}to{NBSP}{_percent(share.high)}",
    )  # fmt: skip


def _mislabelled(drawn: Drawn, fits: Mapping[str, Fitted], rate: Rate | None) -> Control:
    """Its rate over that of the identity control on the same draws, or over 1 without one."""
    gain = rate.gain if rate else HEADLINE
    base = rate.base if rate else max(drawn.answers.bases.values())
    price = fits[MISLABELLED].price(gain, base)
    other = fits[IDENTITY].price(gain, base) if IDENTITY in fits else np.full_like(price, gain)
    with np.errstate(invalid="ignore"):
        # Where neither is reached nothing is known of how they compare.
        times = drawn.interval(np.nan_to_num(price / other, nan=1.0, posinf=np.inf))
    outcome = "passed" if times.low > 1 else "failed"
    if rate is not None and rate.state == "not reached" and times.low > 1:
        return _told(MISLABELLED, "unreached", gain=gain_name(rate.gain), most=multiple(rate.most))
    return _told(MISLABELLED, outcome, times=ratio(times.estimate), bounds=ratio_bounds(times))


def _told(pool: str, outcome: str, **numbers: str) -> Control:
    return Control(pool, outcome in PASSED, words()["controls"][pool][outcome].format(**numbers))


def _percent(share: float) -> str:
    return f"{round(100 * share)}{NBSP}%".replace("-", "−")
