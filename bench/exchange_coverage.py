"""How often intervals of an exchange rate hold a known truth, and how wide they are.

``python -m bench.exchange_coverage 400`` simulates as many grids a line; a group of the bench takes
``GRIDS``.
"""

import sys
from collections import Counter, defaultdict
from collections.abc import Mapping
from typing import Any

import numpy as np

from bench.figures import show
from varifactory.exchange.counting import count_exchange
from varifactory.exchange.effective_data import EffectiveData
from varifactory.exchange.figures import ExchangeRate, Rate
from varifactory.exchange.simulation import Truth, Worth, effective, noisy, none, paper, same

GRIDS = 100
GOAL = 0.9
GAINS = (0.5, 1.0, 2.0)
FORM = EffectiveData()
POOLS: Mapping[str, tuple[Worth, float, float]] = {
    "edits": (effective(0.8, 4.0), 0.8, 4.0),
    "foreign": (effective(0.35, 6.0), 0.35, 6.0),
    "identity": (same, 1.0, 1e9),
}
"""Pool -> its worth, rho and kappa."""
G, C2 = 0.003, 2.2
DESIGNS: Mapping[str, Mapping[str, Any]] = {
    "5 seeds x 600 images": {},
    "3 seeds x 600 images": {"seeds": (1, 2, 3)},
    "10 seeds x 2,000 images": {"seeds": tuple(range(10)), "images": 2000},
    "5 seeds x 600 images, seeds alike": {"shared": 0.0, "own": 0.0},
    "5 seeds x 2,000 images, seeds unlike": {"shared": 0.15, "own": 0.1, "images": 2000},
}


def main() -> None:
    """Every design on pools of fit A; then rates that change with the base; then worthless ones."""
    grids = int(sys.argv[1]) if len(sys.argv) > 1 else GRIDS
    for name, design in DESIGNS.items():
        _effective(name, design, grids)
    _by_base(grids)
    _worthless(grids)


def _effective(name: str, design: Mapping[str, Any], grids: int) -> None:
    truth = Truth(pools={pool: worth for pool, (worth, _, _) in POOLS.items()})
    seen = [count_exchange(noisy(truth, seed, **design), title="") for seed in range(grids)]
    for pool, (_, rho, kappa) in POOLS.items():
        at = np.log([[rho, kappa]])
        for gain in GAINS:
            rates = [_one(found, pool, 60, gain) for found in seen]
            _show(f"{pool}, +{gain:g}, {name}", rates, float(FORM.price(at, gain, 60)[0] / gain))
        _parameter(name, seen, pool, 1 / rho)


def _parameter(name: str, seen: list[ExchangeRate], pool: str, truth: float) -> None:
    told = [
        parameter
        for found in seen
        for fit in found.fits
        if (fit.pool, fit.form) == (pool, FORM.form)
        for parameter in fit.parameters
        if parameter.name == FORM.names[0]
    ]
    held = [one.low <= truth <= one.high for one in told]
    show(f"coverage of 95 %, rate of the first image, {pool}, {name}", float(np.mean(held)),
         "share", len(held), goal=GOAL)  # fmt: skip


def _by_base(grids: int) -> None:
    """The paper's form, whose rate at 120 images is 1.3 times that at 30."""
    truth = Truth(pools={"edits": paper(G, C2)})
    for name in ("5 seeds x 600 images", "10 seeds x 2,000 images"):
        seen = [count_exchange(noisy(truth, seed, **DESIGNS[name]), title="")
                for seed in range(grids)]  # fmt: skip
        for base in (30, 60, 120):
            rates = [_one(found, "edits", base, 1.0) for found in seen]
            _show(f"form of the paper, +1 from {base} images, {name}", rates,
                  float(np.exp(G * base) * (C2 - 1)))  # fmt: skip
        noticed = [any("changes with the base" in note for note in one.notes) for one in seen]
        show(f"a change with the base noticed, {name}", float(np.mean(noticed)), "share", grids)


def _worthless(grids: int) -> None:
    truth = Truth(pools={"closed-set": none})
    for name, design in DESIGNS.items():
        told = Counter(
            rate.per_real is not None
            for seed in range(grids)
            for rate in count_exchange(noisy(truth, seed, **design), title="").rates
        )
        show(f"a worthless pool told a number, {name}", told[True] / told.total(), "share",
             told.total(), goal=0.0)  # fmt: skip


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
