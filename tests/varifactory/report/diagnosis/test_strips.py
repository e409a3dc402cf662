"""Which pictures a page shows."""

from dataclasses import replace

from tests.drawn_diagnoses import Drawn
from varifactory.diagnosis.figures import Scored
from varifactory.report.diagnosis import strips
from varifactory.report.diagnosis.rows import cards


def test_the_farthest_pictures_are_shown_once_each_with_their_least_realism() -> None:
    """One picture forty times, and one that two classes share."""
    one = [Scored("bad", "mug", 0.2)] * 40
    shared = [Scored("both", "mug", 2.0), Scored("both", "owl", 0.3)]
    found = replace(Drawn().diagnosis(), realism=(Scored("good", "owl", 1.4), *shared, *one))
    assert [(seen.pixels, seen.said) for seen in strips.farthest(found)] == [
        ("bad", "realism 0.20"), ("both", "realism 0.30"), ("good", "realism 1.40"),
    ]  # fmt: skip


def test_flags_beyond_the_budget_of_pictures_show_none(monkeypatch) -> None:
    monkeypatch.setattr(strips, "BUDGET", 10)
    shown = strips.strips(cards(Drawn().diagnosis()))
    assert sum(map(len, shown.values())) == 10
    assert [len(strip) for strip in shown.values()][:3] == [6, 0, 4]
