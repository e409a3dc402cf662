"""How often intervals of an exchange rate hold a known truth, and how wide they are.

``python -m bench.exchange_coverage 400`` simulates as many grids a line; a group of the bench takes
``GRIDS``.
"""

import os
import sys
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from typing import Any

import numpy as np

from bench.figures import show
from varifactory.exchange.counting import count_exchange
from varifactory.exchange.effective_data import EffectiveData
from varifactory.exchange.figures import ExchangeRate, Parameter, Rate
from varifactory.exchange.simulation import (
    Truth,
    Worth,
    effective,
    exact,
    noisy,
    none,
    paper,
    same,
)

GRIDS = 100
GOAL = 0.9
RECOVERED = 0.05
"""Of a parameter that is known, without noise."""
GAINS = (0.5, 1.0, 2.0)
FORM = EffectiveData()
POOLS: Mapping[str, tuple[Worth, float, float]] = {
    "edits": (effective(0.8, 4.0), 0.8, 4.0),
    "foreign": (effective(0.35, 6.0), 0.35, 6.0),
    "identity": (same, 1.0, 1e9),
}
"""Pool -> its worth, rho and kappa."""
G, C2 = 0.003, 2.2
TRUTHS: Mapping[str, Truth] = {
    "effective": Truth(pools={pool: worth for pool, (worth, _, _) in POOLS.items()}),
    "paper": Truth(pools={"edits": paper(G, C2)}),
    "worthless": Truth(pools={"closed-set": none}),
}
PAPER = {"g": G, "c2": C2}
DESIGNS: Mapping[str, Mapping[str, Any]] = {
    "5 seeds x 600 images": {},
    "3 seeds x 600 images": {"seeds": (1, 2, 3)},
    "10 seeds x 2,000 images": {"seeds": tuple(range(10)), "images": 2000},
    "5 seeds x 600 images, seeds alike": {"shared": 0.0, "own": 0.0},
    "5 seeds x 2,000 images, seeds unlike": {"shared": 0.15, "own": 0.1, "images": 2000},
}


def main() -> None:
    """Forms without noise; every design on each form, then on worthless pools."""
    grids = int(sys.argv[1]) if len(sys.argv) > 1 else GRIDS
    _exact()
    with ProcessPoolExecutor(min(2, os.cpu_count() or 1)) as processes:
        for name in DESIGNS:
            _paper(name, _counted(processes, "paper", name, grids))
            _effective(name, _counted(processes, "effective", name, grids))
            _worthless(name, _counted(processes, "worthless", name, grids))


def _counted(
    processes: ProcessPoolExecutor, truth: str, design: str, grids: int
) -> list[ExchangeRate]:
    return list(processes.map(partial(_grid, truth, design), range(grids), chunksize=5))


def _grid(truth: str, design: str, seed: int) -> ExchangeRate:
    return count_exchange(noisy(TRUTHS[truth], seed, **DESIGNS[design]), title="")


def _exact() -> None:
    """How far off parameters are where nothing is drawn."""
    first = {FORM.names[0]: 1 / 0.8, FORM.names[1]: 4.0}
    for truth, form, known in (("effective", FORM.form, first), ("paper", "paper", PAPER)):
        found = count_exchange(exact(TRUTHS[truth], 200_000), title="", resamples=40)
        for name, value in known.items():
            off = abs(_parameter(found, "edits", form, name).value / value - 1)
            show(f"without noise, {name} of the form {form} is off by", off, "share", 1,
                 goal=RECOVERED)  # fmt: skip


def _effective(name: str, seen: Sequence[ExchangeRate]) -> None:
    for pool, (_, rho, kappa) in POOLS.items():
        at = np.log([[rho, kappa]])
        for gain in GAINS:
            rates = [_one(found, pool, 60, gain) for found in seen]
            _show(f"{pool}, +{gain:g}, {name}", rates, float(FORM.price(at, gain, 60)[0] / gain))
        _held(f"{pool}, {name}", seen, pool, FORM.form, FORM.names[0], 1 / rho)
        if kappa < 1e3:
            _held(f"{pool}, {name}", seen, pool, FORM.form, FORM.names[1], kappa)


def _paper(name: str, seen: Sequence[ExchangeRate]) -> None:
    """The paper's form, whose rate at 120 images is 1.3 times that at 30."""
    for parameter, truth in PAPER.items():
        _held(f"form of the paper, {name}", seen, "edits", "paper", parameter, truth)
    for base in (30, 60, 120):
        rates = [_one(found, "edits", base, 1.0) for found in seen]
        _show(f"form of the paper, +1 from {base} images, {name}", rates,
              float(np.exp(G * base) * (C2 - 1)))  # fmt: skip
    noticed = [any("changes with the base" in note for note in one.notes) for one in seen]
    show(f"a change with the base noticed, {name}", float(np.mean(noticed)), "share", len(seen))


def _held(
    case: str, seen: Sequence[ExchangeRate], pool: str, form: str, name: str, truth: float
) -> None:
    """Of all grids: the interval of a parameter that is not identified ends at a bound."""
    told = [_parameter(found, pool, form, name) for found in seen]
    held = [one.low <= truth <= one.high for one in told]
    sure = [one.low <= truth <= one.high for one in told if one.identified]
    show(f"coverage of 95 %, {name}, {case}", float(np.mean(held)), "share", len(held), goal=GOAL,
         truth=truth, median=round(float(np.median([one.value for one in told])), 4),
         identified=len(sure), identified_that_hold=sum(sure))  # fmt: skip


def _worthless(name: str, seen: Sequence[ExchangeRate]) -> None:
    told = Counter(rate.per_real is not None for found in seen for rate in found.rates)
    show(f"a worthless pool told a number, {name}", told[True] / told.total(), "share",
         told.total(), goal=0.0)  # fmt: skip


def _parameter(found: ExchangeRate, pool: str, form: str, name: str) -> Parameter:
    return next(
        one
        for fit in found.fits
        if (fit.pool, fit.form) == (pool, form)
        for one in fit.parameters
        if one.name == name
    )


def _one(found: ExchangeRate, pool: str, base: int, gain: float) -> Rate:
    return next(
        one for one in found.rates if (one.pool, one.base, one.gain) == (pool, base, gain)
    )  # fmt: skip


def _show(case: str, rates: list[Rate], truth: float) -> None:
    """Of the rates that are told: what is not reached claims nothing."""
    told = [one.per_real for one in rates if one.per_real]
    states: dict[str, int] = defaultdict(int)
    for one in rates:
        states[one.state] += 1
    if not told:
        show(f"coverage of 95 %, {case}", -1, "share", 0, states=states)
        return
    held = float(np.mean([one.low <= truth <= one.high for one in told]))
    show(f"coverage of 95 %, {case}", held, "share", len(told), goal=GOAL, truth=round(truth, 3),
         median=round(float(np.median([one.estimate for one in told])), 3),
         high_over_low=round(float(np.median([one.high / one.low for one in told])), 2),
         states=states)  # fmt: skip


if __name__ == "__main__":
    main()
