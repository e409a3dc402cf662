import json

import pytest

from varifactory.calibration.figures import (
    NONE_ACCEPTED,
    NONE_REFUSED,
    calibrate,
    figures_of,
)
from varifactory.calibration.labels import Labels
from varifactory.calibration.questions import is_good
from varifactory.calibration.sampling import CalibrationError, Drawn, Kind, Sample


def sample(*sizes: tuple[str, bool, int, int], required: bool = False, asked: int = 0) -> Sample:
    """Strata as (feasibility, accepted, size, drawn); keys are ``<stratum>-<number>``."""
    kinds = tuple(Kind(attribute="color", feasibility=f, accepted=a, size=size, drawn=drawn)
                  for f, a, size, drawn in sizes)  # fmt: skip
    drawn = tuple(Drawn(key=f"{at}-{n}", stratum=at) for at, kind in enumerate(kinds)
                  for n in range(kind.drawn))  # fmt: skip
    return Sample(id="abc", dataset="toys", version=1, dataset_hash="d" * 64, seed=0,
                  feasibility_counts=required, asked_for=asked or sum(k.size for k in kinds),
                  kinds=kinds, drawn=drawn)  # fmt: skip


def said(shows: str = "yes", keeps: str = "yes", possible: str = "yes") -> dict[str, str]:
    return {"shows": shows, "keeps": keeps, "possible": possible}


def labels(of: Sample, bad: set[str] = frozenset(), **raters: dict[str, dict[str, str]]) -> Labels:
    ada = {one.key: said("no" if one.key in bad else "yes") for one in of.drawn}
    people = {"ada": ada} | {name: ada | own for name, own in raters.items()}
    return Labels(people, dict.fromkeys(people, ()))


PLAIN = sample(("feasible", True, 90, 10), ("feasible", False, 10, 5), asked=200)


def test_figures_by_hand() -> None:
    """9 of 10 accepted ones and 2 of 5 refused ones are good: 81 and 4 of 100 edits."""
    found = calibrate(PLAIN, labels(PLAIN, {"0-0", "1-0", "1-1", "1-2"}))
    values = {name: round(getattr(found, name).interval.estimate, 6)
              for name in ("precision", "recall", "good", "good_and_accepted")}  # fmt: skip
    assert values == {
        "precision": 0.9,
        "recall": round(81 / 85, 6),
        "good": 0.85,
        "good_and_accepted": 81 / 200,
    }
    # 87 of 100 agree; by chance 0.9 * 0.85 + 0.1 * 0.15.
    assert found.kappa.interval is not None
    assert found.kappa.interval.estimate == pytest.approx((0.87 - 0.78) / (1 - 0.78))
    assert found.accepted == 0.9
    assert found.counts == {"accepted, good": 9, "accepted, not good": 1, "refused, good": 2,
                            "refused, not good": 3}  # fmt: skip
    assert (found.edits, found.asked_for, found.drawn, found.labelled) == (100, 200, 15, 15)


def test_raters_who_disagree_share_a_label_and_their_agreement_is_told() -> None:
    found = calibrate(PLAIN, labels(PLAIN, bob={"0-0": said("no"), "1-0": said(keeps="no")}))
    assert found.precision.interval is not None
    assert found.precision.interval.estimate == pytest.approx(9.5 / 10)
    assert found.counts["refused, good"] == 4.5
    assert {(one.question, one.method) for one in found.between_raters} >= {
        ("Is it good?", "Cohen"), ("Does the edit show what was asked for?", "Fleiss")}  # fmt: skip
    good = found.between_raters[0]
    assert (good.raters, good.items, good.agreed) == (("ada", "bob"), 15, pytest.approx(13 / 15))


def test_who_is_unsure_is_left_out_and_counted() -> None:
    unsure = labels(PLAIN)
    people = {"ada": {**unsure.by_rater["ada"], "0-0": said("unsure")}}
    found = calibrate(PLAIN, Labels(people, {"ada": ()}))
    assert (found.labelled, found.unclear, found.unanswered) == (14, 1, 0)
    del people["ada"]["0-1"]
    found = calibrate(PLAIN, Labels(people, {"ada": ("0-1",)}))
    assert (found.labelled, found.unclear, found.unanswered) == (13, 1, 1)


def test_a_stratum_nobody_is_clear_about_borrows_and_a_whole_side_cannot() -> None:
    of = sample(("feasible", True, 50, 4), ("infeasible", True, 2, 2), ("feasible", False, 9, 3))
    people = {one.key: said("unsure") if one.stratum == 1 else said() for one in of.drawn}
    found = calibrate(of, Labels({"ada": people}, {"ada": ()}))
    assert found.borrowed == ("color, infeasible, accepted (2 of 2 drawn)",)
    assert found.precision.interval is not None
    none = {one.key: said("unsure") if one.stratum < 2 else said() for one in of.drawn}
    with pytest.raises(CalibrationError, match="no clear label of any edit that was accepted"):
        calibrate(of, Labels({"ada": none}, {"ada": ()}))


@pytest.mark.parametrize(("accepts", "why"), [(True, NONE_REFUSED), (False, NONE_ACCEPTED)])
def test_a_filter_that_never_decides_otherwise_has_half_the_figures(
    accepts: bool, why: str
) -> None:
    of = sample(("feasible", accepts, 50, 10))
    found = calibrate(of, labels(of, {"0-0"}))
    assert (found.recall.undefined, found.kappa.undefined) == (why, why)
    assert (found.precision.interval is None) is not accepts
    assert found.good.interval is not None
    assert found.good.interval.estimate == pytest.approx(0.9)
    assert found.good_and_accepted.interval is not None
    assert found.good_and_accepted.interval.estimate == pytest.approx(0.9 if accepts else 0)


@pytest.mark.parametrize(
    ("label", "feasibility", "counts", "good"),
    [
        (said(), "infeasible", False, True),
        (said(), "infeasible", True, False),
        (said(possible="no"), "infeasible", True, True),
        (said(possible="no"), "feasible", True, False),
        (said(possible="unsure"), "feasible", True, None),
        (said(possible="unsure"), "feasible", False, True),
        (said("unsure", "no"), "feasible", False, False),
        (said("unsure"), "feasible", False, None),
    ],
)
def test_what_is_good_depends_on_what_the_filter_minds(
    label: dict[str, str], feasibility: str, counts: bool, good: bool | None
) -> None:
    assert is_good(label, feasibility, counts) is good


def test_what_people_call_possible_is_told_by_what_was_asked_for() -> None:
    of = sample(("feasible", True, 40, 10), ("infeasible", True, 40, 10),
                ("feasible", False, 5, 2))  # fmt: skip
    people = {one.key: said(possible="yes" if one.stratum == 0 else "no") for one in of.drawn}
    found = calibrate(of, Labels({"ada": people}, {"ada": ()}))
    assert [(one.feasibility, one.labelled, one.possible.estimate) for one in found.possible] == [
        ("feasible", 10, 1.0), ("infeasible", 10, 0.0)]  # fmt: skip


def test_figures_survive_being_kept() -> None:
    found = calibrate(PLAIN, labels(PLAIN, {"0-0"}, bob={"0-1": said("no")}))
    assert figures_of(json.loads(json.dumps(found.as_json()))) == found
