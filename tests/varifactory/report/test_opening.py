import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.drawn_studies import PLAN, comparison, grid, quickstart
from tests.simulated_study import simulated
from varifactory.report.opening import opening
from varifactory.report.verdict import NOTHING, UNCOMPARED, headline, outcome
from varifactory.statistics import IMAGES_ONLY
from varifactory.store import Store
from varifactory.study.counting import count_predictions
from varifactory.study.figures import Comparison, Missing, Study
from varifactory.study.predictions import read_predictions
from varifactory.training.grid import Factors, Stratum

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
    assert "needs 18,400 test images; on the 400 test images there are" in lead(study(images))
    made = replace(images, generations_needed=9, images_needed=None)
    assert "needs 9 generation seeds; on the 1 generation seed there are" in lead(study(made))
    neither = replace(helps, seeds_needed=None, images_needed=None)
    assert "with either alone no number is enough" in lead(study(neither))
    tiny = replace(helps, detectable=3.2)
    assert "too small to see any difference" in lead(study(tiny))
    sharp = replace(helps, detectable=0.0021)
    words = ("the primary comparison tells a difference of 0.2 points and more from none, Holm’s "
             "correction counted in: enough to resolve 0.3 points.")  # fmt: skip
    assert words in lead(study(sharp))
    near = replace(helps, detectable=0.00302)
    assert "a difference of 0.302 points and more" in lead(study(near))


def test_what_lies_inside_the_margin_is_not_called_found() -> None:
    inside = "Inside the margin of ±0.5 it comes out equivalent all the same."
    assert inside in lead(study(replace(asked("helps", 0.02), detectable=0.0021)))
    assert inside not in lead(study(replace(asked("helps", 0.02), detectable=0.0061)))


def test_what_it_could_see_is_of_the_worst_primary_comparison() -> None:
    found = study(replace(asked("helps", 0.02), detectable=0.006, seeds_needed=4),
                  replace(asked("matters", 0.02), detectable=0.009, seeds_needed=31))  # fmt: skip
    assert "each primary comparison tells a difference of 0.9 points" in lead(found)
    assert "To resolve 0.3 points in each it needs 31 training seeds" in lead(found)
    limited = study(replace(asked("helps", 0.02), detectable=0.009),
                    replace(asked("matters", 0.02), detectable=0.006, seeds_needed=None,
                            images_needed=18_400))  # fmt: skip
    assert "tells a difference of 0.9 points" in lead(limited)
    assert "To resolve 0.3 points in each it needs 18,400 test images" in lead(limited)


def test_families_are_told_apart_and_only_differences_are_corrected() -> None:
    described = replace(asked("matters", 0.0, error=0.01), inferential=False, primary=False)
    primary = replace(asked("helps", 0.02), family_size=1)
    words = (
        "Of 1 primary comparison: 1 different. What is different is corrected for their "
        "number by Holm; what is equivalent is read from the interval of each alone."
    )
    assert words in lead(study(primary, described))
    others = [replace(asked("helps", at, error=0.001), primary=False, family="other",
                      family_size=2) for at in (0.0, 0.02)]  # fmt: skip
    words = ("Of 1 primary comparison: 1 different; of 2 other comparisons: 1 different, 1 "
             "equivalent. What is different is corrected for their number by Holm, primary "
             "comparisons among themselves;")  # fmt: skip
    assert words in lead(study(primary, *others))
    lost = replace(primary, family_size=2)
    assert "Of 2 primary comparisons (1 is missing): 1 different." in lead(study(lost))


def test_one_seed_leaves_open_how_many_are_needed() -> None:
    found = replace(asked("helps", 0.02), seeds_needed=None, images_needed=18_400,
                    spread_known=False)  # fmt: skip
    words = (
        "How many seeds would resolve 0.3 points cannot be told: with one training seed the "
        "spread between seeds is unknown. For this training alone 18,400 test images would."
    )
    assert words in lead(study(found))
    assert "no number" not in lead(study(found))


def placed(question: str, middle: float, attribute: str, *, primary: bool = False,
           dataset: str = "") -> Comparison:  # fmt: skip
    found = asked(question, middle, dataset=dataset)
    stratum = replace(found.stratum, attribute=attribute)
    return replace(found, stratum=stratum, primary=primary)


def test_the_headline_names_the_setting_that_it_speaks_of() -> None:
    found = [placed("helps", 0.06, "background", primary=True), placed("helps", -0.06, "color"),
             placed("matters", 0.02, "background", primary=True)]  # fmt: skip
    assert said(*found).startswith("For background: the edits help by 6.0 points of accuracy (95")
    words = ("The headline does not speak of real+mixed − real in 1 other setting: color −6.0 "
             "points (95 % interval −6.5 to −5.5), different.")  # fmt: skip
    assert words in lead(study(*found))
    alone = replace(study(found[0], found[2]), arms=quickstart().arms[:1])
    assert headline(alone).startswith("The edits help by 6.0 points")
    apart = [found[0], found[1], placed("matters", 0.02, "color", primary=True)]
    assert "); for color: feasibility matters" in said(*apart)
    twice = [placed("helps", 0.002, "background", primary=True), found[1]]
    open_ = [replace(one, interval=replace(one.interval, low=-0.1, high=0.1),
                     verdict="inconclusive", winner="no winner")
             for one in (twice[0], placed("matters", 0.0, "background", primary=True))]  # fmt: skip
    assert said(*open_, found[1]).startswith(
        "For background: it stays open whether the edits help (+0.2 points"
    )


ARMS = ["zero-shot", "real", "real+mixed", "real+feasible", "real+infeasible"]
GRID = {"training": {"arms": ARMS, "seeds": [1, 2, 3]},
        "study": {"attributes": ["background", "color"]}}  # fmt: skip


def opposed(cell: Factors) -> float:
    """Edits of the background help by six points, edits of colour hurt by as many."""
    sides = {"background": 0.76, "color": 0.64}
    return sides[cell.stratum.attribute] if cell.stratum.attribute else 0.7


def counted(folder: Path, fails: Callable[[Factors], bool] = lambda _: False) -> Study:
    store = Store(str(folder))
    manifest = simulated(store, GRID, opposed, images=2000, fails=fails)
    return count_predictions(read_predictions(store, manifest), manifest)


def test_a_counted_grid_speaks_of_one_setting_and_tells_the_others(tmp_path: Path) -> None:
    found = counted(tmp_path)
    assert headline(found).startswith("For background: the edits help by")
    assert re.search(r"real\+mixed − real in 1 other setting: color −\S+ points", lead(found))


def test_a_counted_grid_lets_no_other_setting_answer(tmp_path: Path) -> None:
    found = counted(tmp_path, lambda one: (one.arm, one.stratum.attribute) == (
        "real+mixed", "background"))  # fmt: skip
    assert headline(found).startswith("For background: whether the edits help cannot be told")
    assert "real+mixed: failed: out of memory." in " ".join(opening(found).alarms)
    assert re.search(r"real\+mixed − real in 1 other setting: color −\S+ points", lead(found))
    assert "Of 2 primary comparisons (1 is missing)" in lead(found)


def test_many_other_settings_are_counted() -> None:
    found = [placed("helps", 0.06, "a", primary=True),
             *(placed("helps", size, name) for name, size in
               zip("bcdef", (0.06, -0.06, 0.05, 0.0, -0.03), strict=True))]  # fmt: skip
    words = "in 5 other settings: 2 different, above zero; 2 different, below zero; 1 equivalent."
    found[4] = replace(found[4], verdict="equivalent", winner="no winner")
    assert words in lead(study(*found))


def test_of_several_data_sets_the_shared_setting_is_named() -> None:
    found = [placed("helps", 0.02, "color", primary=True, dataset="pets"),
             placed("helps", 0.03, "color", primary=True, dataset="cars"),
             placed("helps", -0.03, "texture", dataset="cars")]  # fmt: skip
    assert said(*found).startswith("For color: the edits help on both data sets (+2.0 to")
    assert [name for name, _, _ in opening(study(*found)).rests_on] == [
        "pets · color: real+mixed − real", "cars · color: real+mixed − real"
    ]  # fmt: skip


LOST = Missing("helps", Stratum(), *HELPS, "real+mixed, seed 0: failed: out of memory.")


def test_a_planned_comparison_that_is_missing_is_named_and_replaced_by_none() -> None:
    instead = replace(asked("helps", 0.03), arm="real+feasible", primary=False)
    found = replace(study(instead, asked("matters", 0.02)), missing=(LOST,))
    assert headline(found).startswith(
        "Whether the edits help cannot be told: real+mixed against real, which was planned to say "
        "so, is missing; feasibility matters"
    )
    assert opening(found).alarms[0] == (
        "real+mixed − real, the comparison that was planned to say whether the edits help, is "
        "missing, and no other takes its place: real+mixed, seed 0: failed: out of memory."
    )
    assert "Whether feasibility matters is asked of real+feasible" in lead(found)
    cars = replace(LOST, stratum=Stratum("cars"))
    several = replace(study(asked("helps", 0.02, dataset="pets")), missing=(cars,))
    assert headline(several).startswith(
        "The edits help on 1 of 2 data sets, it cannot be told whether the edits help on 1 of 2 "
        "data sets (+2.0 points)"
    )


def test_each_question_tells_its_own_seeds_and_images() -> None:
    helps, matters = asked("helps", 0.02), asked("matters", 0.02)
    assert "Both sides see the same 400 test images on 3 training seeds, after" in lead(
        study(helps, matters)
    )
    fewer = replace(matters, effect=replace(matters.effect, seeds=2, generation_seeds=3))
    assert (
        "Both sides of the first see the same 400 test images on 3 training seeds, both sides of "
        "the second the same 400 test images on 2 training seeds of each of 3 generation seeds"
    ) in lead(study(helps, fewer))


def test_equal_steps_are_claimed_only_where_they_are_equal() -> None:
    found = asked("helps", 0.02)
    assert "after equally many training steps" in lead(study(found))
    unequal = study(replace(found, equal_steps=False))
    assert "after equally many" not in lead(unequal)
    assert "did not take equally many training steps" in " ".join(opening(unequal).alarms)
    unknown = study(replace(found, equal_steps=None))
    assert "after equally many" not in lead(unknown)
    assert opening(unknown).alarms == ()


def test_what_the_study_alarms_of_stands_before_its_confounds() -> None:
    failed = "The judge finds as many feasible edits in both arms: the manipulation failed."
    alarms = opening(replace(grid(), alarms=(failed,))).alarms
    assert alarms[0] == failed
    assert alarms[1].startswith("2 confounds were found")
    slight = tuple(replace(one, notable=False) for one in grid().confounds)
    assert opening(replace(grid(), confounds=slight)).alarms == ()


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
