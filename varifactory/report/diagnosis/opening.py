"""The first sentences of a diagnosis: which classes have an issue, and what all of it rests on."""

from collections.abc import Sequence
from dataclasses import dataclass

from varifactory.diagnosis.figures import Diagnosis, Flag, Issue
from varifactory.report.diagnosis.wording import figure, issue_name, joined, words

NAMED = 5
"""Classes that the first sentence names; the table has them all."""
LETTERS = 40
"""Of a class name in that sentence; the table has it whole."""
INSIDE = 1.0
"""Realism from which an image lies among real ones (Kynkäänniemi et al., 2019)."""


@dataclass(frozen=True, slots=True)
class Opening:
    """What a diagnosis begins with."""

    headline: str
    lead: tuple[str, ...]


def opening(found: Diagnosis) -> Opening:
    """The first sentence, and those below it."""
    return Opening(headline(found), tuple(_lead(found)))


def headline(found: Diagnosis) -> str:
    """Which classes have which issue, in one sentence; what was not judged is never called good."""
    said, names = words()["headline"], classes(found)
    flagged = flagged_labels(found)
    could = judged(found)
    unjudged = [name for name in names if name not in could and name not in flagged]
    if not flagged and len(unjudged) == len(names):
        sentence = said["nothing"].format(classes=_counted(len(names)), why=_why(found))
        return f"{sentence}."
    missing = said["unjudged"].format(count=_counted(len(unjudged)), why=_why(found))
    rest = f"; {missing}" if unjudged else ""
    if not flagged:
        count = len(names) - len(unjudged)
        those = "the one class" if count == 1 else f"the {_counted(count)}"
        sentence = said["none_of_some" if unjudged else "none"].format(judged=those)
        return f"{sentence}{_least(found)}{rest}."
    named = _named(found, flagged[:NAMED])
    if len(flagged) > NAMED:
        named.append(said["more"].format(count=len(flagged) - NAMED))
    sentence = said["one" if len(flagged) == 1 else "some"].format(
        classes=_counted(len(names)), flagged=len(flagged), named=joined(named)
    )
    return f"{sentence}{rest}."


def flagged_labels(found: Diagnosis) -> list[str]:
    """Classes with flags, most issues first, then most flags."""
    own: dict[str, list[Flag]] = {}
    for flag in found.flags:
        own.setdefault(flag.label, []).append(flag)
    return sorted(own, key=lambda label: (-len(issues_of(own[label])), -len(own[label])))


def classes(found: Diagnosis) -> list[str]:
    """Names of the classes, in the order of their groups."""
    return list(dict.fromkeys([*(one.label for one in found.groups),
                               *(flag.label for flag in found.flags)]))  # fmt: skip


def judged(found: Diagnosis) -> set[str]:
    """Classes of which a flag could be raised, whatever the attribute or of one of them."""
    return {one.label for one in found.groups if not one.unjudged
            and any(measure.value for measure in one.measures.values())}  # fmt: skip


def issues_of(flags: Sequence[Flag]) -> list[Issue]:
    """The issues of some flags, each once, in the order of ``words.yaml``."""
    there = {flag.issue for flag in flags}
    return [issue for issue in words()["issues"] if issue in there]


def inside(found: Diagnosis) -> float | None:
    """Share of the synthetic images that lie among real ones; None where that was not measured."""
    images = found.realism
    return sum(one.realism >= INSIDE for one in images) / len(images) if images else None


def _named(found: Diagnosis, labels: Sequence[str]) -> list[str]:
    """Classes with their issues in brackets; those with the same issues share their brackets."""
    groups: dict[str, list[str]] = {}
    for label in labels:
        own = issues_of([flag for flag in found.flags if flag.label == label])
        name = label if len(label) <= LETTERS else label[: LETTERS - 1] + "…"
        groups.setdefault(joined(list(map(issue_name, own))), []).append(name)
    return [f"{joined(names)} ({issues})" for issues, names in groups.items()]


def _why(found: Diagnosis) -> str:
    """The reasons of classes that were not judged."""
    could = judged(found)
    reasons = dict.fromkeys(
        one.unjudged for one in found.groups if one.label not in could and one.unjudged
    )
    return joined(list(reasons)) or "nothing was measured"


def seen_from(found: Diagnosis) -> dict[str, float | None]:
    """Class -> share of its images from which wrong ones are surely seen; None: no share is."""
    known: dict[str, list[float]] = {}
    for one in found.groups:
        if not one.unjudged:
            known.setdefault(one.label, []).extend(filter(None, [one.seen_from]))
    return {label: min(shares, default=None) for label, shares in known.items()}


def _least(found: Diagnosis) -> str:
    """What no flag may hide, at the end of a sentence."""
    said, shares = words()["headline"], list(seen_from(found).values())
    known = [share for share in shares if share]
    told = said["seen_from"].format(share=figure("precision", max(known))) if known else ""
    unseen = said["unseen"].format(count=_counted(len(shares) - len(known)))
    return told + (unseen if len(known) < len(shares) else "")


def _counted(number: int) -> str:
    return f"{number:,} class" if number == 1 else f"{number:,} classes"


def _lead(found: Diagnosis) -> list[str]:
    said = words()["lead"]
    told = [said["against"].format(n=f"{found.n:,}", n_real=f"{found.n_real:,}",
                                   encoder=found.encoder)]  # fmt: skip
    for measure in found.whole:
        if measure.name == "domain_auc" and measure.value:
            told.append(said["auc"].format(auc=f"{measure.value.estimate:.2f}"))
    share = inside(found)
    if share is not None:
        told.append(said["inside"].format(share=figure("precision", share)))
    return [" ".join([*told, *_seen(found)]), said["flags"]]


def _seen(found: Diagnosis) -> list[str]:
    said, shares = words()["lead"], seen_from(found)
    known = [figure("precision", share) for share in sorted(filter(None, shares.values()))]
    unseen, told = len(shares) - len(known), []
    if known:
        sentence = said["seen_from" if known[0] == known[-1] else "seen_between"]
        told.append(sentence.format(least=known[0], share=known[-1]))
    if unseen:
        told.append(said["unseen"].format(count=_counted(unseen)))
    return told
