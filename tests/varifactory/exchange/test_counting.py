"""Grids whose truth is known."""

import pickle
import time
from collections.abc import Callable
from functools import cache

import numpy as np
import pytest

from varifactory.errors import ExchangeError
from varifactory.exchange.counting import count_exchange
from varifactory.exchange.figures import ExchangeRate, Fit, Rate
from varifactory.exchange.simulation import Truth, effective, exact, noisy, none, paper, same
from varifactory.exchange.surface import REAL, Cell, Surface
from varifactory.report.exchange.page import render_exchange

RHO, KAPPA = 0.8, 4.0
G, C2 = 0.004, 2.53
TRUTH = Truth(
    pools={"edits": effective(RHO, KAPPA), "foreign": paper(G, C2), "identity": same,
           "duplicate": none, "mislabelled": effective(0.4, 5.0)},
    substituted=(0.5,),
)  # fmt: skip
NOISY = noisy(Truth(pools={"edits": effective(RHO, KAPPA)}), 3)


@cache
def known() -> ExchangeRate:
    return count_exchange(exact(TRUTH, 200_000), title="known", resamples=40)


@cache
def drawn() -> ExchangeRate:
    return count_exchange(NOISY, title="drawn", trainee="svc", noted=("first",))


def fit(found: ExchangeRate, pool: str, form: str) -> Fit:
    return next(one for one in found.fits if (one.pool, one.form) == (pool, form))


def rate(found: ExchangeRate, pool: str, base: int, gain: float) -> Rate:
    return next(one for one in found.rates if (one.pool, one.base, one.gain) == (pool, base, gain))


def test_effective_data_is_recovered_without_noise() -> None:
    told = {one.name: one for one in fit(known(), "edits", "effective data").parameters}
    assert told["rate of the first image"].value == pytest.approx(1 / RHO, rel=0.05)
    assert told["kappa"].value == pytest.approx(KAPPA, rel=0.05)
    assert told["a"].value == pytest.approx(TRUTH.a, rel=0.05)
    assert told["alpha"].value == pytest.approx(TRUTH.alpha, rel=0.05)
    assert told["c"].value == pytest.approx(TRUTH.c, rel=0.05)
    assert all(one.identified for one in told.values())
    for gain in (0.5, 1.0, 2.0):
        expected = -KAPPA / RHO * np.log(1 - gain / KAPPA) / gain
        found = rate(known(), "edits", 60, gain).per_real
        assert found
        assert found.estimate == pytest.approx(expected, rel=0.05)


def test_the_paper_s_form_is_recovered_without_noise() -> None:
    told = {one.name: one for one in fit(known(), "foreign", "paper").parameters}
    assert told["g"].value == pytest.approx(G, rel=0.05)
    assert told["c2"].value == pytest.approx(C2, rel=0.05)


def test_the_true_form_is_preferred_to_the_others() -> None:
    for pool, form in (("edits", "effective data"), ("foreign", "paper"), ("identity", "constant")):
        fits = [one for one in known().fits if one.pool == pool]
        assert min(fits, key=lambda one: one.aic or np.inf).form == form
        assert min(fits, key=lambda one: one.left_out or np.inf).form == form


def test_a_rate_that_changes_with_the_base_is_told_by_base() -> None:
    """The paper's form is not fit A's, which still is right to a tenth with a rate a base."""
    assert any("foreign images changes with the base" in note for note in known().notes)
    for base in (30, 60, 120):
        found = rate(known(), "foreign", base, 1.0).per_real
        assert found
        assert found.estimate == pytest.approx(np.exp(G * base) * (C2 - 1), rel=0.1)
    assert not any("edits changes" in note for note in known().notes)


def test_a_change_is_told_between_bases_to_which_the_pool_was_added() -> None:
    whole = exact(Truth(pools={"foreign": paper(G, C2)}), 200_000)
    found = count_exchange(only(whole, lambda cell: cell.base != 3), title="", resamples=40)
    (note,) = (note for note in found.notes if "changes with the base" in note)
    assert "at 60 to" in note
    assert "at 120 images" in note


def test_what_gains_nothing_is_not_reached() -> None:
    for gain in (0.5, 1.0, 2.0):
        found = rate(known(), "duplicate", 60, gain)
        assert (found.state, found.per_real, found.unreached) == ("not reached", None, 1.0)
    assert not {one.name: one for one in known().ceilings}["duplicate"].identified


def test_real_images_have_no_ceiling() -> None:
    ceiling = {one.name: one for one in known().ceilings}["identity"]
    assert not ceiling.identified
    assert "bound" in ceiling.why
    assert "No ceiling" not in known().verdict[0]
    assert "replace at most 4.00 times the base" in known().verdict[0]


def test_one_base_size_refuses_g() -> None:
    one = Truth(pools={"edits": paper(0.0, C2)}, bases=(6,))
    found = count_exchange(exact(one, 200_000), title="", resamples=20)
    told = fit(found, "edits", "paper")
    assert told.refused == "one base size: g needs two"
    assert [each.name for each in told.parameters] == ["C", "c2"]
    assert told.parameters[0].value == pytest.approx(1.0, rel=0.05)
    assert told.parameters[1].value == pytest.approx(C2, rel=0.05)


def only(surface: Surface, keeps: Callable[[Cell], bool]) -> Surface:
    """With the cells of real images and these of pools."""
    at = [at for at, cell in enumerate(surface.cells) if cell.pool == REAL or keeps(cell)]
    return Surface(
        tuple(surface.cells[one] for one in at), tuple(surface.real[one] for one in at),
        tuple(surface.other[one] for one in at), surface.hits[at],
    )  # fmt: skip


def test_a_pool_at_one_of_three_bases_refuses_g() -> None:
    whole = exact(Truth(pools={"edits": paper(0.0, C2)}), 200_000)
    found = count_exchange(only(whole, lambda cell: cell.base == 3), title="", resamples=20)
    told = fit(found, "edits", "paper")
    assert told.refused == "one base size: g needs two"
    assert [each.name for each in told.parameters] == ["C", "c2"]
    assert told.parameters[1].value == pytest.approx(C2, rel=0.05)


def test_fewer_points_than_parameters_identify_none() -> None:
    one = only(NOISY, lambda cell: (cell.base, cell.multiple) == (6, 1.0))
    found = count_exchange(one, title="", resamples=20)
    for told in fit(found, "edits", "paper").parameters:
        assert not told.identified
        assert told.why == "1 measured and 2 to be told"
    assert fit(found, "edits", "effective data").parameters[0].identified
    two = only(NOISY, lambda cell: (cell.base, cell.multiple) in ((3, 2.0), (6, 1.0)))
    names = [one.name for one in fit(count_exchange(two, title="", resamples=20), "edits",
                                     "effective data").parameters]  # fmt: skip
    assert "tau" not in names


def test_a_grid_without_errors_identifies_nothing() -> None:
    """Every draw then gives the same fit, which is as sure as it is empty."""
    found = count_exchange(noisy(Truth(pools={"edits": same}, a=0.0, c=0.0), 1), title="",
                           resamples=20)  # fmt: skip
    told = [one for fit in found.fits for one in fit.parameters if one.name != "c"]
    assert any(one.name == "tau" for one in told)
    assert not any(one.identified for one in told)


def test_the_same_answers_give_the_same_figures() -> None:
    again = count_exchange(pickle.loads(pickle.dumps(NOISY)), title="drawn", trainee="svc",
                           noted=("first",))  # fmt: skip
    assert again == drawn()


def test_curves_are_those_that_were_measured() -> None:
    curve = next(one for one in drawn().curves if (one.pool, one.base) == (REAL, 60))
    base = [cell.base == 6 and cell.pool == REAL and not cell.multiple for cell in NOISY.cells]
    assert [at for at, _ in curve.points] == [0.0, 0.5, 1.0, 2.0]
    assert curve.points[0][1].estimate == pytest.approx(NOISY.hits[base].mean())
    assert curve.fitted[-1][0] == pytest.approx(2.0)
    for at, interval in curve.points:
        near = min(curve.fitted, key=lambda one: abs(one[0] - at))
        assert near[1] == pytest.approx(interval.estimate, abs=0.03)


def test_what_was_counted_is_told() -> None:
    found = drawn()
    assert (found.seeds, found.test_images, found.bases) == ((1, 2, 3, 4, 5), 600, (30, 60, 120))
    assert (found.title, found.trainee, found.notes[0]) == ("drawn", "svc", "first")
    assert found.more_seeds["edits"]
    assert found.more_seeds["edits"] > 0


def test_gains_beyond_the_real_images_are_told_as_missing() -> None:
    found = count_exchange(NOISY, title="", gains=(1.0, 4.0), resamples=20)
    assert {one.gain for one in found.rates} == {1.0}
    assert any("No rate at +400" in note and "2 times" in note for note in found.notes)


def test_one_seed_says_what_its_intervals_do_not_know() -> None:
    found = count_exchange(noisy(Truth(pools={"edits": same}), 0, seeds=(1,)), title="",
                           resamples=20)  # fmt: skip
    assert any("One seed" in note for note in found.notes)
    assert found.more_seeds == {}


@pytest.mark.parametrize(
    ("truth", "said"),
    [
        (Truth(), "nothing to trade"),
        (Truth(pools={"edits": same}, bases=(3,), real=(1.0,)), r"sets of \[30, 60\] images"),
    ],
)
def test_a_grid_without_a_curve_or_a_pool_is_refused(truth: Truth, said: str) -> None:
    with pytest.raises(ExchangeError, match=said):
        count_exchange(noisy(truth, 0, images=50), title="", resamples=20)


def test_hundreds_of_draws_take_seconds() -> None:
    began = time.process_time()
    count_exchange(NOISY, title="", resamples=200)
    assert time.process_time() - began < 10


def test_a_pool_that_is_short_of_images_at_one_base_has_no_curve_there() -> None:
    least = min(one.base for one in NOISY.cells)
    short = only(NOISY, lambda cell: cell.base != least)
    found = count_exchange(short, title="short", resamples=20)
    lines = {(one.pool, one.base) for one in found.curves}
    bases = {one.base for one in found.curves if one.pool == REAL}
    assert lines == {(REAL, base) for base in bases} | {
        ("edits", base) for base in bases if base != min(bases)
    }
    assert all(len(one.points) > 1 for one in found.curves)
    assert render_exchange(found).startswith(b"<!doctype html>")
