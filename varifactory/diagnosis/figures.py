"""What a diagnosis says, as plain frozen data: the page shows it, JSON and Parquet hold it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from varifactory.metrics import Measure

Issue = Literal["ambiguity", "adherence", "diversity", "concept", "copies"]
"""The four issues of Marwood et al., and copies of each other or of real images."""


@dataclass(frozen=True, slots=True)
class Seen:
    """One image of a strip of evidence."""

    pixels: str
    blob: str
    """PNG in the store; empty of a user's vectors."""
    said: str
    """What is to be seen: ``nearest: mug, 0.83``."""


@dataclass(frozen=True, slots=True)
class Flag:
    """One issue of one class, with what shows it and what to change."""

    label: str
    attribute: str
    """Empty: of the class whatever the attribute."""
    issue: Issue
    kind: str
    """Entry of ``flags.yaml`` that fired, such as ``other-sense`` or ``scattered``."""
    sentence: str
    """What was found, with its figures."""
    advice: str
    """What to change: the sense of a class name, guidance, the prompt pool, the generator."""
    evidence: tuple[Measure, ...] = ()
    images: tuple[Seen, ...] = ()


@dataclass(frozen=True, slots=True)
class Group:
    """One class and attribute."""

    label: str
    attribute: str
    n: int
    n_real: int
    measures: Mapping[str, Measure]
    """Name -> measure, in the order of the page."""
    confusers: tuple[tuple[str, float], ...] = ()
    """Other classes its images are taken for, and their share, largest first."""
    unjudged: str = ""
    """Why no flag of it can be raised, whatever is measured; empty where one can."""
    seen_from: float | None = None
    """Share of its images from which wrong ones (strays) are surely flagged; None where they may
    never be."""


@dataclass(frozen=True, slots=True)
class Copy:
    """Two images that are nearly the same."""

    image: str
    other: str
    of: Literal["synthetic", "real"]
    """What ``other`` is: one more of the set, or a real training image."""
    cosine: float
    label: str = ""


@dataclass(frozen=True, slots=True)
class Scored:
    """One synthetic image; pictures that are the same are one each, whatever their class."""

    pixels: str
    label: str
    realism: float
    """At least 1 lies inside the real manifold of its class."""


@dataclass(frozen=True, slots=True)
class Kept:
    """One point of the pruning curve."""

    fraction: float
    n: int
    overlap: Measure
    """Share of the target's images that a kept synthetic one lies near to (coverage), and of the
    kept ones that lie near the target: their harmonic mean."""


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """Everything the page shows."""

    title: str
    encoder: str
    n: int
    n_real: int
    groups: tuple[Group, ...]
    flags: tuple[Flag, ...]
    whole: tuple[Measure, ...]
    """FID, KID, CMMD, domain AUC, precision, recall, density, coverage of all classes together."""
    geometry: tuple[Measure, ...]
    """Modality gap, cones, isotropy, centroid shift."""
    copies: tuple[Copy, ...] = ()
    memorised: Measure | None = None
    """Share of synthetic images nearer to a real one than real ones are to each other."""
    curve: tuple[Kept, ...] = ()
    realism: tuple[Scored, ...] = ()
    """In the order of the set; without images of classes that have too few real ones."""
    senses: tuple[tuple[str, str, float], ...] = ()
    """Class name, other sense or class its name collides with, text margin (cosine)."""
    notes: tuple[str, ...] = ()
    """What the reader must know: classes with too few images, no texts, ..."""
    settings: Mapping[str, str] = field(default_factory=dict)
