"""What the report's tables show, grouped and sorted: comparisons, arms, classes, checks."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Generic, Protocol, TypeVar

from varifactory.report.scale import Mark, Scale, around, around_zero
from varifactory.report.verdict import outcome
from varifactory.report.wording import Strata, words
from varifactory.study.figures import Arm, Check, ClassChange, Comparison, Study
from varifactory.training.arms import ARMS
from varifactory.training.grid import Stratum

SHOWN_CLASSES = 40
"""Rows of class changes on the page; the data hold all."""
DESCRIBED = "described"
"""Outcome of a comparison of which nothing is inferred."""
LARGEST_CHANGES = 8
"""Of a primary comparison, shown whether or not they survive."""


class Placed(Protocol):
    """What belongs to an arm in a stratum."""

    @property
    def stratum(self) -> Stratum:
        """What it shares with what it is compared to."""

    @property
    def arm(self) -> str:
        """Name of the training mixture."""


Row = TypeVar("Row")
InArm = TypeVar("InArm", bound=Placed)


@dataclass(frozen=True, slots=True)
class Line:
    """One comparison in the forest plot."""

    found: Comparison
    mark: Mark
    outcome: str
    where: str
    """In words, for those who do not see the plot."""


@dataclass(frozen=True, slots=True)
class Block(Generic[Row]):
    """What has one stratum, under its name."""

    name: str
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class Question:
    """The comparisons that answer one question, on one scale."""

    key: str
    title: str
    told: str
    scale: Scale
    blocks: tuple[Block[Line], ...]
    cut: bool
    """Whether an interval reaches beyond the scale."""


@dataclass(frozen=True, slots=True)
class ClassRow:
    """Changes of all classes in one comparison."""

    stratum: str
    arm: str
    other: str
    classes: int
    better: int
    worse: int


def questions(study: Study, strata: Strata) -> list[Question]:
    """The forest plot: comparisons by question, then by stratum, in the order of the study."""
    told = words()["questions"]
    keys = dict.fromkeys([*told, *(one.question for one in study.comparisons)])
    found = []
    for key in keys:
        asked = [one for one in study.comparisons if one.question == key]
        if not asked:
            continue
        scale = around_zero([one.interval for one in asked], study.plan.margin)
        lines = [_line(one, scale, study.plan.margin) for one in asked]
        said = told.get(key, {"title": key, "told": ""})
        found.append(Question(
            key, said["title"], said["told"], scale,
            blocks(lines, lambda line: line.found.stratum, strata),
            any(line.mark.cut_low or line.mark.cut_high for line in lines),
        ))  # fmt: skip
    return found


def _line(found: Comparison, scale: Scale, margin: float) -> Line:
    low, high = found.interval.low, found.interval.high
    if found.interval.spans_zero:
        side = "spans zero"
    else:
        side = "lies right of zero" if low > 0 else "lies left of zero"
    inside = "inside" if -margin < low and high < margin else "not inside"
    said = outcome(found) if found.inferential else DESCRIBED
    return Line(found, scale.mark(found.interval), said,
                f"The interval {side}, {inside} the margin")  # fmt: skip


def blocks(
    rows: Iterable[Row], stratum: Callable[[Row], Stratum], strata: Strata
) -> tuple[Block[Row], ...]:
    """Rows under the names of their strata, strata in the order in which they first come.

    Those of no stratum come first, where they stand under no other's name.
    """
    groups: dict[str, list[Row]] = {"": []}
    for row in rows:
        groups.setdefault(strata.name(stratum(row)), []).append(row)
    return tuple(Block(name, tuple(found)) for name, found in groups.items() if found)


def arm_scales(study: Study) -> dict[str, Scale]:
    """A scale of accuracy a data set: easy and hard ones do not share one.

    It is that of the arms that were trained: an untrained one far off would crush them.
    """
    sets: dict[str, list[Arm]] = {}
    for one in study.arms:
        sets.setdefault(one.stratum.dataset, []).append(one)
    return {
        name: around([one.top1 for one in found if _is_trained(one.arm)] or
                     [one.top1 for one in found])
        for name, found in sets.items()
    }  # fmt: skip


def arm_blocks(rows: Iterable[InArm], strata: Strata) -> tuple[Block[InArm], ...]:
    """Arms under the names of their strata, in the order in which arms are declared."""
    found = blocks(rows, lambda one: one.stratum, strata)
    return tuple(Block(one.name, tuple(sorted(one.rows, key=_declared))) for one in found)


def _declared(one: Any) -> tuple[int, str]:
    known = list(ARMS)
    return (known.index(one.arm) if one.arm in known else len(known)), one.arm


def _is_trained(arm: str) -> bool:
    return arm not in ARMS or ARMS[arm].trained


def class_rows(study: Study, strata: Strata, most: float) -> list[ClassRow]:
    """How many classes of each comparison changed, false discoveries held to ``most``."""
    groups: dict[tuple[Stratum, str, str], list[ClassChange]] = {}
    for one in study.classes:
        groups.setdefault((one.stratum, one.arm, one.other), []).append(one)
    return [
        ClassRow(
            strata.name(stratum), arm, other, len(found),
            sum(one.p_false_discovery <= most and one.interval.estimate > 0 for one in found),
            sum(one.p_false_discovery <= most and one.interval.estimate < 0 for one in found),
        )
        for (stratum, arm, other), found in groups.items()
    ]  # fmt: skip


def notable_classes(study: Study, most: float) -> tuple[list[ClassChange], int]:
    """Class changes worth a row, and how many more survive.

    Those that survive come first, of primary comparisons before others and of the untrained arm,
    which changes every class, last; then the surest.
    """
    primary = {(one.stratum, one.arm, one.other) for one in study.comparisons if one.primary}

    def place(one: ClassChange) -> tuple[Any, ...]:
        own = (one.stratum, one.arm, one.other) not in primary
        untrained = not (_is_trained(one.arm) and _is_trained(one.other))
        sure = (one.p_false_discovery, -abs(one.interval.estimate), one.class_name)
        return (own, untrained, *sure)

    survive = sorted((one for one in study.classes if one.p_false_discovery <= most), key=place)
    shown = survive[:SHOWN_CLASSES]
    by_size = sorted(study.classes, key=lambda one: -abs(one.interval.estimate))
    for found in sorted(primary):
        own = [one for one in by_size if (one.stratum, one.arm, one.other) == found]
        shown += own[: LARGEST_CHANGES if len(primary) <= 2 else 2]
    more = max(0, len(survive) - SHOWN_CLASSES)
    return list(dict.fromkeys(shown))[: 2 * SHOWN_CLASSES], more


@dataclass(frozen=True, slots=True)
class CheckTable:
    """The checks of one attribute of one data set."""

    title: str
    columns: tuple[str, ...]
    """Fields of ``Check`` that any arm knows."""
    blocks: tuple[Block[Check], ...]


def check_tables(checks: Sequence[Check]) -> list[CheckTable]:
    """A table an attribute and data set; what nobody knows has no column."""
    groups: dict[Stratum, list[Check]] = {}
    for one in checks:
        kept = Stratum(one.stratum.dataset, one.stratum.sweep, attribute=one.stratum.attribute)
        groups.setdefault(kept, []).append(one)
    strata = Strata(groups)
    found = []
    for stratum, rows in groups.items():
        columns = tuple(name for name in words()["checks"]
                        if any(getattr(row, name) is not None for row in rows))  # fmt: skip
        inner = Strata(replace(row.stratum, dataset="", sweep="") for row in rows)
        title = strata.name(stratum) or "The edits of each arm"
        inside = [replace(row, stratum=replace(row.stratum, dataset="", sweep="")) for row in rows]
        found.append(CheckTable(title, columns, arm_blocks(inside, inner)))
    return found
