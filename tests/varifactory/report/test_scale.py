import pytest

from tests.drawn_studies import interval
from varifactory.report.scale import EDGE, Scale, around, around_zero


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
