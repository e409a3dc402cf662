"""What an exchange rate says in sentences; the words are in ``verdict.yaml``."""

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np
import yaml

from varifactory.exchange.drawing import least_draws
from varifactory.exchange.drawn import Drawn
from varifactory.exchange.effective_data import MOST_KAPPA, TAU, ByBase
from varifactory.exchange.figures import Parameter, Rate
from varifactory.exchange.fitting import Fitted
from varifactory.exchange.rates import beyond, headline
from varifactory.exchange.surface import REAL
from varifactory.exchange.wording import (
    figure,
    gain_name,
    listed,
    many,
    multiple,
    pool_name,
    ratio,
    ratio_bounds,
)
from varifactory.report.wording import NBSP, level, signed

UNSEEN = 0.98
"""Of the highest ceiling that is fitted: where even its interval begins there, none was seen."""


@cache
def words() -> Mapping[str, Any]:
    """The texts of ``verdict.yaml``."""
    path = files("varifactory").joinpath("exchange/verdict.yaml")
    found: Mapping[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return found


def verdict(found: Sequence[Rate], pool: str, ceiling: Parameter) -> str:
    """The line of one pool."""
    rate, name = headline(found, pool), first_large(pool_name(pool))
    if rate is None:
        return str(words()["verdict"]["nothing"]).format(pool=name)
    told = rate.per_real
    each = told.estimate if told else rate.at_most
    return str(words()["verdict"][rate.state]).format(
        pool=name,
        gain=gain_name(rate.gain),
        points=signed(rate.points.estimate, 1),
        base=many(rate.base, "image"),
        rate="" if each is None else ratio(each),
        bounds=ratio_bounds(told) if told else "",
        level=level(rate.points.confidence),
        most=multiple(round(rate.most, 2)),
        more=_ceiling(ceiling) if told else "" if each else _smaller(found, rate),
    )


def _ceiling(ceiling: Parameter) -> str:
    if not ceiling.identified:
        said = "ceiling unseen" if ceiling.low > UNSEEN * MOST_KAPPA else "ceiling open"
        return str(words()[said]).format(kappa=ratio(ceiling.low))
    bounds = f"{ratio(ceiling.low)}{NBSP}to{NBSP}{ratio(ceiling.high)}"
    return str(words()["ceiling"]).format(kappa=ratio(ceiling.value), bounds=bounds)


def _smaller(found: Sequence[Rate], rate: Rate) -> str:
    """Of the largest gain at that base that was reached, where one is."""
    reached = [one for one in found
               if (one.pool, one.base) == (rate.pool, rate.base)
               and one.state in ("reached", "at most")]  # fmt: skip
    if not reached:
        return ""
    best = max(reached, key=lambda one: one.gain)
    if best.per_real is None:
        assert best.at_most is not None
        said, each, bounds = "smaller at most", best.at_most, ""
    else:
        said, each, bounds = "smaller", best.per_real.estimate, ratio_bounds(best.per_real)
    return str(words()[said]).format(gain=gain_name(best.gain), rate=ratio(each), bounds=bounds)


def remarks(
    drawn: Drawn, fits: Mapping[str, Fitted], found: Sequence[Rate], gains: Sequence[float]
) -> Iterator[str]:
    """What a reader must know beside the figures."""
    if len(drawn.answers.seeds) == 1:
        yield str(words()["one seed"])
    draws, least = len(drawn.top1) - 1, least_draws(drawn.confidence)
    if draws < least:
        yield str(words()["few draws"]).format(
            draws=many(draws, "draw"), level=level(drawn.confidence), least=f"{least:,}"
        )
    told = {one.pool for one in found if one.per_real}
    for pool, fit in fits.items():
        changes = isinstance(fit.form, ByBase) and not drawn.interval(fit.at[:, TAU]).spans_zero
        if changes and pool in told:
            yield _changing(pool, fit)
    if single := [pool_name(pool) for pool, fit in fits.items() if fit.one_number]:
        yield str(words()["one number"]).format(pools=listed(single))
    yield from _short(drawn, gains)


def _changing(pool: str, fit: Fitted) -> str:
    """From the smallest to the largest base to which its images were added."""
    bases = np.unique(fit.points.base)
    first, last = (float(fit.form.price(fit.at[:1], 1e-6, base)[0]) * 1e6
                   for base in (bases[0], bases[-1]))  # fmt: skip
    return str(words()["changing"]).format(
        pool=pool_name(pool), first=figure(first), last=figure(last),
        smallest=f"{bases[0]:.0f}", largest=f"{bases[-1]:.0f}",
    )  # fmt: skip


def _short(drawn: Drawn, gains: Sequence[float]) -> Iterator[str]:
    """Gains at bases to which too few real images were added."""
    answers = drawn.answers
    most = {
        images: answers.multiples(answers.at(pool=REAL, way="real", base=base)).max()
        for base, images in answers.bases.items()
    }
    for gain in gains:
        if left := {images: end for images, end in most.items() if beyond(gain, end)}:
            yield str(words()["short"]).format(
                gain=gain_name(gain),
                bases=listed([f"{images:.0f}" for images in left]) + " images",
                most=multiple(round(float(min(left.values())), 2)),
            )


def first_large(text: str) -> str:
    """With its first letter as a sentence begins."""
    return text[:1].upper() + text[1:]
