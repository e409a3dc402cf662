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
from varifactory.exchange.controls import DUPLICATE, IDENTITY, MISLABELLED
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
    "one number": Truth(pools={"edits": effective(2.0, 0.8)}, synthetic=(4.0,)),
    "sound": Truth(pools={IDENTITY: same, DUPLICATE: none, MISLABELLED: effective(0.6, 1e6)}),
    "faulty": Truth(pools={IDENTITY: effective(0.5, 1e6), DUPLICATE: effective(1.0, 0.7),
                           MISLABELLED: same}),
}  # fmt: skip
PAPER = {"g": G, "c2": C2}
CONTROLS: Mapping[str, tuple[str, float]] = {"sound": ("failed", 0.05), "faulty": ("passed", 0.0)}
"""Truth of controls -> what they should not come to, and how often intervals of 95 % let them."""
DESIGNS: Mapping[str, Mapping[str, Any]] = {
    "5 seeds x 600 images": {},
    "3 seeds x 600 images": {"seeds": (1, 2, 3)},
    "10 seeds x 2,000 images": {"seeds": tuple(range(10)), "images": 2000},
    "5 seeds x 600 images, seeds alike": {"shared": 0.0, "own": 0.0},
    "5 seeds x 2,000 images, seeds unlike": {"shared": 0.15, "own": 0.1, "images": 2000},
    "10 seeds x 600 images": {"seeds": tuple(range(10))},
}
SEEDS = ("3 seeds x 600 images", "5 seeds x 600 images", "10 seeds x 600 images")
"""Designs of controls, which are a matter of seeds; the last one is theirs alone."""


def main() -> None:
    """Forms without noise; every design on each form, then on worthless pools; then controls."""
    grids = int(sys.argv[1]) if len(sys.argv) > 1 else GRIDS
    _exact()
    with ProcessPoolExecutor(min(2, os.cpu_count() or 1)) as processes:
        for name in list(DESIGNS)[:-1]:
            _paper(name, _counted(processes, "paper", name, grids))
            _effective(name, _counted(processes, "effective", name, grids))
            _worthless(name, _counted(processes, "worthless", name, grids))
            _one_number(name, _counted(processes, "one number", name, grids))
        for name in SEEDS:
            for truth in CONTROLS:
                _controls(truth, name, _counted(processes, truth, name, grids))


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


def _one_number(name: str, seen: Sequence[ExchangeRate]) -> None:
    """Of images far above a ceiling: a real one costs 0.78 of them at +50 %."""
    truth = float(FORM.price(np.log([[2.0, 0.8]]), 0.5, 60)[0] / 0.5)
    told = [_one(found, "edits", 60, 0.5).at_most for found in seen]
    numbers = sum(rate.per_real is not None for found in seen for rate in found.rates)
    held = [one >= truth for one in told if one is not None]
    show(f"cost at most, of one number of images, {name}", float(np.mean(held or -1)), "share",
         len(held), goal=GOAL, truth=round(truth, 3), numbers_told=numbers)  # fmt: skip


def _controls(truth: str, name: str, seen: Sequence[ExchangeRate]) -> None:
    """What known pools come to: sound ones should not fail, and faulty ones not pass."""
    wrong, goal = CONTROLS[truth]
    for at, pool in enumerate(one.pool for one in seen[0].controls):
        came = Counter(
            "passed" if one.passed else "failed" if one.failed else "too small"
            for one in (found.controls[at] for found in seen)
        )
        show(f"{truth} {pool} control {wrong}, {name}", came[wrong] / len(seen), "share", len(seen),
             goal=goal, **came)  # fmt: skip


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
