"""An exchange rate in short: lines for a terminal, figures for programs, Markdown for Prefect."""

from collections.abc import Iterator
from typing import Any

from varifactory.exchange.figures import ExchangeRate
from varifactory.exchange.wording import gain_name, listed, pool_name, ratio, ratio_bounds, words
from varifactory.markdown import plain, row
from varifactory.report.exchange.page import NUMBERS, alarms
from varifactory.report.exchange.rows import RateLine, rate_blocks
from varifactory.report.packing import flat_row
from varifactory.report.wording import level

SHOWN_NOTES = 5
"""In the artifact; the page holds more."""


def lines(found: ExchangeRate) -> list[str]:
    """The verdict, controls that failed, each rate, and what to know of, a line each."""
    rates = [f"{_place(one)}: {_cost(one)}" for one in _lines(found)]
    return [*found.verdict, *alarms(found), *rates, *found.notes]


def told(found: ExchangeRate) -> dict[str, Any]:
    """What the head of the page says, and the rates, for programs."""
    return {
        "exchange_rate": found.title,
        "verdict": list(found.verdict),
        "alarms": alarms(found),
        "trainee": found.trainee,
        "seeds": list(found.seeds),
        "test_images": found.test_images,
        "rates": [flat_row(one) for one in found.rates],
        "ceilings": [flat_row(one) for one in found.ceilings],
        "controls": [flat_row(one) for one in found.controls],
        "more_seeds": dict(found.more_seeds),
        "notes": list(found.notes),
    }


def summary(found: ExchangeRate, where: str) -> str:
    """The verdict, the rates and what to know of in Markdown; ``where`` the page lies."""
    shown = found.notes[:SHOWN_NOTES]
    more = len(found.notes) - len(shown)
    parts = [
        f"# Exchange rate of {plain(found.title)}",
        *(f"**{plain(one)}**" for one in found.verdict),
        *(plain(one) for one in alarms(found)),
        *_table(found),
        *(f"- {plain(note)}" for note in shown),
        *([f"{more:,} more notes on the page."] if more else []),
        f"Page: {plain(where)}",
    ]
    return "\n\n".join(parts) + "\n"


def _table(found: ExchangeRate) -> list[str]:
    if not found.rates:
        return []
    lines = [
        "| pool | real images | added | they gain, points | images a real one "
        f"| {level(found.confidence)} interval |",
        "|---|--:|--:|--:|--:|--:|",
    ]
    return ["\n".join([*lines, *(row(_cells(one)) for one in _lines(found))])]


def _cells(line: RateLine) -> tuple[str, ...]:
    one = line.one
    gains = ", ".join(NUMBERS.points(rate.points.estimate) for rate in line.rates)
    each = ratio(one.per_real.estimate) if one.per_real else _cost(line)
    bounds = ratio_bounds(one.per_real) if one.per_real else "–"
    state = f" ({words()['states']['beyond']})" if one.state == "beyond" else ""
    return pool_name(one.pool), _bases(line), gain_name(one.gain), gains, f"{each}{state}", bounds


def _bases(line: RateLine) -> str:
    return listed([f"{rate.base:,}" for rate in line.rates])


def _place(line: RateLine) -> str:
    return f"{pool_name(line.one.pool)}, {gain_name(line.one.gain)} of {_bases(line)} real images"


def _cost(line: RateLine) -> str:
    """``1.43 a real image (1.06 to 2.09)``, or that no number is known."""
    one, said = line.one, str(words()["states"][line.one.state])
    if one.per_real:
        beyond = f", {said}" if one.state == "beyond" else ""
        return f"{ratio(one.per_real.estimate)} a real image ({ratio_bounds(one.per_real)}){beyond}"
    if one.at_most is not None:
        return f"{said} {ratio(one.at_most)} a real image"
    return said if one.state == "no gain" else f"{said} with {ratio(line.tried)} a real image"


def _lines(found: ExchangeRate) -> Iterator[RateLine]:
    for block in rate_blocks(found):
        for group in block.groups:
            yield from group.lines
