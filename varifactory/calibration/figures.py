"""What people's labels say of a filter: how often it is right, and what it loses."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from varifactory.calibration.estimates import Stratum, filter_kappa, recall, share, whole
from varifactory.calibration.labels import Labels
from varifactory.calibration.questions import POSSIBLE, QUESTIONS, Label, is_good
from varifactory.calibration.sampling import CalibrationError, Kind, Sample
from varifactory.statistics import Interval
from varifactory.statistics.kappa import Kappa, kappa_of, kappas

NONE_ACCEPTED = "the filter accepted nothing"
NONE_REFUSED = "the filter refused nothing"
NONE_GOOD = "people called no edit good"
ALL_ALIKE = "all edits are alike to the filter and to people"


@dataclass(frozen=True, slots=True)
class Measure:
    """One figure; without a value it says why."""

    interval: Interval | None
    undefined: str = ""


@dataclass(frozen=True, slots=True)
class Possible:
    """How often people call accepted edits of one feasibility possible."""

    feasibility: str
    """As asked for."""
    labelled: int
    possible: Interval


@dataclass(frozen=True, slots=True)
class CalibrationFigures:
    """All that was found; shares are of the edits a judge decided on, and weighted."""

    sample: str
    edits: int
    """That a judge decided on: what the figures speak of."""
    asked_for: int
    """All edits of the version, those that were never made or judged too."""
    drawn: int
    labelled: int
    """With a clear label."""
    unclear: int
    """Drawn and answered, but everybody was unsure."""
    unanswered: int
    raters: tuple[str, ...]
    feasibility_counts: bool
    """Whether a good edit must also be as possible as was asked for."""
    counts: dict[str, float]
    """Labels by what the filter and people said, not weighted; raters who disagree share one."""
    borrowed: tuple[str, ...]
    """Strata without a clear label: taken to be as the others that the filter treated alike."""
    accepted: float
    """Share that the filter accepted, 0 to 1: its own yield, known exactly."""
    precision: Measure
    """Of those accepted the share that people call good."""
    recall: Measure
    """Of those that people call good the share that was accepted."""
    kappa: Measure
    """Cohen's, between the filter and people."""
    good: Measure
    """Share that people call good: the corrected yield."""
    good_and_accepted: Measure
    """Share of all edits that were asked for: made, accepted, and called good."""
    possible: tuple[Possible, ...]
    between_raters: tuple[Kappa, ...]
    confidence: float

    def as_json(self) -> dict[str, Any]:
        """Plain data; ``figures_of`` reads it again."""
        return asdict(self)


def calibrate(sample: Sample, labels: Labels, confidence: float = 0.95) -> CalibrationFigures:
    """The figures of a sample and its labels.

    An edit counts as good by the share of its raters who call it so. Edits on which all are unsure
    are left out, as if they had not been drawn, and counted.

    Raises:
        CalibrationError: no clear label at all of what was accepted, or of what was refused.
    """
    good, answered = _good(sample, labels)
    strata = [_stratum(sample, at, good) for at in range(len(sample.kinds))]
    borrowed = [_named(kind) for kind, stratum in zip(sample.kinds, strata, strict=True)
                if not stratum.labelled]  # fmt: skip
    edits = sum(kind.size for kind in sample.kinds)
    taken = sum(kind.size for kind in sample.kinds if kind.accepted) / edits
    passed, refused = (_side(sample, strata, side, confidence) for side in (True, False))
    return CalibrationFigures(
        sample=sample.name,
        edits=edits,
        asked_for=sample.asked_for,
        drawn=len(sample.drawn),
        labelled=len(good),
        unclear=len(answered - good.keys()),
        unanswered=len(sample.drawn) - len(answered),
        raters=tuple(labels.by_rater),
        feasibility_counts=sample.feasibility_counts,
        counts=_counts(sample, good),
        borrowed=tuple(borrowed),
        accepted=taken,
        **_measures(passed, refused, taken, edits / sample.asked_for),
        possible=_possible(sample, labels, confidence),
        between_raters=_between(sample, labels, confidence),
        confidence=confidence,
    )


def _side(
    sample: Sample, strata: Sequence[Stratum], accepted: bool, confidence: float
) -> Interval | None:
    """The share that is good of what was accepted, or of what was refused; None if that is none."""
    side = [stratum for kind, stratum in zip(sample.kinds, strata, strict=True)
            if kind.accepted is accepted]  # fmt: skip
    labelled = [stratum for stratum in side if stratum.labelled]
    if side and not labelled:
        raise CalibrationError(
            f"no clear label of any edit that was {'accepted' if accepted else 'refused'}: answer "
            "more of the sheet, or draw a larger sample (--n)"
        )
    return share(labelled, confidence) if side else None


def _good(sample: Sample, labels: Labels) -> tuple[dict[str, float], set[str]]:
    """Key -> share of its raters who call it good; and the keys that anybody answered."""

    def verdict(key: str, label: Label) -> bool | None:
        return is_good(label, feasibility[key], sample.feasibility_counts)

    feasibility = {one.key: sample.kinds[one.stratum].feasibility for one in sample.drawn}
    answered = {key for said in labels.by_rater.values() for key in said}
    found = {key: _votes(key, labels, verdict) for key in sorted(answered)}
    return {key: good for key, good in found.items() if good is not None}, answered


def _votes(key: str, labels: Labels, verdict: Callable[[str, Label], bool | None]) -> float | None:
    """Share of those who say so, of those who say anything."""
    votes = [verdict(key, said[key]) for said in labels.by_rater.values() if key in said]
    clear = [vote for vote in votes if vote is not None]
    return sum(clear) / len(clear) if clear else None


def _stratum(sample: Sample, at: int, good: Mapping[str, float]) -> Stratum:
    said = [good[one.key] for one in sample.drawn if one.stratum == at and one.key in good]
    return Stratum(sample.kinds[at].size, len(said), sum(said))


def _named(kind: Kind) -> str:
    side = "accepted" if kind.accepted else "refused"
    return f"{kind.attribute}, {kind.feasibility}, {side} ({kind.drawn} of {kind.size} drawn)"


def _counts(sample: Sample, good: Mapping[str, float]) -> dict[str, float]:
    found = {f"{side}, {what}": 0.0 for side in ("accepted", "refused")
             for what in ("good", "not good")}  # fmt: skip
    for one in sample.drawn:
        if one.key in good:
            side = "accepted" if sample.kinds[one.stratum].accepted else "refused"
            found[f"{side}, good"] += good[one.key]
            found[f"{side}, not good"] += 1 - good[one.key]
    return found


def _measures(
    passed: Interval | None, refused: Interval | None, taken: float, judged: float
) -> dict[str, Measure]:
    if passed is None or refused is None:
        return _one_sided(passed, refused, judged)
    found, kappa = recall(passed, refused, taken), filter_kappa(passed, refused, taken)
    return {
        "precision": Measure(passed),
        "recall": Measure(found, "" if found else NONE_GOOD),
        "kappa": Measure(kappa, "" if kappa else ALL_ALIKE),
        "good": Measure(whole(passed, refused, taken)),
        "good_and_accepted": Measure(_scaled(passed, taken * judged)),
    }


def _one_sided(
    passed: Interval | None, refused: Interval | None, judged: float
) -> dict[str, Measure]:
    """Of a filter that let everything through, or nothing."""
    why = NONE_ACCEPTED if passed is None else NONE_REFUSED
    good = passed or refused
    assert good is not None  # a sample holds at least one stratum
    nothing = Interval(0.0, 0.0, 0.0, good.confidence, good.covers)
    return {
        "precision": Measure(passed, "" if passed else why),
        "recall": Measure(None, why),
        "kappa": Measure(None, why),
        "good": Measure(good),
        "good_and_accepted": Measure(_scaled(passed, judged) if passed else nothing),
    }


def _scaled(part: Interval, by: float) -> Interval:
    return Interval(by * part.estimate, by * part.low, by * part.high, part.confidence, part.covers)


def _possible(sample: Sample, labels: Labels, confidence: float) -> tuple[Possible, ...]:
    """Of accepted edits; a feasibility without any clear answer is left out."""

    def verdict(_: str, label: Label) -> bool | None:
        said = label[POSSIBLE]
        return None if said == "unsure" else said == "yes"

    keys = [one.key for one in sample.drawn]
    said = {key: clear for key in keys if (clear := _votes(key, labels, verdict)) is not None}
    found = []
    for feasibility in sorted({kind.feasibility for kind in sample.kinds}):
        strata = [_stratum(sample, at, said) for at, kind in enumerate(sample.kinds)
                  if kind.feasibility == feasibility and kind.accepted]  # fmt: skip
        answered = [stratum for stratum in strata if stratum.labelled]
        if answered:
            labelled = sum(stratum.labelled for stratum in answered)
            found.append(Possible(feasibility, labelled, share(answered, confidence)))
    return tuple(found)


def _between(sample: Sample, labels: Labels, confidence: float) -> tuple[Kappa, ...]:
    """Agreement of several raters, on every question and on whether an edit is good."""
    feasibility = {one.key: sample.kinds[one.stratum].feasibility for one in sample.drawn}
    found: list[Kappa] = []
    for question in QUESTIONS:
        answers = {rater: {key: label[question.name] for key, label in said.items()}
                   for rater, said in labels.by_rater.items()}  # fmt: skip
        found += kappas(question.words, answers, confidence=confidence)
    verdicts: dict[str, dict[str, str]] = {}
    for rater, said in labels.by_rater.items():
        judged = {key: is_good(label, feasibility[key], sample.feasibility_counts)
                  for key, label in said.items()}  # fmt: skip
        verdicts[rater] = {key: str(good) for key, good in judged.items() if good is not None}
    return (*kappas("Is it good?", verdicts, confidence=confidence), *found)


def figures_of(data: Mapping[str, Any]) -> CalibrationFigures:
    """Figures as ``as_json`` gave them.

    Raises:
        KeyError, TypeError: for anything else.
    """
    measures = ("precision", "recall", "kappa", "good", "good_and_accepted")
    return CalibrationFigures(
        **{
            **data,
            **{name: _measure(data[name]) for name in measures},
            "raters": tuple(data["raters"]),
            "borrowed": tuple(data["borrowed"]),
            "possible": tuple(
                Possible(one["feasibility"], one["labelled"], Interval(**one["possible"]))
                for one in data["possible"]
            ),
            "between_raters": tuple(kappa_of(one) for one in data["between_raters"]),
        }
    )


def _measure(data: Mapping[str, Any]) -> Measure:
    interval = data["interval"]
    return Measure(Interval(**interval) if interval else None, data["undefined"])
