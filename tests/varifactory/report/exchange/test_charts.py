from dataclasses import replace

import pytest

from tests.drawn_exchange import curve, exchange, rate
from varifactory.exchange.figures import Curve
from varifactory.report.exchange.charts import charts, harms, top1_at
from varifactory.report.exchange.page import render_exchange
from varifactory.report.exchange.plots import curves


def test_a_place_between_points_is_read_off_and_none_beyond_them() -> None:
    line = Curve("real", 24, (), ((0.0, 0.5), (1.0, 0.7), (3.0, 0.8)))
    assert top1_at(line, 0.5) == pytest.approx(0.6)
    assert top1_at(line, 2.0) == pytest.approx(0.75)
    assert top1_at(line, 3.0) == pytest.approx(0.8)
    assert top1_at(line, 3.1) is None
    measured = curve("real", 24, fitted=False)
    assert top1_at(measured, 1.0) == pytest.approx(measured.points[2][1].estimate)


def test_generators_and_controls_stand_apart() -> None:
    (first, shown), *_ = charts(exchange())
    assert first == 24
    assert [one.caption for one in shown] == ["Generators", "Controls"]
    made, known = ("".join(one.plot) for one in shown)
    assert "closed-set generator" in made
    assert "identity control" not in made
    assert "closed-set generator" not in known


def test_a_rate_is_read_off_only_where_it_is_reached() -> None:
    (_, (made, _)), = charts(exchange(bases=(24,)))  # fmt: skip
    assert made.reads
    assert rate("closed-set", 24, 1.0).state == "not reached"
    (_, (made, _)), = charts(exchange(bases=(24,), generators=("closed-set",)))  # fmt: skip
    assert not made.reads


def test_a_ceiling_is_a_level_only_where_real_images_go_as_far() -> None:
    (_, (made, _)), = charts(exchange(bases=(24,)))  # fmt: skip
    assert not made.levels, "2.6 times the base, and real images end at 2"


def test_no_line_leads_to_one_number_of_images() -> None:
    """What joins marks is the one line as wide as that."""
    one = replace(curve("closed-set", 24, fitted=False), pool="edits")
    joined, lone = (
        str(curves([replace(one, points=one.points[:count])], {}, name="x", text="x"))
        for count in (3, 2)
    )
    assert "stroke-width: 1.4;" in joined
    assert "stroke-width: 1.4;" not in lone


def test_images_that_hurt_lie_below_their_line() -> None:
    line = curve("closed-set", 24)
    assert not harms(line)
    hurt = tuple((at, replace(top1, estimate=0.3, low=0.28, high=0.32)) for at, top1 in line.points)
    assert harms(replace(line, points=hurt))
    assert not harms(replace(line, points=hurt, fitted=()))
    assert (
        "the images of that pool hurt"
        in render_exchange(replace(exchange(), curves=(replace(line, points=hurt),))).decode()
    )
    assert "the images of that pool hurt" not in render_exchange(exchange()).decode()
