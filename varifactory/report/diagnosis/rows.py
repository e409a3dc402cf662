"""What the tables and cards of a diagnosis show, grouped and sorted."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from varifactory.diagnosis.figures import Diagnosis, Flag, Group, Issue
from varifactory.metrics import Measure
from varifactory.report.diagnosis.opening import flagged_labels, issues_of
from varifactory.report.diagnosis.wording import bounds, figure, head, kind_name, told_as, words
from varifactory.report.scale import Mark, Scale

SHOWN_GROUPS = 150
"""Rows of the table of all classes; the data hold all."""
SHOWN_CONFUSERS = 3


@dataclass(frozen=True, slots=True)
class Line:
    """A measure with its bar."""

    found: Measure
    head: str
    value: str
    bounds: str
    reference: str
    mark: Mark | None
    """None where there is nothing to draw."""
    real: float | None
    """Where the same of real images lies on the bar, in percent of its width."""
    where: str
    """In words, for those who do not see the bar."""


@dataclass(frozen=True, slots=True)
class Flagged:
    """A class and attribute with issues: a row of the table of flags."""

    label: str
    attribute: str
    n: int
    anchor: str
    """Of the card of its class."""
    kinds: Mapping[Issue, tuple[str, ...]]
    """Issue -> kinds that fired, in words."""


@dataclass(frozen=True, slots=True)
class Card:
    """A class with issues."""

    label: str
    anchor: str
    flags: tuple[Flag, ...]
    confusers: tuple[tuple[str, float], ...]


@dataclass(frozen=True, slots=True)
class Overview:
    """The tables of all classes."""

    tables: tuple[tuple[str, ...], ...]
    """Measures of each, a column each: those that matter most, then the others."""
    groups: tuple[Group, ...]
    more: int
    """Groups left out."""
    flagged: frozenset[tuple[str, str, str]]
    """Class, attribute and measure that a flag rests on."""


def line(found: Measure) -> Line:
    """A measure as a row: its figure, its bounds, and a bar from zero with the reference on it."""
    value, reference = found.value, figure(found.name, found.reference)
    if value is None:
        return Line(found, head(found.name), "–", "", reference, None, None, found.why)
    edges = [value.low, value.high, value.estimate, *_given(found.reference)]
    scale = Scale(min(0.0, *edges), max(1.05 * max(edges), 1e-9))
    if told_as(found.name) == "share":
        scale = Scale(0.0, 1.0)
    real = None if found.reference is None else scale.place(found.reference)
    own, around = figure(found.name, value.estimate), bounds(found.name, value)
    beside = f", real images {reference}" if real is not None else ""
    return Line(found, head(found.name), own, around, reference, scale.mark(value), real,
                f"{own}, {around}{beside}")  # fmt: skip


def _given(value: float | None) -> list[float]:
    return [] if value is None else [value]


def evidence(found: Diagnosis, flag: Flag) -> list[Line]:
    """The measures behind a flag; of diversity never without what tells that the images are right.

    Diversity rises with wrong content, so that alone it praises what should be thrown away.
    """
    own = {one.name: one for one in flag.evidence}
    spread, right = words()["diversity"], words()["adherence"]
    if own.keys() & set(spread) and not own.keys() & set(right):
        beside = _measures_of(found, flag)
        own |= {name: beside[name] for name in right if name in beside}
    return [line(one) for one in own.values()]


def _measures_of(found: Diagnosis, flag: Flag) -> Mapping[str, Measure]:
    """All measures of what a flag is of; none of a class whatever the attribute."""
    place = (flag.label, flag.attribute)
    return next((one.measures for one in found.groups if (one.label, one.attribute) == place), {})


def flagged(found: Diagnosis) -> list[Flagged]:
    """A row a class and attribute with issues, most issues first."""
    groups: dict[tuple[str, str], list[Flag]] = {}
    for flag in found.flags:
        groups.setdefault((flag.label, flag.attribute), []).append(flag)
    counts = {(one.label, one.attribute): one.n for one in found.groups}
    anchors = {card.label: card.anchor for card in cards(found)}
    rows = [
        Flagged(label, attribute, counts.get((label, attribute), _of_class(found, label)),
                anchors[label], _kinds(flags))
        for (label, attribute), flags in groups.items()
    ]  # fmt: skip
    places = {label: at for at, label in enumerate(anchors)}
    return sorted(rows, key=lambda row: (places[row.label], -len(row.kinds)))


def _of_class(found: Diagnosis, label: str) -> int:
    """Of a flag that holds whatever the attribute."""
    return sum(one.n for one in found.groups if one.label == label)


def _kinds(flags: Sequence[Flag]) -> dict[Issue, tuple[str, ...]]:
    return {
        issue: tuple(dict.fromkeys(
            kind_name(flag.kind) for flag in flags if flag.issue == issue
        ))
        for issue in issues_of(flags)
    }  # fmt: skip


def cards(found: Diagnosis) -> list[Card]:
    """A card a flagged class, in the order of the first sentence."""
    return [_card(found, label, at) for at, label in enumerate(flagged_labels(found), 1)]


def _card(found: Diagnosis, label: str, at: int) -> Card:
    flags = [flag for flag in found.flags if flag.label == label]
    order = list(words()["issues"])
    ordered = sorted(flags, key=lambda flag: (order.index(flag.issue), flag.attribute))
    return Card(label, f"class-{at}", tuple(ordered), _confusers(found, label))


def _confusers(found: Diagnosis, label: str) -> tuple[tuple[str, float], ...]:
    """Other classes that the images of a class are taken for, over all its attributes."""
    own = [one for one in found.groups if one.label == label]
    total = sum(one.n for one in own)
    taken: dict[str, float] = {}
    for one in own:
        for name, share in one.confusers:
            taken[name] = taken.get(name, 0.0) + share * one.n / total
    return tuple(sorted(taken.items(), key=lambda pair: -pair[1])[:SHOWN_CONFUSERS])


def overview(found: Diagnosis) -> Overview:
    """All classes and attributes, classes with issues first, and their measures."""
    flagged = set(flagged_labels(found))
    rows = sorted(found.groups, key=lambda one: one.label not in flagged)
    more = max(0, len(rows) - SHOWN_GROUPS)
    return Overview(_columns(found), tuple(rows[:SHOWN_GROUPS]), more, _rests_on(found))


def _columns(found: Diagnosis) -> tuple[tuple[str, ...], ...]:
    """Measures of two tables; diversity in either stands beside what tells the images are right."""
    there = dict.fromkeys(name for one in found.groups for name in one.measures)
    first = [name for name in words()["columns"] if name in there]
    others = [name for name in there if name not in first]
    right = [name for name in words()["adherence"] if name in there]
    if any(name in words()["diversity"] for name in others):
        others = [*right[:1], *(name for name in others if name not in right[:1])]
    return tuple(tuple(names) for names in (first, others) if names)


def _rests_on(found: Diagnosis) -> frozenset[tuple[str, str, str]]:
    """Class, attribute and measure that show a flag; of a flag whatever the attribute those of the
    class as a whole, or of all its attributes where it has no row as a whole."""
    places = {(one.label, one.attribute) for one in found.groups}
    return frozenset(
        (label, attribute, one.name)
        for flag in found.flags
        for one in flag.evidence
        if one.name in words()["issues"][flag.issue]["shows"]
        for label, attribute in places
        if label == flag.label and (
            attribute == flag.attribute or not (flag.attribute or (label, "") in places)
        )
    )  # fmt: skip


def shown(group: Group, name: str) -> Measure | None:
    """A measure of a group for the table; diversity only beside a measured one of adherence."""
    found = group.measures.get(name)
    if found is None or name not in words()["diversity"]:
        return found
    beside = (group.measures.get(one) for one in words()["adherence"])
    return found if any(one and one.value for one in beside) else None


def unsaid(found: Diagnosis) -> list[tuple[str, list[str]]]:
    """Reason -> what was not measured for it: classes, and measures of the whole set."""
    reasons: dict[str, dict[str, None]] = {}
    for group in found.groups:
        name = " · ".join(filter(None, (group.label, group.attribute)))
        for measure in group.measures.values():
            _note(reasons, measure, f"{name}: {head(measure.name)}")
        lacking = {one.why for one in group.measures.values() if not one.value}
        if (
            group.measures
            and len(lacking) == 1
            and not any(one.value for one in group.measures.values())
        ):
            own = reasons[lacking.pop()]
            for measure in group.measures.values():
                own.pop(f"{name}: {head(measure.name)}")
            own[name] = None
    for measure in [*found.whole, *found.geometry, *_given_measure(found.memorised)]:
        _note(reasons, measure, f"the whole set: {head(measure.name)}")
    return [(why, list(names)) for why, names in reasons.items() if names]


def _note(reasons: dict[str, dict[str, None]], measure: Measure, name: str) -> None:
    if measure.value is None:
        reasons.setdefault(measure.why, {})[name] = None


def _given_measure(found: Measure | None) -> Iterable[Measure]:
    return [found] if found else []
