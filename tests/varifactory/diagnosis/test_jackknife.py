import numpy as np
import pytest

from varifactory.diagnosis.jackknife import GROUPS, Groups, harmonic
from varifactory.diagnosis.nearness import Part

RANDOM = np.random.default_rng(4)
NONE = np.full(100, -1)
"""Images without a source."""


def part(label: str, at: range, near: "np.ndarray[tuple[int, ...], np.dtype[np.bool_]]") -> Part:
    return Part(label, np.arange(at.start, at.stop), np.packbits(near, axis=1), near.shape[1])


def overlap_of(near: list[np.ndarray]) -> float:
    precise = sum(each.any(axis=1).sum() for each in near) / sum(len(each) for each in near)
    covered = sum(each.any(axis=0).sum() for each in near) / sum(each.shape[1] for each in near)
    return harmonic(precise, covered)


def test_the_interval_is_that_of_leaving_each_group_out() -> None:
    near = [RANDOM.random((53, 37)) < 0.03, RANDOM.random((41, 61)) < 0.02]
    groups = Groups.of(
        [part("a", range(53), near[0]), part("b", range(53, 94), near[1])], NONE[:94], 1
    )
    is_kept = RANDOM.random(94) < 0.7
    kept = [is_kept[:53], is_kept[53:]]
    chosen = [each[rows] for each, rows in zip(near, kept, strict=True)]
    made = [groups.made[:53][kept[0]], groups.made[53:][kept[1]]]
    masks = [np.unpackbits(mask, axis=1)[:, : each.shape[1]].astype(bool)
             for mask, each in zip(groups.masks, near, strict=True)]  # fmt: skip
    assert sum(mask.sum() for mask in masks) == groups.sizes.sum() == 98

    def variance(values: list[float]) -> float:
        return (GROUPS - 1) / GROUPS * float(np.square(values - np.mean(values)).sum())

    rows = [overlap_of([each[of != group] for each, of in zip(chosen, made, strict=True)])
            for group in range(GROUPS)]  # fmt: skip
    columns = [overlap_of([each[:, ~mask[group]] for each, mask in zip(chosen, masks, strict=True)])
               for group in range(GROUPS)]  # fmt: skip
    found = groups.overlap(is_kept, 0.95)
    assert found.estimate == pytest.approx(overlap_of(chosen))
    half = 2.1009 * np.sqrt(variance(rows) + variance(columns))  # Student's t of 18 degrees
    assert found.high - found.estimate == pytest.approx(half, rel=1e-3)
    assert found.estimate - found.low == pytest.approx(half, rel=1e-3)


def test_nothing_is_certain() -> None:
    everything = np.ones((30, 40), bool)
    sure = Groups.of([part("a", range(30), everything)], NONE[:30], 1)
    found = sure.overlap(np.ones(30, bool), 0.95)
    assert (found.estimate, found.high) == (1, 1)
    assert 0.95 < found.low < 0.98
    nothing = Groups.of([part("a", range(30), ~everything)], NONE[:30], 1)
    none = nothing.overlap(np.ones(30, bool), 0.95)
    assert (none.estimate, none.low) == (0, 0)
    assert 0.02 < none.high < 0.05


def test_a_wider_confidence_is_a_wider_interval_and_equal_seeds_are_equal() -> None:
    near = [part("a", range(60), RANDOM.random((60, 60)) < 0.03)]
    narrow, wide = (
        Groups.of(near, NONE[:60], 1).overlap(np.ones(60, bool), one) for one in (0.8, 0.99)
    )
    assert wide.low < narrow.low < narrow.estimate < narrow.high < wide.high
    assert Groups.of(near, NONE[:60], 1).overlap(np.ones(60, bool), 0.8) == narrow
    assert Groups.of(near, NONE[:60], 2).overlap(np.ones(60, bool), 0.8) != narrow


def test_shares_of_nothing_are_nothing() -> None:
    assert harmonic(0, 0) == 0
    assert harmonic(0.5, 1) == pytest.approx(2 / 3)


def test_images_of_one_source_are_left_out_together() -> None:
    sources = np.repeat([4, 9, -1, 2], 15)
    groups = Groups.of([part("a", range(60), np.ones((60, 20), bool))], sources, 1)
    assert [len(set(groups.made[start : start + 15].tolist())) for start in (0, 15, 45)] == [1] * 3
    assert len(set(groups.made[30:45].tolist())) > 5
    assert groups.covers == "whole sources of synthetic images, and real images"
    alike = Groups.of([part("a", range(60), np.ones((60, 20), bool))], NONE[:60], 1)
    assert alike.covers == "synthetic and real images"


def test_one_source_alone_can_be_left_out() -> None:
    near = RANDOM.random((30, 40)) < 0.1
    found = Groups.of([part("a", range(30), near)], np.zeros(30, np.int64), 1)
    interval = found.overlap(np.ones(30, bool), 0.95)
    assert interval.low < interval.estimate < interval.high
