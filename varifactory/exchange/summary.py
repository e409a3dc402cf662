"""An exchange rate in short: lines for a terminal, figures for programs, Markdown for Prefect."""

from typing import Any

from varifactory.exchange.figures import ExchangeRate, Rate
from varifactory.exchange.page import NUMBERS, alarms
from varifactory.exchange.wording import gain_name, pool_name, ratio, ratio_bounds, words
from varifactory.markdown import plain, row
from varifactory.report.packing import flat_row
from varifactory.report.wording import level

SHOWN_NOTES = 5
"""In the artifact; the page holds more."""


def lines(found: ExchangeRate) -> list[str]:
    """The verdict, controls that failed, each rate, and what to know of, a line each."""
    rates = [f"{_place(one)}: {_cost(one)}" for one in found.rates]
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
    return ["\n".join([*lines, *(row(_cells(one)) for one in found.rates)])]


def _cells(one: Rate) -> tuple[str, ...]:
    gains = f"{NUMBERS.points(one.points.estimate)} ({NUMBERS.bounds(one.points)})"
    each = ratio(one.per_real.estimate) if one.per_real else _cost(one)
    bounds = ratio_bounds(one.per_real) if one.per_real else "–"
    state = " (beyond the grid)" if one.state == "beyond" else ""
    return (pool_name(one.pool), f"{one.base:,}", gain_name(one.gain), gains, f"{each}{state}",
            bounds)  # fmt: skip


def _place(one: Rate) -> str:
    return f"{pool_name(one.pool)}, {gain_name(one.gain)} of {one.base:,} real images"


def _cost(one: Rate) -> str:
    """``1.43 a real image (1.06 to 2.09)``, or that no number is known."""
    if one.per_real:
        beyond = ", " + words()["states"]["beyond"] if one.state == "beyond" else ""
        return f"{ratio(one.per_real.estimate)} a real image ({ratio_bounds(one.per_real)}){beyond}"
    if one.state == "no gain":
        return str(words()["states"]["no gain"])
    return f"{words()['states'][one.state]} with {ratio(one.most / one.gain)} a real image"
