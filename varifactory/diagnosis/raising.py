"""Flags with their words and their strip of images."""

from collections.abc import Mapping

import numpy as np

from varifactory.diagnosis.examining import Examined
from varifactory.diagnosis.figures import Flag, Seen
from varifactory.diagnosis.thresholds import advice, issue_of, sentence
from varifactory.metrics import Measure
from varifactory.metrics.vectors import Flags

STRIP = 8
"""Images of a strip of evidence."""


def raised(
    one: Examined,
    kind: str,
    told: Mapping[str, object],
    evidence: tuple[Measure, ...],
    images: tuple[Seen, ...],
    other: str = "",
) -> Flag:
    """A flag of this kind."""
    return Flag(
        label=one.label,
        attribute=one.side.attribute,
        issue=issue_of(kind),
        kind=kind,
        sentence=sentence(kind, label=one.label, **told),
        advice=advice(kind, one.label, other),
        evidence=evidence,
        images=images,
    )


def examples(one: Examined, at: Flags, said: str = "") -> tuple[Seen, ...]:
    """The images farthest from real ones among those at these places, each with what it shows."""
    made = one.asked.population.synthetic
    names = one.asked.population.class_names
    away = one.depth[0]
    places = sorted(np.flatnonzero(at).tolist(), key=lambda place: -away[place])[:STRIP]
    found = []
    for place in places:
        row, given = int(one.side.at[place]), int(one.given[place])
        taken = "not judged" if given < 0 else f"taken for {names[given]}"
        sure = one.asked.judged.sure[row]
        found.append(Seen(made.pixels[row], made.blobs[row] if made.blobs else "",
                          f"{taken}, {sure:.2f}" if given >= 0 else taken))  # fmt: skip
    return tuple(found)


def pictured(count: int) -> str:
    """``1 distinct picture``."""
    return f"{count} distinct picture{'' if count == 1 else 's'}"
