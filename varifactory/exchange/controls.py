"""Pools whose rate is known beforehand: what they came to says whether the grid can be believed."""

from collections.abc import Iterator, Mapping, Sequence

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
ALONE = "mislabelled alone"
"""Words of the last one where no identity control says what images with right labels cost."""
SLIGHT = 0.25
"""Of what as many real images would gain: duplicates may gain surely less than this. Seeing an
image twice is a little like training longer, which moves some trainees by a fraction of a point; a
quarter of the real gain would move rates by about as much as their intervals."""
TOLD_APART = 2.0
"""Of other real images, which must cost 1: a grid that cannot tell a cost of twice or half of that
from it says nothing, though its interval holds 1."""
MOST_WRONG = 0.5
"""Share of wrong labels from which on no more is asked of the control than of this one."""
PASSED, UNTOLD, WIDE = ("passed", "unreached"), "too small", "wide"
"""Outcomes, as ``verdict.yaml`` names them; what is not told, or too wide to be, neither passed nor
failed."""


def controls(
    drawn: Drawn, fits: Mapping[str, Fitted], found: Sequence[Rate], wrong: float
) -> Iterator[Control]:
    """What each control of the grid came to, in the order of the recipe.

    ``wrong``: share of wrong labels of the control that has them.
    """
    if IDENTITY in fits:
        yield _identity(drawn, fits[IDENTITY], headline(found, IDENTITY))
    if DUPLICATE in fits:
        yield _duplicate(drawn, fits[DUPLICATE].measure)
    if MISLABELLED in fits:
        yield _mislabelled(drawn, fits, found, wrong)


def _identity(drawn: Drawn, fit: Fitted, rate: Rate | None) -> Control:
    """Its cost at the gain that the verdict tells of: the interval must hold 1, and little else.

    One that is not reached fails where it surely costs more than 1. Of one number of images, each
    real image is held to cost what those that were tried cost: for these, which are real, it does.
    """
    if rate is None or rate.state == "no gain":
        return _told(IDENTITY, UNTOLD, state=_state(rate))
    cost = drawn.interval(_needed(fit, rate) / rate.gain)
    if cost.low > 1 and not _reached(rate):
        return _told(IDENTITY, "missing", state=_state(rate))
    if not (_reached(rate) or fit.one_number):
        return _told(IDENTITY, UNTOLD, state=_state(rate))
    outcome = "passed" if cost.low > 1 / TOLD_APART and cost.high < TOLD_APART else WIDE
    if not cost.low <= 1 <= cost.high:
        outcome = "failed"
    return _told(IDENTITY, outcome, rate=ratio(cost.estimate), bounds=ratio_bounds(cost))


def _duplicate(drawn: Drawn, measure: Yardstick) -> Control:
    """The gain of the base once more over that of as many real images, the means over bases."""
    answers, once = drawn.answers, _once_more(drawn)
    multiples = answers.multiples(np.array(list(once.values()), dtype=np.intp))
    whole = [answers.base_at(base) for base in once]
    gained = (drawn.top1[:, list(once.values())] - drawn.top1[:, whole]).mean(axis=1)
    as_real = np.mean([gained_by_real(measure, answers.bases[base], multiple)
                       for base, multiple in zip(once, multiples, strict=True)], 0)  # fmt: skip
    numbers = {
        "again": _again(multiples),
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


def _once_more(drawn: Drawn) -> dict[int, int]:
    """Base -> the place at which its duplicates were the nearest to once more.

    Each base has its own: multiples are rounded to whole images of a class.
    """
    answers, found = drawn.answers, {}
    for base in answers.bases:
        if (at := answers.at(pool=DUPLICATE, way="added", base=base)).size:
            found[base] = int(at[np.abs(np.log(answers.multiples(at))).argmin()])
    return found


def _again(multiples: NDArray[np.float64]) -> str:
    """Said where they were not as many as the base has."""
    told = dict.fromkeys(f"{one:.2g}" for one in (multiples.min(), multiples.max()))
    return "" if list(told) == ["1"] else str(words()["again"]).format(multiple=" to ".join(told))


def _mislabelled(
    drawn: Drawn, fits: Mapping[str, Fitted], found: Sequence[Rate], wrong: float
) -> Control:
    """How many times as much it costs as images with right labels do.

    Numbers are told where both rates are; where its own is not reached it may still surely be the
    larger one, since what lies beyond is taken as without end. Were images with wrong labels worth
    nothing, all would cost one over the share of right ones: what may cost as much does not fail,
    for the grid may be too small to see that it does.
    """
    rate, fit = headline(found, MISLABELLED), fits[MISLABELLED]
    said = MISLABELLED if IDENTITY in fits else ALONE
    if rate is None or rate.state == "no gain":
        return _told(MISLABELLED, UNTOLD, said=said, state=_state(rate))
    dearer = _dearer(drawn, fits, found, rate)
    if dearer is None:
        return _told(MISLABELLED, UNTOLD, state=str(words()["states"]["no identity"]))
    if dearer.low > 1 and not _reached(rate):
        return _told(MISLABELLED, "unreached", said=said,
                     gain=gain_name(rate.gain), most=times(rate.most))  # fmt: skip
    if not (_reached(rate) or fit.one_number):
        return _told(MISLABELLED, UNTOLD, said=said, state=_state(rate))
    least = 1 / (1 - min(wrong, MOST_WRONG))
    outcome = "passed" if dearer.low > 1 else "failed" if dearer.high < least else WIDE
    return _told(MISLABELLED, outcome, said=said, times=ratio(dearer.estimate),
                 bounds=ratio_bounds(dearer), least=ratio(least))  # fmt: skip


def _dearer(
    drawn: Drawn, fits: Mapping[str, Fitted], found: Sequence[Rate], rate: Rate
) -> Interval | None:
    """Its rate over that of the identity control on the same draws, or over 1 without one.

    None where that control has no rate.
    """
    right = np.array(rate.gain)
    if identity := fits.get(IDENTITY):
        other = _beside(found, rate)
        if other is None or not (_reached(other) or identity.one_number):
            return None
        right = _needed(identity, other)
    with np.errstate(invalid="ignore"):
        # Where neither is reached nothing is known of how they compare.
        compared = _needed(fits[MISLABELLED], rate) / right
    return drawn.interval(np.nan_to_num(compared, nan=1.0, posinf=np.inf))


def _beside(found: Sequence[Rate], rate: Rate) -> Rate | None:
    """The identity control's at the same base and gain."""
    place = (IDENTITY, rate.base, rate.gain)
    return next((one for one in found if (one.pool, one.base, one.gain) == place), None)


def _reached(rate: Rate) -> bool:
    return rate.per_real is not None or rate.at_most is not None


def _needed(fit: Fitted, rate: Rate) -> NDArray[np.float64]:
    """Bases of the pool for the gain; of one number of images, as dear as those that were tried."""
    if fit.one_number:
        return fit.price(rate.gain, rate.base)
    return censored(fit, rate.gain, rate.base, rate.most)


def _state(rate: Rate | None) -> str:
    return str(words()["states"]["nothing" if rate is None else rate.state])


def _told(pool: str, outcome: str, said: str = "", **numbers: str) -> Control:
    """``said``: whose words, if not the pool's."""
    sentence = words()["controls"][said or pool][outcome].format(**numbers)
    return Control(pool, outcome in PASSED, sentence, tells=outcome not in (UNTOLD, WIDE))


def _points(interval: Interval) -> str:
    return f"{signed(interval.low, 1)}{NBSP}to{NBSP}{signed(interval.high, 1)}"


def _percent(share: float) -> str:
    return f"{round(100 * share)}{NBSP}%".replace("-", "−")
