from math import inf

import pytest

from tests.drawn_studies import interval
from varifactory.report.scale import EDGE, Scale, around, around_zero, ratios
from varifactory.statistics import Interval


def test_zero_and_the_margin_are_always_in_sight() -> None:
    scale = around_zero([interval(0.02, 0.003)], 0.005)
    assert scale.low < -0.005
    assert EDGE < scale.place(-0.005) < scale.place(0) < scale.place(0.005) < 100 - EDGE


def test_one_far_off_is_cut_with_an_arrow_and_crushes_no_other() -> None:
    near, far = interval(0.01, 0.005), interval(-0.37, 0.02)
    scale = around_zero([near, near, near, far], 0.005)
    mark = scale.mark(far)
    assert mark.cut_low
    assert mark.at == EDGE
    assert scale.mark(near).high - scale.mark(near).low > 25
    assert not scale.mark(near).cut_high


def test_marks_lie_in_order_and_inside() -> None:
    scale = around([interval(0.7, 0.02), interval(0.9, 0.05)])
    mark = scale.mark(interval(0.9, 0.05))
    assert EDGE <= mark.low < mark.at < mark.high <= 100 - EDGE
    assert 0 <= scale.low < scale.high <= 1


@pytest.mark.parametrize(
    ("scale", "labels"),
    [(Scale(-0.01, 0.01), ["−1.0", "−0.5", "0.0", "0.5", "1.0"]),
     (Scale(-0.4, 0.02), ["−40", "−30", "−20", "−10", "0"]),
     (Scale(-0.002, 0.003), ["−0.2", "−0.1", "0.0", "0.1", "0.2", "0.3"])],
)  # fmt: skip
def test_ticks_are_round_numbers(scale: Scale, labels: list[str]) -> None:
    assert [scale.label(tick) for tick in scale.ticks] == labels


def test_a_study_without_any_spread_has_a_scale() -> None:
    scale = around_zero([interval(0.0, 0.0)], 0.005)
    assert scale.low < 0 < scale.high


def test_twice_and_half_lie_equally_far_from_one() -> None:
    scale = ratios([Interval(1.0, 0.5, 2.0, 0.95)])
    mark = scale.mark(Interval(1.0, 0.5, 2.0, 0.95))
    assert mark.at - mark.low == pytest.approx(mark.high - mark.at)
    assert EDGE <= mark.low < mark.high <= 100 - EDGE


def test_one_is_in_sight_of_ratios_far_from_it() -> None:
    scale = ratios([Interval(9.0, 6.0, 15.0, 0.95)], others=[40.0])
    assert scale.low < 1
    assert scale.high >= 40
    assert [scale.label(tick) for tick in scale.ticks][:3] == ["1", "4", "16"]


def test_endless_bounds_are_cut_and_crush_nothing() -> None:
    near, endless = Interval(1.0, 0.8, 1.3, 0.95), Interval(2.0, 0.0, inf, 0.95)
    scale = ratios([near, endless, Interval(1.0, 0.9, 1e9, 0.95)])
    mark = scale.mark(endless)
    assert (mark.cut_low, mark.cut_high) == (True, True)
    assert (mark.low, mark.high) == (EDGE, 100 - EDGE)
    assert scale.mark(near).high - scale.mark(near).low > 5


def test_ratios_have_a_scale_where_there_are_none() -> None:
    scale = ratios([])
    assert scale.low < 1 < scale.high
    assert "1/2" in [scale.label(tick) for tick in scale.ticks]
