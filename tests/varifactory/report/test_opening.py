from dataclasses import replace

import pytest

from tests.drawn_studies import PLAN, comparison, grid, quickstart
from varifactory.grid import Stratum
from varifactory.report.opening import NOTHING, UNCOMPARED, headline, opening, outcome
from varifactory.statistics import IMAGES_ONLY
from varifactory.study.figures import Comparison, Study

NBSP = "\N{NO-BREAK SPACE}"
HELPS, MATTERS = ("real+mixed", "real"), ("real+feasible", "real+infeasible")


def asked(question: str, middle: float, *, error: float = 0.002, dataset: str = "",
          holm: float | None = None) -> Comparison:  # fmt: skip
    pair = HELPS if question == "helps" else MATTERS
    return comparison(Stratum(dataset), question, pair, middle, error=error, primary=True,
                      holm=holm)  # fmt: skip


def study(*comparisons: Comparison) -> Study:
    return replace(quickstart(), comparisons=comparisons)


def said(*comparisons: Comparison) -> str:
    return headline(study(*comparisons)).replace(NBSP, " ")


def test_it_opens_with_both_answers_and_their_intervals() -> None:
    assert said(asked("matters", 0.001, error=0.001), asked("helps", 0.012)) == (
        "The edits help by 1.2 points of accuracy (95 % interval +0.7 to +1.7); feasibility makes "
        "no difference that matters: +0.1 points (95 % interval −0.1 to +0.3), inside the margin "
        "of ±0.5."
    )


@pytest.mark.parametrize(
    ("found", "words"),
    [(asked("helps", -0.02), "The edits hurt by 2.0 points of accuracy"),
     (asked("helps", 0.002, error=0.01), "It stays open whether the edits help (+0.2 points"),
     (asked("helps", 0.0, error=0.001), "The edits neither help nor hurt by as much as the margin "
      "of 0.5 points"),
     (asked("matters", 0.02), "Feasibility matters: feasible edits are worth 2.0 points more"),
     (asked("matters", -0.02), "the other way round: infeasible edits are worth 2.0 points more"),
     (asked("matters", 0.004, error=0.01), "Whether feasibility matters stays open")],
)  # fmt: skip
def test_every_outcome_has_its_words(found: Comparison, words: str) -> None:
    assert words in said(found)


def test_what_is_open_twice_is_said_once() -> None:
    found = said(asked("helps", 0.002, error=0.01), asked("matters", 0.004, error=0.01))
    assert found == (
        "It stays open whether the edits help (+0.2 points, 95 % interval −2.2 to +2.6), and "
        "whether feasibility matters (+0.4 points, 95 % interval −2.0 to +2.8, not inside the "
        "margin of ±0.5)."
    )


def test_no_winner_is_named_where_the_interval_spans_zero() -> None:
    found = replace(asked("helps", 0.002, error=0.01), verdict="different", winner="no winner")
    assert outcome(found) == "open"
    assert "stays open" in said(found)


def test_an_interval_without_zero_is_no_verdict_where_holm_forbids_it() -> None:
    found = asked("helps", 0.012, error=0.004, holm=0.08)
    assert not found.interval.spans_zero
    assert "stays open" in said(found)
    assert any("p is 0.080" in alarm for alarm in opening(study(found)).alarms)


def test_several_data_sets_are_counted_and_listed() -> None:
    found = [asked("helps", 0.02, dataset="pets"), asked("helps", -0.02, dataset="cars"),
             asked("helps", 0.03, dataset="birds")]  # fmt: skip
    assert said(*found) == (
        "The edits help on 2 of 3 data sets, the edits hurt on 1 of 3 data sets (−2.0 to +3.0 "
        "points)."
    )
    listed = opening(study(*found)).rests_on
    assert [name.partition(":")[0] for name, _, _ in listed] == ["pets", "cars", "birds"]
    assert "95 % interval +1.5 to +2.5" in listed[0][1].replace(NBSP, " ")
    assert "both data sets" in headline(grid())
    assert opening(quickstart()).rests_on == ()


def lead(found: Study) -> str:
    return " ".join(opening(found).lead).replace(NBSP, " ")


def test_the_margin_is_dated() -> None:
    found = quickstart()
    assert (
        "this margin was fixed on 21 November 2026, 13:04 UTC, before the first cell was trained"
        in lead(found)
    )
    assert opening(found).alarms == ()
    late = replace(found, plan=replace(PLAN, trained_before=3))
    assert "before the first cell" not in lead(late)
    assert "3 cells had already been trained" in opening(late).alarms[0]
    unregistered = replace(found, plan=replace(PLAN, registered_at=""))
    assert "No plan was registered" in opening(unregistered).alarms[0]


def test_it_says_what_could_have_been_seen_and_what_would_resolve_more() -> None:
    helps = asked("helps", 0.02)
    assert "To resolve 0.3 points it needs 12 training seeds" in lead(study(helps))
    images = replace(helps, seeds_needed=None, images_needed=18_400)
    assert "needs 18,400 test images; on the 400 there are" in lead(study(images))
    neither = replace(helps, seeds_needed=None, images_needed=None)
    assert "with either alone no number is enough" in lead(study(neither))
    tiny = replace(helps, detectable=3.2)
    assert "too small to see any difference" in lead(study(tiny))
    sharp = replace(helps, detectable=0.0021)
    words = "differences of 0.2 points and more in one comparison: enough to resolve 0.3"
    assert words in lead(study(sharp))


def test_only_what_holm_covers_is_counted() -> None:
    described = replace(asked("matters", 0.0, error=0.01), inferential=False, primary=False)
    assert "Of one comparison: 1 different." in lead(study(asked("helps", 0.02), described))


def test_one_training_seed_says_nothing_of_training_noise() -> None:
    found = asked("helps", 0.02)
    single = replace(
        found, effect=replace(found.effect, seeds=1),
        interval=replace(found.interval, covers=IMAGES_ONLY),
    )  # fmt: skip
    assert any("not training noise" in alarm for alarm in opening(study(single)).alarms)


def test_confounds_are_told_before_anything_is_believed() -> None:
    assert any(alarm.startswith("2 confounds were found") for alarm in opening(grid()).alarms)


def test_nothing_is_claimed_where_nothing_was_compared() -> None:
    assert headline(Study(PLAN, (), ())) == NOTHING
    assert headline(study()) == UNCOMPARED
