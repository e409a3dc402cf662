from collections import Counter
from itertools import pairwise
from typing import Any

import pytest

from varifactory.calibration.figures import calibrate
from varifactory.calibration.labels import Labels
from varifactory.calibration.sampling import CalibrationError, Sample, allocate, draw
from varifactory.quotas import SURPLUS

REFUSED = 6


def rows(feasible: int = 60, infeasible: int = 30, attributes: tuple[str, ...] = ("color",)):
    """Edits of which every sixth was refused."""
    return [
        {"key": f"{attribute}{feasibility}{at:03d}", "kind": "edit", "stage": "verdicts",
         "attribute": attribute, "feasibility": feasibility, "forced": False,
         "status": "rejected" if at % REFUSED == 0 else "ok", "image_blob": "i.png",
         "source_blob": "s.png"}
        for attribute in attributes
        for feasibility, count in (("feasible", feasible), ("infeasible", infeasible))
        for at in range(count)
    ]  # fmt: skip


def drawn(items: list[dict[str, Any]], n: int = 20, seed: int = 0, **recipe: Any) -> Sample:
    return draw(items, dataset="toys", version=1, dataset_hash="d" * 64, recipe=recipe, n=n,
                seed=seed)  # fmt: skip


def test_every_kind_is_drawn_with_a_known_chance() -> None:
    found = drawn(rows())
    kinds = {(k.attribute, k.feasibility, k.accepted): (k.size, k.drawn) for k in found.kinds}
    assert {name: size for name, (size, _) in kinds.items()} == {
        ("color", "feasible", False): 10, ("color", "feasible", True): 50,
        ("color", "infeasible", False): 5, ("color", "infeasible", True): 25}  # fmt: skip
    assert Counter(one.stratum for one in found.drawn) == {
        at: kind.drawn for at, kind in enumerate(found.kinds)}  # fmt: skip
    assert [kind.chance for kind in found.kinds] == [
        pytest.approx(kind.drawn / kind.size) for kind in found.kinds]  # fmt: skip
    assert sum(kind.drawn for kind in found.kinds) == 20
    of = {row["key"]: row for row in rows()}
    for one in found.drawn:
        kind, row = found.kinds[one.stratum], of[one.key]
        assert (kind.feasibility, kind.accepted) == (row["feasibility"], row["status"] == "ok")


def test_only_what_a_judge_decided_on_is_asked_about() -> None:
    items = rows(12, 12)
    other = [{"status": "failed"}, {"status": "skipped"}, {"stage": "edits"}, {"image_blob": None},
             {"kind": "source"}]  # fmt: skip
    items += [{**items[1], "key": f"other{at}", **change} for at, change in enumerate(other)]
    items += [{**items[1], "key": "forced", "forced": True}]
    found = drawn(items, 200)
    keys = {one.key for one in found.drawn}
    assert len(keys) == 25
    assert not [key for key in keys if key.startswith("other")]
    forced = next(one for one in found.drawn if one.key == "forced")
    assert not found.kinds[forced.stratum].accepted
    assert found.asked_for == 29


def test_edits_left_out_because_a_quota_was_full_were_accepted() -> None:
    """20 kept, 10 refused, 10 beyond ``edits.exact``: the filter accepted 30 of 40."""
    (row, *_) = rows(1)
    kinds = [("ok", "", 20), ("rejected", "class lost: no", 10),
             ("skipped", f"{SURPLUS} (20)", 10), ("skipped", "no verdict was made", 5)]  # fmt: skip
    items = [{**row, "key": f"{status}{reason[:2]}{at}", "status": status, "reason": reason}
             for status, reason, count in kinds for at in range(count)]  # fmt: skip
    found = drawn(items, 200)
    assert {kind.accepted: kind.size for kind in found.kinds} == {True: 30, False: 10}
    ada = {one.key: {"shows": "yes" if found.kinds[one.stratum].accepted else "no",
                     "keeps": "yes", "possible": "yes"} for one in found.drawn}  # fmt: skip
    figures = calibrate(found, Labels({"ada": ada}, {"ada": ()}))
    assert (figures.accepted, figures.edits, figures.asked_for) == (0.75, 40, 45)
    assert figures.good.interval is not None
    assert figures.good.interval.estimate == 0.75
    assert figures.good_and_accepted.interval is not None
    assert figures.good_and_accepted.interval.estimate == pytest.approx(30 / 45)


def test_the_seed_and_nothing_else_decides() -> None:
    first, again, other = drawn(rows()), drawn(rows()[::-1]), drawn(rows(), seed=1)
    assert first == again
    assert {one.key for one in first.drawn} != {one.key for one in other.drawn}
    assert first.id != other.id
    small, large = ({one.key for one in drawn(rows(), n).drawn} for n in (20, 40))
    assert small < large


def test_the_order_of_the_sheet_gives_nothing_away() -> None:
    """Sorted by stratum the runs of equal strata would be few; shuffled they are many."""
    strata = [one.stratum for one in drawn(rows(400, 400), 80).drawn]
    runs = 1 + sum(a != b for a, b in pairwise(strata))
    assert runs > 40


def test_every_edit_of_a_stratum_has_the_same_chance() -> None:
    times: Counter[str] = Counter()
    for seed in range(300):
        times.update(one.key for one in drawn(rows(12, 12), 16, seed).drawn)
    found = drawn(rows(12, 12), 16)
    for row in rows(12, 12):
        kind = next(k for k in found.kinds if k.feasibility == row["feasibility"]
                    and k.accepted is (row["status"] == "ok"))  # fmt: skip
        # Four standard errors of 300 draws.
        assert times[row["key"]] / 300 == pytest.approx(kind.chance, abs=0.116)


def test_parts_are_between_equal_and_proportional() -> None:
    assert allocate([100, 100], 10) == [5, 5]
    assert allocate([900, 100], 40) == [30, 10]
    assert allocate([1000, 1, 3], 10) == [7, 1, 2]
    assert allocate([5, 5, 5], 4) == [2, 1, 1]
    assert allocate([3, 2], 99) == [3, 2]
    for n in range(3, 60):
        taken = allocate([40, 11, 9], n)
        assert sum(taken) == n
        assert all(1 <= count <= size for count, size in zip(taken, (40, 11, 9), strict=True))


def test_too_few_or_none_are_refused_with_what_to_do() -> None:
    with pytest.raises(CalibrationError, match="give at least 4, better 40"):
        drawn(rows(), 3)
    with pytest.raises(CalibrationError, match="no edit that a judge decided on"):
        drawn([])


def test_whether_feasibility_counts_follows_from_the_recipe() -> None:
    assert drawn(rows(), verdicts={"feasibility": "required"}).feasibility_counts
    assert not drawn(rows()).feasibility_counts
