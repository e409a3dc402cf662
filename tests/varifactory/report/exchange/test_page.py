import json
import re
import xml.etree.ElementTree as ET
from dataclasses import replace
from html import unescape
from math import inf

import pytest

from tests.drawn_exchange import exchange, interval
from varifactory.exchange.figures import Control, ExchangeRate
from varifactory.report import MACHINERY
from varifactory.report.exchange.page import SHOWN_NOTES, alarms, render_exchange
from varifactory.report.exchange.rows import rate_blocks
from varifactory.report.exchange.tables import TOLD, exchange_files

HOSTILE = '</table><script>alert(1)</script>$x^2$ & "q"'
PROVENANCE = {"Data set": [("hash", "a81b" * 16)]}


def render(found: ExchangeRate, **changes: object) -> str:
    return render_exchange(found, provenance=PROVENANCE, **changes).decode()


@pytest.fixture(scope="module")
def page() -> str:
    return render(exchange())


def words(text: str) -> str:
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", text)).split())


def section(page: str, head: str) -> str:
    return words(page.partition(f'id="{head}"')[2].partition("</section>")[0])


def test_the_first_words_are_the_verdict(page: str) -> None:
    head = words(page.partition("<h1>")[2].partition("<nav")[0])
    assert head.startswith("toys, version 1 To gain what +100 % real images would (+6.7 points)")
    assert "closed-set: what +100 % real images gain" in head
    assert "Trained: linear-probe, 200 steps." in head
    assert "Tested on 600 images that nothing else saw, 5 seeds in pairs" in head
    assert "from 24, 48 and 96 real images on" in head
    assert MACHINERY not in page


def test_images_drawn_by_a_program_check_the_machinery_alone() -> None:
    page = render(exchange(), machinery=True)
    assert MACHINERY in page
    assert "this page checks that the machinery works" in words(page)


def test_a_reached_rate_has_its_interval_and_what_it_takes(page: str) -> None:
    rates = section(page, "rates-head")
    assert "+50 % 24: +8.7" in rates
    assert "0.78 0.51 to 1.17 9 images 19 images 37 images reached" in rates


def test_what_is_not_reached_is_no_number(page: str) -> None:
    rates = section(page, "rates-head")
    unreached = rates.partition("Closed-set generator Samples")[2].partition("Identity control")[0]
    assert unreached.count("not reached") == 3
    assert "> 4.00 – > 96 images" in unreached
    assert not {"nan", "None", "inf"} & set(re.findall(r"\w+", words(page)))


def test_a_rate_beyond_the_grid_is_flagged_and_hollow() -> None:
    found = exchange()
    far = replace(found.rates[0], state="beyond")
    page = render(replace(found, rates=(far,)))
    assert "beyond the grid" in section(page, "rates-head")
    assert 'class="bar open"' in page


def test_nothing_to_trade_is_said_and_has_no_mark() -> None:
    found = exchange()
    nothing = replace(found.rates[0], per_real=None, state="no gain", points=interval(0.0, 0.02))
    rates = section(render(replace(found, rates=(nothing,))), "rates-head")
    assert "the real images themselves do not surely gain anything there" in rates
    assert rates.count("nothing to trade") == 1


def test_of_one_number_of_images_the_most_that_a_real_one_costs_is_told() -> None:
    found = exchange()
    first = replace(found.rates[0], state="at most", per_real=None, at_most=7.197)
    page = render(replace(found, rates=(first, *found.rates[1:])))
    rates = section(page, "rates-head")
    assert "one number of images was tried" in rates
    assert "≤ 7.20 – ≤ 86 images at most" in rates
    assert page.count('aria-label="at most 7.20"') == 1
    assert "one number of images was tried" not in section(render(found), "rates-head")


def test_test_images_that_a_generator_may_know_are_not_called_unseen() -> None:
    page = words(render(exchange(), unknown=True))
    assert "Tested on 600 images, 5 seeds in pairs" in page.replace("\N{NO-BREAK SPACE}", " ")
    assert "nothing else saw" not in page


def test_bases_stand_together_where_their_rates_do_not_differ() -> None:
    found = exchange()
    edits = rate_blocks(found)[0]
    assert [group.bases for group in edits.groups] == [(24, 48, 96)]
    other = replace(found.rates[0], per_real=interval(3.0, 0.5))
    apart = rate_blocks(replace(found, rates=(other, *found.rates[1:])))[0]
    assert [group.bases for group in apart.groups] == [(24,), (48, 96)]
    assert [line.one.base for line in apart.groups[1].lines] == [48, 48, 48]


def test_an_interval_without_an_end_is_drawn_with_an_arrow() -> None:
    found = exchange()
    one = found.rates[0]
    assert one.per_real
    wide = replace(one, per_real=replace(one.per_real, low=0.0, high=inf))
    page = render(replace(found, rates=(wide,)))
    assert "0.00 to ∞" in section(page, "rates-head")
    assert page.count('class="tip"') == 2


def test_a_control_that_fails_stands_before_the_rates() -> None:
    good, bad = exchange(), exchange(passed=False)
    assert alarms(good) == []
    (alarm,) = alarms(bad)
    assert alarm.startswith("The identity control fails. Its rate of 1.62")
    head = words(render(bad).partition("<nav")[0])
    assert "do not trust the rates below" in head
    assert "✗ Identity control" in section(render(bad), "controls-head")


def test_a_control_that_is_too_small_to_tell_is_no_alarm() -> None:
    found = exchange()
    first = replace(found.controls[0], passed=False, tells=False)
    untold = replace(found, controls=(first, *found.controls[1:]))
    assert alarms(untold) == []
    shown = render(untold)
    assert "– Identity control" in section(shown, "controls-head")
    assert "too small to tell" in section(shown, "rates-head")
    assert "✗" not in words(shown)


def test_a_ceiling_at_its_bound_is_not_identified(page: str) -> None:
    told = section(page, "ceilings-head")
    assert "Edits 2.60 1.56 to 5.46" in told
    assert "Closed-set generator not identified (at its bound)" in told


def test_one_base_size_refuses_the_paper_s_form() -> None:
    fits = section(render(exchange(bases=(24,))), "fits-head")
    assert "one base size: g needs two" in fits


def test_seeds_that_would_halve_the_interval_are_told(page: str) -> None:
    told = section(page, "seeds-head")
    assert "Edits 9 more would halve the interval" in told
    assert "no number of seeds would halve the interval" in told


def test_replacing_real_images_is_told_apart_from_adding(page: str) -> None:
    told = section(page, "substitutions-head")
    assert "Half of 24" in told
    assert "−3.0" in told
    assert "0.55 0.35 to 0.75" in told


def test_every_plot_says_in_words_what_it_shows(page: str) -> None:
    plots = re.findall(r'<svg role="img".*?</svg>', page, re.DOTALL)
    assert len(plots) == 6, "three bases, generators and controls apart"
    for one in plots:
        (title,) = re.findall(r"<title[^>]*>(.*?)</title>", one)
        assert "times the base" in title
        ET.fromstring(one)
    ids = re.findall(r'\bid="([^"]+)"', page)
    assert len(ids) == len(set(ids))


def test_many_notes_are_cut_and_counted() -> None:
    found = exchange(notes=[f"cell {at} is missing" for at in range(SHOWN_NOTES + 1234)])
    page = render(found)
    assert "1,234 more such notes are in the data." in page
    assert len(json.loads(exchange_files(found)[TOLD])["rate"]["notes"]) == SHOWN_NOTES + 1234


def test_names_and_sentences_of_others_run_nothing() -> None:
    found = exchange(generators=("edits",), notes=(HOSTILE,), title=HOSTILE)
    control = Control(HOSTILE, passed=False, sentence=HOSTILE)
    rate = replace(found.rates[0], pool=HOSTILE)
    curve = replace(found.curves[0], pool=HOSTILE)
    hostile = replace(found, controls=(control,), rates=(rate, *found.rates), verdict=(HOSTILE,),
                      curves=(*found.curves, curve), trainee=HOSTILE,
                      more_seeds={HOSTILE: 2})  # fmt: skip
    page = render_exchange(hostile, provenance={HOSTILE: [(HOSTILE, HOSTILE)]}).decode()
    assert "<script" not in page
    assert "script-src &#39;none&#39;" in page


def test_the_least_that_can_be_told_is_a_page() -> None:
    """A grid of which nothing could be fitted."""
    bare = replace(exchange(), verdict=(), curves=(), rates=(), fits=(), ceilings=(),
                   substitutions=(), controls=(), more_seeds={}, seeds=(1,))  # fmt: skip
    page = words(render(bare))
    assert "1 seed," in page.replace("\N{NO-BREAK SPACE}", " ")
    assert "draw test images anew" in page


def test_curves_of_points_alone_are_drawn_too() -> None:
    found = exchange(bases=(24,))
    bare = tuple(replace(one, fitted=()) for one in found.curves)
    assert '<svg role="img"' in render(replace(found, curves=bare))


def test_the_same_figures_give_the_same_page(page: str) -> None:
    assert render(exchange()) == page
