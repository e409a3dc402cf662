"""What is needed, and so what is not: reachability from data set versions, studies, pins and runs.

What a store holds is needed if a data set version lists it, a pin names it, the ``plan.json`` of a
diagnosis or exchange rate beside a version names its spec, or a study, a run of the last
``keep_runs`` seconds (or the run that made a version or a study, or one that may be under way)
worked with its spec; and every blob that a row needs. Rows go before the blobs they name: a blob is
not needed only once no row that counts, needed or not, names it. So whoever has read a row has a
grace period to use what it names.
"""

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from varifactory.store import names
from varifactory.store.backend import Entry
from varifactory.store.errors import PartDamaged, StoreError
from varifactory.store.instruments import plans_beside
from varifactory.store.parts import BLOB_COLUMNS, Wanted
from varifactory.store.pins import Pinned
from varifactory.store.rows import TOMBSTONE, blob_columns, unique, visible
from varifactory.store.versions import ENDED

MADE_AGAIN = frozenset(
    {"sources", "leakage", "prompts", "masks", "adapters", "edits", "verdicts", "training",
     "checkpoints", "predictions", "embeddings", "texts", "foreign", "closed", "exchange", "items"}
)  # fmt: skip
"""Stages whose rows a run makes again. What people said is in none of them, and is never taken."""
_SCRATCH = re.compile(r"plan-.+\.parquet|chunk-.+\.json|(album|answers|cells|pictures)\.json")
"""What a run leaves for its own tasks alone: of no use once it ended."""
_PLAN = re.compile(r"plan-.+-([0-9a-f]{12})-[0-9]+-[0-9]{5}\.parquet")
_VERSION = re.compile(r"([^/]+)/([1-9][0-9]{0,9})/.")
_STUDY = re.compile(r"[^/]+/(plan-[0-9a-f]{64}|[1-9][0-9]{0,9}(\.dropped)?)\.json")


class Unneeded(NamedTuple):
    """One object that nothing needs."""

    path: str
    size: int
    modified: float
    """By the clock of the storage."""
    kind: str
    """replaced rows, unused rows, blobs, plans of runs, exports, study files, left by probes."""
    where: str = ""
    """The stage or run it belongs to."""
    together: str = ""
    """Objects of the same word go together or not at all: half a spec would show hidden rows."""
    last: bool = False
    """It goes after the others: it hides rows of theirs."""


@dataclass(slots=True)
class Needed:
    """What versions, pins and runs need."""

    specs: set[str] = field(default_factory=set)
    prefixes: set[str] = field(default_factory=set)
    """First 12 digits of specs, as a run that died left them in its plans' names."""
    parts: dict[tuple[str, str], set[str]] = field(default_factory=lambda: defaultdict(set))
    versions: set[tuple[str, int]] = field(default_factory=set)
    studies: set[tuple[str, int]] = field(default_factory=set)
    runs: set[str] = field(default_factory=set)

    def has_spec(self, spec: str) -> bool:
        """Whether all rows of a spec are needed."""
        return spec in self.specs or spec[:12] in self.prefixes


@dataclass(slots=True)
class Unreachable:
    """What was looked at, and what of it is not needed."""

    found: list[Unneeded]
    follows: tuple[int, int]
    """Blobs, and their bytes, that only rows name which are not needed themselves."""
    missing: frozenset[str]
    """Blobs that rows name and that are not in their place."""
    looked_at: dict[str, int]
    strange: tuple[str, ...]
    """What lies where exports and studies are and is none of ours: left alone."""


class Since(NamedTuple):
    """From which time on runs are kept, by the clock of the storage."""

    ended: float
    under_way: float
    """Of runs that have not told how they ended: they may still work, or were killed."""

    def keeps(self, latest: float, has_ended: bool) -> bool:
        """Whether a run of which the latest trace is this old keeps what it worked with."""
        return latest >= (self.ended if has_ended else min(self.ended, self.under_way))


class Reaching(Pinned):
    """What a store needs, found by listings and rows; no blob is read."""

    def unreachable(self, since: Since) -> Unreachable:
        """All that nothing needs.

        Raises:
            StoreError: something cannot be read, so that nobody knows what it needs.
        """
        # Listed before any row is read: a row that is written meanwhile names what is found here.
        blobs = [e for e in self.backend.walk(names.BLOBS) if _blob(e)]
        self._refuse_links()
        runs = list(self.backend.walk(names.RUNS))
        needed = self._needed(runs, since)
        found: list[Unneeded] = []
        kept: list[pa.Array] = []
        named: list[pa.Array] = []
        for stage in self.stages():
            for spec in self.specs(stage):
                gone, by_needed, by_all = self._of_spec(stage, spec, needed)
                found += gone
                kept.append(by_needed)
                named.append(by_all)
        exports, strange = self._beside(names.EXPORTS, "exports", needed.versions)
        files, odd = self._beside(names.STUDIES, "study files", needed.studies)
        found += self._scratch(runs, needed) + exports + files + self._left()
        every = unique(named)
        orphans, follows = _orphans(blobs, unique(kept), every)
        looked = {"blobs": len(blobs), "runs": len(needed.runs), "versions": len(needed.versions),
                  "studies": len(needed.studies)}  # fmt: skip
        return Unreachable(found + orphans, follows, _missing(blobs, every), looked, strange + odd)

    def _refuse_links(self) -> None:
        """Stop where a link stands for a folder of rows, runs or versions: it is not followed, so
        what lies behind it would seem to need nothing."""
        folders = [names.DATASETS, names.STUDIES, names.RUNS, names.STAGES]
        for folder in (*folders, *(f"{names.STAGES}/{stage}" for stage in self.stages())):
            for name in self.backend.linked(folder):
                raise StoreError(
                    f"{self.backend.show(f'{folder}/{name}')} is a link, which is not followed, "
                    "and nobody knows what it needs: put the folder itself there, or take it out"
                )

    def _needed(self, runs: Iterable[Entry], since: Since) -> Needed:
        beside: dict[str, list[str]] = defaultdict(list)
        latest: dict[str, float] = defaultdict(float)
        for entry in runs:
            run, _, name = entry.name.partition("/")
            if name:
                beside[run].append(name)
            run = run if name else run.removesuffix(".json")
            latest[run] = max(latest[run], entry.modified)
        kept = {run for run, at in latest.items() if since.keeps(at, ENDED in beside[run])}
        needed = Needed(runs=kept)
        makers: set[str] = set()
        for name, numbers in self.datasets():
            for number in numbers:
                manifest = self.dataset(name, number)
                needed.versions.add((name, number))
                makers.add(manifest.run_id)
                for part in manifest.parts:
                    needed.parts[part.stage, part.spec].add(part.name)
        for study in self.every_study():
            needed.studies.add((study.name, study.version))
            needed.specs |= study.needed_specs()
            makers.add(study.run_id)
        for plan in plans_beside(self):
            needed.specs |= plan.hashes
        for pin in self.pins():
            needed.specs.update(pin.specs)
            needed.runs.update(pin.runs)
        for run in needed.runs | makers:
            self._add_specs(run, beside.get(run, []), needed)
        return needed

    def _add_specs(self, run: str, beside: list[str], needed: Needed) -> None:
        noted = {found[1] for name in beside if (found := names.USE.fullmatch(name))}
        needed.specs |= noted
        needed.prefixes |= {found[1] for name in beside if (found := _PLAN.fullmatch(name))}
        if not noted and ENDED in beside:  # a run of before there were notes
            told = (self.ended(run) or {}).get("specs") or {}
            needed.specs |= {name.rpartition("/")[2] for name in told}

    def _of_spec(
        self, stage: str, spec: str, needed: Needed
    ) -> tuple[list[Unneeded], pa.Array, pa.Array]:
        """What is not needed of a spec; blobs that needed rows name; blobs that any row names."""
        listed = needed.parts.get((stage, spec), set())
        every = stage not in MADE_AGAIN or needed.has_spec(spec)
        live, lost = self._read_live(stage, spec, Wanted.asked([BLOB_COLUMNS], None))
        for name, why in lost.items():
            raise PartDamaged(
                f"stage {stage!r}, spec {spec!r}: {why}. Nobody knows which blobs {name} needs, so "
                "nothing is collected: run `varifactory verify` first"
            )
        stones = {part.name for part in live if _hides(part.table)}
        current = {part.name for part in live}
        found = []
        for entry in self._entries(stage, spec):
            path = names.part(stage, spec, entry.name)
            if entry.name in listed:
                continue
            if entry.name not in current and any(entry.name in part.replaces for part in live):
                found.append(_unneeded(entry, path, "replaced rows", stage))
            elif entry.name in current and not every and not (listed and entry.name in stones):
                found.append(
                    Unneeded(
                        path,
                        entry.size,
                        entry.modified,
                        "unused rows",
                        stage,
                        spec,
                        entry.name in stones,
                    )
                )
        tables = [part.table for part in live]
        frozen = [self._read_strictly(stage, spec, name).table for name in sorted(listed)]
        by_versions = unique([_named(table) for table in frozen])
        by_rows = unique([_named(visible(table)) for table in _in_one(tables)])
        both = unique([by_versions, by_rows])
        return found, both if every else by_versions, both

    def _scratch(self, runs: Iterable[Entry], needed: Needed) -> list[Unneeded]:
        return [
            _unneeded(entry, f"{names.RUNS}/{entry.name}", "plans of runs", run)
            for entry in runs
            for run, _, name in [entry.name.partition("/")]
            if _SCRATCH.fullmatch(name) and run not in needed.runs
        ]

    def _beside(
        self, folder: str, kind: str, versions: set[tuple[str, int]]
    ) -> tuple[list[Unneeded], tuple[str, ...]]:
        """Files of versions that are not there any more; and what is no version's at all."""
        found, strange = [], []
        for entry in self.backend.walk(folder):
            path = f"{folder}/{entry.name}"
            place = _VERSION.match(entry.name)
            if place is None and folder == names.STUDIES and _STUDY.fullmatch(entry.name):
                continue
            if place is None:
                strange.append(path)
            elif (place[1], int(place[2])) not in versions:
                found.append(_unneeded(entry, path, kind, f"{place[1]}@{place[2]}"))
        return found, tuple(strange)

    def _left(self) -> list[Unneeded]:
        return [
            _unneeded(entry, f"{names.PROBES}/{entry.name}", "left by probes")
            for entry in self.backend.entries(names.PROBES)
        ]


def _unneeded(entry: Entry, path: str, kind: str, where: str = "") -> Unneeded:
    return Unneeded(path, entry.size, entry.modified, kind, where)


def _blob(entry: Entry) -> bool:
    return names.BLOB.fullmatch(entry.name.rpartition("/")[2]) is not None


def _hides(table: pa.Table) -> bool:
    return bool(pc.any(pc.equal(table["status"], TOMBSTONE)).as_py())


def _in_one(tables: list[pa.Table]) -> list[pa.Table]:
    """One table, for a tombstone hides rows of other parts; none where there is none."""
    if not tables:
        return []
    return [pa.concat_tables(tables, promote_options="permissive")]


def _named(table: pa.Table) -> pa.Array:
    """Names of the blobs in a table, each once."""
    return unique([pc.cast(table[column], pa.string()) for column in blob_columns(table)])


def _orphans(
    blobs: list[Entry], kept: pa.Array, named: pa.Array
) -> tuple[list[Unneeded], tuple[int, int]]:
    """Blobs that no row names; count and bytes of those that only unneeded rows name."""
    listed = pa.array([entry.name.rpartition("/")[2] for entry in blobs], pa.string())
    is_named = pc.is_in(listed, value_set=named).to_pylist()
    is_kept = pc.is_in(listed, value_set=kept).to_pylist()
    orphans = [
        _unneeded(entry, f"{names.BLOBS}/{entry.name}", "blobs")
        for entry, wanted in zip(blobs, is_named, strict=True)
        if not wanted
    ]
    follows = [
        entry.size
        for entry, by_row, by_need in zip(blobs, is_named, is_kept, strict=True)
        if by_row and not by_need
    ]
    return orphans, (len(follows), sum(follows))


def _missing(blobs: list[Entry], named: pa.Array) -> frozenset[str]:
    there = pa.array([entry.name.rpartition("/")[2] for entry in blobs], pa.string())
    return frozenset(named.filter(pc.invert(pc.is_in(named, value_set=there))).to_pylist())
