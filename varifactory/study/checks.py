"""What the edits of each arm are: whether arms differ in what they should, and in nothing else.

Counted from the data set versions that a study names and from embeddings in the store, without
pictures and without models.
"""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from varifactory.embeddings import Embedded, read_embeddings
from varifactory.errors import TrainingError
from varifactory.stages import Row
from varifactory.statistics import Interval, clustered_proportion
from varifactory.store import Manifest, Store
from varifactory.store.studies import StudyCell, StudyManifest
from varifactory.study.confounds import (
    Sides,
    confounds_of,
    failed_manipulation,
    tested_measures,
)
from varifactory.study.diversity import diversity, effective, prompts
from varifactory.study.figures import Check, Confound
from varifactory.study.first_words import with_first_words
from varifactory.study.measures import Measured, Numbers, measured
from varifactory.training.arms import ARMS, mixture
from varifactory.training.grid import EVERY, Stratum

MATTERS = (("real+feasible", "real+infeasible"), ("feasible", "infeasible"))
"""Arms that should differ in feasibility alone; the first pair that was trained is compared."""
BOTH = ("feasible", "infeasible")
AT_MOST = 200
"""Edits of a class that its Vendi score looks at: its time grows with their third power."""
COLUMNS = (
    "key", "edit_key", "status", "label", "kind", "split", "source_key", "pixel_sha256",
    "image_blob", "attribute", "feasibility", "value", "prompt", "editor", "index", "attempt",
    "paired", "forced", "measured_value", "measured_class", "presence", "judged_feasibility",
    "change_inside", "region_share", "first_blob", "first_sha256",
)  # fmt: skip
"""Of the items: mixtures need some, measures the others."""


@dataclass(frozen=True, slots=True)
class Images:
    """One data set version, as far as checks read it."""

    dataset: Manifest
    rows: Sequence[Row]
    """Its items."""
    embedded: Embedded | None

    @property
    def editor(self) -> str:
        """Whose edits are trained on."""
        return str(self.dataset.recipe["edits"]["editor"])

    def trained(self, kind: str, stratum: Stratum, seed: int) -> Sequence[Row]:
        """The edits of an arm that trains on edits of this kind alone; () if it cannot be made.

        A cell that could not be planned has a row of its own that tells why.
        """
        with suppress(TrainingError):
            return mixture(
                kind, self.rows, self.rows, seed, editor=self.editor,
                attribute=stratum.attribute or EVERY, per_source=stratum.per_source,
            ).edits  # fmt: skip
        return ()

    def asked(self, stratum: Stratum) -> list[Row]:
        """All edits that were asked for of which a stratum's arms could train."""
        return [
            row
            for row in self.rows
            if row["kind"] == "edit"
            and row["split"] == "train"
            and row["editor"] == self.editor
            and stratum.attribute in ("", EVERY, row["attribute"])
        ]


Place = tuple[str, int]
"""Name and version of a data set."""


@dataclass(frozen=True, slots=True)
class Edits:
    """Edits of one kind in one stratum, over all generation seeds."""

    measured: Measured
    asked: Sequence[Row]


class Checked(NamedTuple):
    """Fields of ``figures.Study``."""

    checks: tuple[Check, ...]
    confounds: tuple[Confound, ...]
    alarms: tuple[str, ...]
    tested: tuple[str, ...]


def study_checks(store: Store, manifest: StudyManifest) -> Checked:
    """A check an arm with edits, what tells feasible from infeasible edits besides, and whether
    they differ in feasibility at all.

    Edits do not depend on trainee, augmentation and schedule, so the strata of checks leave those
    empty; edits of several generation seeds are taken together. Of an arm that draws its edits by
    the training seed, those of the smallest seed are taken.

    Raises:
        StoreError: a data set version is gone or damaged.
    """
    confidence = float(manifest.plan.get("confidence", 0.95))
    cells = _cells(manifest.cells)
    opened = {place: _images(store, manifest, place) for place in sorted(_places(cells.values()))}
    known: dict[tuple[Stratum, str], Edits] = {}
    for (stratum, arm), found in cells.items():
        kind = ARMS[arm].synthetic
        if (stratum, kind) not in known:
            known[stratum, kind] = _edits(store, stratum, kind, found, opened)
    checks = [
        _check(stratum, arm, known[stratum, ARMS[arm].synthetic], confidence)
        for stratum, arm in cells
    ]
    confounds: list[Confound] = []
    alarms: list[str] = []
    tested: dict[str, None] = {}
    for stratum, arm, other in _compared(cells):
        sides = _sides(known, stratum, arm, other)
        confounds += confounds_of(stratum, arm, other, sides, confidence)
        tested |= dict.fromkeys(tested_measures(sides))
        failed = failed_manipulation(arm, other, sides, confidence)
        alarms += [f"{_where(stratum, cells)}{failed}"] if failed else []
    return Checked(tuple(checks), tuple(confounds), tuple(alarms), tuple(tested))


Cells = Mapping[tuple[Stratum, str], Sequence[StudyCell]]
"""What edits depend on, and arm -> cells."""


def _cells(cells: Iterable[StudyCell]) -> Cells:
    order = {arm: at for at, arm in enumerate(ARMS)}
    found: dict[tuple[Stratum, str], list[StudyCell]] = {}
    for cell in cells:
        if ARMS[cell.arm].needs_edits:
            stratum = Stratum(cell.dataset, cell.sweep, attribute=cell.attribute,
                              per_source=cell.per_source)  # fmt: skip
            found.setdefault((stratum, cell.arm), []).append(cell)
    return {place: found[place] for place in sorted(found, key=lambda at: (at[0], order[at[1]]))}


def _places(groups: Iterable[Sequence[StudyCell]]) -> set[Place]:
    return {(cell.name, cell.version) for cells in groups for cell in cells}


def _compared(cells: Cells) -> list[tuple[Stratum, str, str]]:
    """In each stratum the first pair of arms that should differ in feasibility alone."""
    strata = dict.fromkeys(stratum for stratum, _ in cells)
    return [
        (stratum, *next(pair for pair in MATTERS if all((stratum, arm) in cells for arm in pair)))
        for stratum in strata
        if any(all((stratum, arm) in cells for arm in pair) for pair in MATTERS)
    ]


def _where(stratum: Stratum, cells: Cells) -> str:
    """A stratum by what tells it from the others of the study; empty of the only one."""
    others = {one for one, _ in cells}
    told = [
        f"{getattr(stratum, factor)}{' a source' if factor == 'per_source' else ''}"
        for factor in ("dataset", "sweep", "attribute", "per_source")
        if len({getattr(one, factor) for one in others}) > 1
    ]
    return f"{', '.join(told)}: " if told else ""


def _images(store: Store, manifest: StudyManifest, place: Place) -> Images:
    name, version = place
    dataset = store.dataset(name, version)
    rows: list[Row] = []
    for spec in sorted({part.spec for part in dataset.parts}):
        parts = [part.name for part in dataset.parts if part.spec == spec]
        rows += store.rows_of("items", spec, parts, COLUMNS).to_pylist()
    rows = [{**row, "dataset": name} for row in rows]
    return Images(dataset, rows, _embedded(store, manifest, rows))


def _embedded(store: Store, manifest: StudyManifest, rows: Sequence[Row]) -> Embedded | None:
    specs = [name.split("/")[1] for name in manifest.specs if name.startswith("embeddings/")]
    if not specs:
        return None
    hashes = {row[name] for row in rows for name in ("pixel_sha256", "first_sha256") if row[name]}
    return read_embeddings(store, min(specs), sorted(hashes))


def _edits(
    store: Store,
    stratum: Stratum,
    kind: str,
    cells: Sequence[StudyCell],
    opened: Mapping[Place, Images],
) -> Edits:
    seed = min(cell.seed for cell in cells)
    parts, asked = [], []
    for place in sorted(_places([cells])):
        images = opened[place]
        pixels = {row["source_key"]: row["pixel_sha256"] for row in images.rows
                  if row["kind"] == "source"}  # fmt: skip
        rows = with_first_words(store, images.dataset, images.trained(kind, stratum, seed))
        parts.append(measured(rows, images.embedded, pixels))
        asked += images.asked(stratum)
    return Edits(Measured.together(parts), asked)


def _sides(
    known: Mapping[tuple[Stratum, str], Edits], stratum: Stratum, arm: str, other: str
) -> Sides:
    ours, theirs = (known[stratum, ARMS[one].synthetic] for one in (arm, other))
    return Sides(ours.measured, theirs.measured, ours.asked)


def _check(stratum: Stratum, arm: str, edits: Edits, confidence: float) -> Check:
    kind, found = ARMS[arm].synthetic, edits.measured
    sides = (kind,) if kind in (*BOTH, "unchanged") else BOTH
    sources = found.sources
    ended = [row["status"] == "rejected" for row in edits.asked if row["feasibility"] in sides]

    def share(name: str) -> Interval | None:
        hits = found.numbers[name]
        known = ~np.isnan(hits)
        if not known.any():
            return None
        return clustered_proportion(hits[known] > 0, sources[known], confidence)

    return Check(
        stratum,
        arm,
        edits=len(found.rows),
        feasible=share("feasible"),
        present=share("present"),
        presence=_mean(found.numbers["presence"]),
        class_kept=share("class_kept"),
        region_share=_mean(found.numbers["region_share"]),
        pixel_change=_mean(found.numbers["pixel_change"]),
        embedding_distance=_mean(found.numbers["embedding_distance"]),
        diversity=_over_classes(diversity(found)),
        forced=_mean(found.numbers["forced"]) or 0.0,
        rejected=float(np.mean(ended)) if ended else None,
        prompts=_over_classes(prompts(found)),
        effective=_over_classes(effective(found, AT_MOST)),
    )


def _mean(numbers: Numbers) -> float | None:
    known = numbers[~np.isnan(numbers)]
    return float(known.mean()) if len(known) else None


def _over_classes(by_class: Mapping[str, float]) -> float | None:
    return float(np.mean(list(by_class.values()))) if by_class else None
