"""What is told as a number and what is not."""

from functools import cache

import numpy as np
import pytest

from varifactory.exchange.counting import count_exchange
from varifactory.exchange.figures import ExchangeRate, Rate
from varifactory.exchange.rates import headline
from varifactory.exchange.simulation import Truth, Worth, effective, exact, noisy, none, paper, same


@cache
def counted(worth: Worth, most: float = 4.0, **truth: float) -> ExchangeRate:
    synthetic = tuple(at for at in (0.5, 1.0, 2.0, 4.0) if at <= most)
    return count_exchange(
        exact(Truth(pools={"edits": worth}, synthetic=synthetic, **truth), 200_000), title="",
        resamples=40,
    )  # fmt: skip


def rate(found: ExchangeRate, gain: float, base: int = 60) -> Rate:
    return next(one for one in found.rates if (one.gain, one.base) == (gain, base))


def test_a_number_beyond_the_grid_is_flagged_and_one_far_beyond_is_not_told() -> None:
    """Each image is worth a third of a real one: +100 % costs 3, +200 % costs 6, 4 were tried."""
    found = counted(effective(1 / 3, 4000.0))
    assert [rate(found, gain).state for gain in (0.5, 1.0, 2.0)] == ["reached", "reached", "beyond"]
    told = rate(found, 2.0).per_real
    assert told
    assert told.estimate == pytest.approx(3.0, rel=0.05)
    assert rate(found, 2.0).most == 4.0
    fewer = counted(effective(1 / 3, 4000.0), most=2.0)
    assert [rate(fewer, gain).state for gain in (0.5, 1.0, 2.0)] == [
        "reached", "beyond", "not reached"
    ]  # fmt: skip
    assert rate(fewer, 2.0).unreached == 1.0
    assert rate(fewer, 2.0).per_real is None


def test_a_gain_above_the_ceiling_is_not_reached() -> None:
    found = counted(effective(2.0, 0.8))
    assert rate(found, 0.5).state == "reached"
    assert rate(found, 1.0).state == "not reached"


def test_real_images_that_gain_nothing_leave_nothing_to_trade() -> None:
    """Whatever the fit of noise says."""
    surface = noisy(Truth(pools={"edits": same}, a=0.3, alpha=1e-6), 0)
    found = count_exchange(surface, title="")
    assert {one.state for one in found.rates} <= {"no gain", "not reached"}
    assert all(one.per_real is None for one in found.rates)


def test_points_are_what_real_images_gain() -> None:
    truth = Truth(pools={"edits": same})
    found = counted(same)
    for base in (30, 60, 120):
        expected = truth.top1(2 * base) - truth.top1(base)
        assert rate(found, 1.0, base).points.estimate == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("seed", range(4))
def test_a_pool_worth_nothing_is_never_a_number(seed: int) -> None:
    found = count_exchange(noisy(Truth(pools={"closed-set": none}), seed), title="")
    assert all(one.state == "not reached" for one in found.rates)
    assert all(one.per_real is None for one in found.rates)


def test_the_headline_is_one_base_at_the_middle_base() -> None:
    told = headline(counted(same).rates, "edits")
    assert told
    assert (told.gain, told.base) == (1.0, 60)
    assert headline(counted(same).rates, "foreign") is None


def test_one_number_of_images_tells_what_a_real_one_costs_at_most() -> None:
    truth = Truth(pools={"edits": effective(0.6, 4000.0)}, synthetic=(2.0,))
    found = count_exchange(exact(truth, 200_000), title="", resamples=40)
    for gain in (0.5, 1.0):
        told = rate(found, gain)
        assert (told.state, told.per_real) == ("at most", None)
        assert told.at_most == pytest.approx(1 / 0.6, rel=0.05)
    assert rate(found, 2.0).state == "not reached"
    assert found.ceilings[0].why == "one number of images was tried"
    assert any("one number of images was tried" in note for note in found.notes)


def test_what_one_costs_at_most_may_change_with_the_base() -> None:
    """At 120 images a real one costs twice of what it does at 30, and more than at 60."""
    g, c2 = 0.006, 2.0
    truth = Truth(pools={"edits": paper(g, c2)}, synthetic=(4.0,))
    found = count_exchange(exact(truth, 200_000), title="", resamples=40)
    for base in (30, 60, 120):
        told, cost = rate(found, 1.0, base), np.exp(g * base) * (c2 - 1)
        assert told.at_most
        assert cost < told.at_most < 1.6 * cost
    assert found.ceilings[0].why == "one number of images was tried"


@pytest.mark.parametrize("seed", range(4))
def test_one_number_of_images_far_above_a_ceiling_is_no_rate(seed: int) -> None:
    """A real image costs 0.78 of them at +50 %, and the four times the base that were tried say 5;
    no number of them gains what +100 % real images do."""
    truth = Truth(pools={"edits": effective(2.0, 0.8)}, synthetic=(4.0,))
    found = count_exchange(noisy(truth, seed, images=2000), title="")
    first, second = rate(found, 0.5), rate(found, 1.0)
    assert (first.state, first.per_real) == ("at most", None)
    assert first.at_most
    assert first.at_most > 0.78
    assert (second.state, second.per_real, second.at_most) == ("not reached", None, None)
    assert "ceiling" not in found.verdict[0]
    assert not any(one.fitted for one in found.curves if one.pool == "edits")
    assert found.more_seeds == {}


def test_a_fit_alone_reaches_nothing() -> None:
    """At 60 images a fifth as much is gained as at 30 and 120, between which the fit is led."""
    grid = Truth(pools={"edits": lambda added, base: added * (0.2 if base == 60 else 1.0)})
    found = count_exchange(exact(grid, 200_000), title="", resamples=40)
    assert [rate(found, 1.0, base).state for base in (30, 60, 120)] == [
        "reached", "not reached", "reached"
    ]  # fmt: skip
    assert rate(found, 1.0).unreached == 0.0, "the fits say that it is"
    assert rate(found, 0.5).state == "reached"


def test_an_interval_narrows_with_images() -> None:
    truth = Truth(pools={"edits": effective(0.8, 4.0)})
    widths = []
    for images in (300, 3000):
        found = rate(count_exchange(noisy(truth, 1, images=images), title=""), 0.5).per_real
        assert found
        widths.append(np.log(found.high / found.low))
    assert widths[1] < widths[0]
