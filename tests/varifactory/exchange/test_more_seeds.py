import numpy as np

from varifactory.exchange.counting import count_exchange
from varifactory.exchange.figures import ExchangeRate
from varifactory.exchange.rates import headline
from varifactory.exchange.simulation import Truth, effective, noisy, none

TRUTH = Truth(pools={"edits": effective(0.8, 4.0), "closed-set": none})


def counted(seeds: int, draw: int) -> ExchangeRate:
    truth = Truth(pools={"edits": effective(0.8, 4.0)})
    surface = noisy(truth, draw, seeds=tuple(range(seeds)), images=1500)
    return count_exchange(surface, title="", gains=(1.0,))


def width(found: ExchangeRate) -> float:
    rate = headline(found.rates, "edits")
    assert rate
    assert rate.per_real
    return float(np.log(rate.per_real.high / rate.per_real.low))


def test_so_many_seeds_halve_the_interval_about() -> None:
    found = [counted(4, draw) for draw in range(3)]
    more = [one.more_seeds["edits"] for one in found]
    assert all(one is not None and 2 <= one <= 40 for one in more)
    count = int(np.median([one for one in more if one is not None]))
    before = np.median([width(one) for one in found])
    after = np.median([width(counted(4 + count, draw)) for draw in range(3)])
    assert 0.3 < after / before < 0.7


def test_a_pool_without_a_rate_asks_for_no_seeds() -> None:
    assert set(count_exchange(noisy(TRUTH, 0), title="").more_seeds) == {"edits"}


def test_no_seeds_help_where_images_are_all_there_is() -> None:
    """Every seed answers alike: only the test images move the rate."""
    surface = noisy(TRUTH, 1, images=4000, shared=0.0, own=0.0, answers=1e-9)
    assert count_exchange(surface, title="").more_seeds["edits"] is None
