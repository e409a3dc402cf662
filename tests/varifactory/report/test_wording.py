import pytest

from tests.drawn_studies import comparison
from varifactory.report.wording import Numbers, Strata, arm_words, compared, date_words, p_words
from varifactory.statistics import Interval
from varifactory.training.arms import ARMS
from varifactory.training.grid import Stratum

NBSP = "\N{NO-BREAK SPACE}"


def bounds(low: float, high: float, margin: float = 0.005) -> str:
    found = Numbers(margin).bounds(Interval((low + high) / 2, low, high, 0.95))
    return found.replace(NBSP, " ")


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [(0.004, 0.02, "+0.4 to +2.0"),
     (-0.0311, -0.002, "−3.1 to −0.2"),
     (0.0002, 0.02, "+0.02 to +2.00"),
     (-0.00001, 0.02, "−0.001 to +2.000"),
     (-0.0049, 0.0047, "−0.49 to +0.47"),
     (-0.0051, 0.001, "−0.51 to +0.10"),
     (0.0, 0.02, "0.0 to +2.0"),
     (1e-17, 0.02, "0.0 to +2.0")],
)  # fmt: skip
def test_rounding_moves_no_bound_over_zero_or_the_margin(
    low: float, high: float, said: str
) -> None:
    assert bounds(low, high) == said


def test_a_small_margin_asks_for_two_decimals() -> None:
    assert Numbers(0.005).points(0.0123) == "+1.2"
    assert Numbers(0.0049).points(0.0123) == "+1.23"
    assert Numbers(0.005).points(-0.00001) == "0.0"


@pytest.mark.parametrize(
    ("share", "said"),
    [(0.0075, "0.75"), (0.005, "0.5"), (0.01, "1.0"), (0.00125, "0.125"), (1 / 300, "0.333333")],
)
def test_a_setting_of_the_plan_is_told_as_it_was_given(share: float, said: str) -> None:
    assert Numbers(0.0075).exact(share) == said


def test_a_size_is_not_rounded_to_what_it_is_not() -> None:
    assert Numbers(0.005).size(0.0032) == "0.3"
    assert Numbers(0.005).size(0.0032, (0.005, 0.003)) == "0.32"
    assert Numbers(0.005).size(0.003, (0.003,)) == "0.3"


def test_where_only_zero_matters_the_margin_adds_no_decimals() -> None:
    numbers, found = Numbers(0.005), Interval(-0.05, -0.1, -0.0049, 0.95)
    assert numbers.bounds(found, margin=False).replace(NBSP, " ") == "−10.0 to −0.5"


def test_what_varies_names_a_stratum_and_the_rest_is_told_once() -> None:
    pets = Stratum("pets", trainee="clip-lora", attribute="color", per_source=2, schedule="mixed")
    other = Stratum("cars", trainee="clip-lora", attribute="all", per_source=0, schedule="bridged")
    bare = Stratum("cars", trainee="clip-lora")
    strata = Strata([pets, other, bare])
    assert strata.name(pets) == "pets · color · 2 a source · real images and edits mixed"
    assert strata.name(other) == (
        "cars · all attributes · all pairs · edits first, then real images"
    )
    assert strata.name(bare) == "cars"
    assert strata.common == ["CLIP with LoRA"]
    assert Strata([pets]).name(pets) == ""


def test_every_arm_has_plain_words() -> None:
    assert all(arm_words(arm) != arm for arm in ARMS)
    assert arm_words("of another version") == "of another version"


def test_a_comparison_is_of_arms_or_of_a_factor() -> None:
    found = comparison(Stratum(), "matters", ("feasible", "infeasible"), 0.0)
    assert compared(found) == "feasible − infeasible"


@pytest.mark.parametrize(
    ("moment", "said"),
    [("2026-11-21T14:04:00+01:00", "21 November 2026, 13:04 UTC"),
     ("2026-01-02T03:04:05Z", "2 January 2026, 03:04 UTC"),
     ("yesterday", "yesterday")],
)  # fmt: skip
def test_dates(moment: str, said: str) -> None:
    assert date_words(moment).replace(NBSP, " ") == said


def test_p_values() -> None:
    assert [p_words(p).replace(NBSP, " ") for p in (0.0004, 0.0456, 1.0)] == [
        "< 0.001", "0.046", "1.000"
    ]  # fmt: skip
