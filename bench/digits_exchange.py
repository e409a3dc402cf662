"""What the exchange rate says of pools whose worth is known, on scikit-learn's digits."""

import time

from bench.digits_grid import digits_surface
from bench.figures import show
from varifactory.exchange.controls import IDENTITY, MISLABELLED
from varifactory.exchange.counting import count_exchange
from varifactory.exchange.figures import ExchangeRate
from varifactory.exchange.rates import headline

SEEDS = (1, 2, 3, 4, 5, 6)
GOAL = 60.0
"""Seconds on two cores, all together."""


def main() -> None:
    """Train the grid, count it, say what it came to."""
    began = time.perf_counter()
    surface = digits_surface(SEEDS)
    trained = time.perf_counter() - began
    found = count_exchange(surface, title="digits", trainee="estimator")
    whole = time.perf_counter() - began
    show("digits: cells trained", trained, "s", len(surface.cells))
    show("digits: counted with 200 draws", whole - trained, "s", len(surface.cells))
    show("digits: all together", whole, "s", len(surface.cells), goal=GOAL)
    for rate in found.rates:
        told = rate.per_real
        show(f"digits: {rate.pool}, rate at +{rate.gain:g} from {rate.base} images",
             told.estimate if told else -1, "images a real one", found.test_images,
             state=rate.state, interval=[round(told.low, 2), round(told.high, 2)] if told else None,
             points=round(100 * rate.points.estimate, 2), unreached=rate.unreached)  # fmt: skip
    for control in found.controls:
        show(f"digits: control {control.pool}", control.passed, "passed", found.test_images,
             said=control.sentence)  # fmt: skip
    for line in (*found.verdict, *found.notes):
        show("digits: said", 1, "line", 1, said=line)
    _accept(found)


def _accept(found: ExchangeRate) -> None:
    """The acceptance of the instrument, a line each."""
    identity, wrong = headline(found.rates, IDENTITY), headline(found.rates, MISLABELLED)
    closed = [rate for rate in found.rates if rate.pool == "closed-set"]
    passed = {control.pool: control.passed for control in found.controls}
    one = identity and identity.per_real
    show("digits accepted: identity contains 1", bool(one and one.low <= 1 <= one.high), "held", 1)
    show("digits accepted: wrong labels cost clearly more", passed[MISLABELLED], "held", 1,
         state=wrong.state if wrong else None)  # fmt: skip
    show("digits accepted: closed set is never a number", bool(closed) and
         all(rate.state == "not reached" and rate.per_real is None for rate in closed), "held",
         len(closed))  # fmt: skip


if __name__ == "__main__":
    main()
