"""The acceptance of the instrument: trained classifiers on real images, in seconds."""

import pickle

import pytest

from bench.digits_grid import digits_surface
from varifactory.exchange.controls import IDENTITY, MISLABELLED
from varifactory.exchange.counting import count_exchange
from varifactory.exchange.figures import ExchangeRate
from varifactory.exchange.rates import headline
from varifactory.exchange.surface import Surface


@pytest.fixture(scope="module")
def surface() -> Surface:
    return digits_surface((1, 2, 3, 4), controls=(IDENTITY, MISLABELLED))


@pytest.fixture(scope="module")
def found(surface: Surface) -> ExchangeRate:
    return count_exchange(surface, title="digits", trainee="estimator")


def test_other_real_images_cost_one_for_one(found: ExchangeRate) -> None:
    for rate in (one for one in found.rates if one.pool == IDENTITY):
        assert rate.per_real
        assert rate.per_real.low <= 1 <= rate.per_real.high


def test_wrong_labels_cost_clearly_more(found: ExchangeRate) -> None:
    assert {one.pool: one.passed for one in found.controls}[MISLABELLED]
    identity, wrong = headline(found.rates, IDENTITY), headline(found.rates, MISLABELLED)
    assert identity
    assert identity.per_real
    assert wrong
    assert not any("mislabelled" in note for note in found.notes)
    assert wrong.per_real is None or wrong.per_real.low > identity.per_real.high


def test_a_closed_set_generator_is_never_a_number(found: ExchangeRate) -> None:
    rates = [one for one in found.rates if one.pool == "closed-set"]
    assert len(rates) == 9
    assert {(one.state, one.per_real) for one in rates} == {("not reached", None)}
    assert "is not reached with up to 4 times the base" in found.verdict[0]
    assert "closed-set" not in found.more_seeds


def test_counted_again_from_what_was_kept_it_is_the_same(
    surface: Surface, found: ExchangeRate
) -> None:
    kept = pickle.loads(pickle.dumps(surface))
    assert count_exchange(kept, title="digits", trainee="estimator") == found
