"""Reads a store again and tells what is not as it was written; heals by tombstones.

A lost or corrupt blob hides the rows that name it, so that the next run makes them again. A
damaged part is moved to ``trash/``: its rows are missing, and are made again likewise.
"""

import random
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from typing import TypeVar

import pyarrow as pa
import pyarrow.compute as pc

from varifactory.store import names
from varifactory.store.backend import Entry
from varifactory.store.blobs import Blobs
from varifactory.store.errors import (
    BlobCorrupt,
    BlobError,
    PartDamaged,
    StoreDenied,
    StoreError,
)
from varifactory.store.findings import Finding, VerifyReport
from varifactory.store.instruments import instrument_findings
from varifactory.store.manifest import HASHED, Manifest, dataset_hash
from varifactory.store.parts import BLOB_COLUMNS, LARGEST, Wanted, decode
from varifactory.store.rows import BLOB_PATTERN, blob_columns, unique
from varifactory.store.study_findings import StudiesVerified
from varifactory.store.tables import Tables

ABANDONED_AFTER = 24 * 3600.0
"""Seconds after which a temporary file belongs to no living writer."""

_WINDOW = 4096
_Place = TypeVar("_Place")


class Verified(Tables, StudiesVerified, Blobs):
    """A store's check of itself."""

    def verify(self, sample: float | None = None, heal: bool = True) -> VerifyReport:
        """Read all parts, the blobs that counting rows name, the versions, studies, diagnoses and
        exchange rates.

        ``sample`` is the share of blobs, 0 to 1, that are hashed; the others must only be there.
        With ``heal`` rows that name a lost or corrupt blob are hidden, and damage is cleared away.

        Raises:
            StoreError: for a sample outside 0 to 1; for a store of a later varifactory.
        """
        self.known_format()
        if sample is not None and not 0 <= sample <= 1:
            raise StoreError(f"sample {sample!r} is no share: give a number from 0 to 1")
        findings: list[Finding] = []
        checked: Counter[str] = Counter()
        users: dict[tuple[str, str], pa.Array] = {}
        for stage in self.stages():
            for spec in self.specs(stage):
                findings += self._verify_parts(stage, spec, heal, checked)
                users[stage, spec] = _named_blobs(self.rows(stage, spec, [BLOB_COLUMNS]))
        published, told = self._verify_versions(checked)
        findings += told + self._verify_studies(checked) + self._verify_instruments(checked)
        bad = self._bad_blobs([*users.values(), *published.values()], sample, checked)
        findings += self._blob_findings(bad, _users(bad, published), heal)
        if heal:
            self.retire_blobs(bad, _users(bad, users))
        swept = self.backend.sweep(ABANDONED_AFTER) if heal else 0
        return VerifyReport(checked=dict(checked), findings=tuple(findings), swept=swept)

    def retire_blobs(
        self,
        blobs: dict[str, str],
        users: Mapping[str, Collection[tuple[str, str]]] | None = None,
    ) -> int:
        """Hide every row that names one of these blobs and clear away corrupt bytes.

        ``blobs`` maps names to the reason; ``users`` may say which (stage, spec) name each, else
        all are looked through. Returns how many rows were hidden.
        """
        if not blobs:
            return 0
        places = {place for blob in blobs for place in (users or {}).get(blob, ())}
        if users is None:
            places = {(stage, spec) for stage in self.stages() for spec in self.specs(stage)}
        hidden = sum(self._retire_in(stage, spec, blobs) for stage, spec in sorted(places))
        for name in blobs:  # rows first: a blob is never missed by a row that counts
            with suppress(BlobError):
                if self._blob_is_bad(name, True):
                    self._clear(names.blob(*names.split_blob(name)))
        return hidden

    def _clear(self, path: str) -> None:
        """Make room for whole bytes: a role that may not delete leaves an empty object, which
        counts as a torn one."""
        try:
            self.backend.delete(path)
        except StoreDenied:
            self.backend.put_over(path, b"")

    def _retire_in(self, stage: str, spec: str, blobs: dict[str, str]) -> int:
        table = self.rows(stage, spec, ["key", "first_part", BLOB_COLUMNS])
        wanted = pa.array(sorted(blobs), pa.string())
        naming = pa.array([False] * len(table))
        for column in blob_columns(table):
            naming = pc.or_(naming, pc.is_in(pc.cast(table[column], pa.string()), wanted))
        rows = table.filter(naming)
        if len(rows):
            named = _named_blobs(rows).to_pylist()
            self._hide(
                stage, spec, rows, "; ".join(sorted({blobs[n] for n in named if n in blobs}))
            )
        return len(rows)

    def _verify_parts(
        self, stage: str, spec: str, heal: bool, checked: Counter[str]
    ) -> list[Finding]:
        def look(entry: Entry) -> Finding | int:
            with suppress(PartDamaged):
                return self._count(stage, spec, entry.name)
            try:  # a transfer may tear what is whole there
                return self._count(stage, spec, entry.name)
            except PartDamaged as error:
                detail = f"{error}; about {entry.size} bytes of rows are missing"
            healed = heal and self._to_trash(stage, spec, entry.name)
            if heal and not healed:
                detail += "; it stays, for this role may not delete or it was just written again"
            where = self.backend.show(names.part(stage, spec, entry.name))
            return Finding(kind="part damaged", where=where, detail=detail, healed=healed)

        looked = self._map(look, self._entries(stage, spec))
        checked["parts"] += len(looked)
        checked["rows"] += sum(found for found in looked if isinstance(found, int))
        return [found for found in looked if isinstance(found, Finding)]

    def _count(self, stage: str, spec: str, name: str) -> int:
        """How many rows a part has as it lies there."""
        try:
            return len(self._reader.read(stage, spec, name, fresh=True).table)
        except FileNotFoundError:
            return 0  # removed since it was listed

    def _to_trash(self, stage: str, spec: str, name: str) -> bool:
        """False where this role may not delete, and where the part is whole after all."""
        path = names.part(stage, spec, name)
        try:
            data = self.backend.read(path, LARGEST)
            with suppress(PartDamaged):
                decode(data, name, stage, spec)
                return False
            if data:
                self.backend.put_over(names.trash(path), data)
            self.backend.delete(path)
        except FileNotFoundError:
            return True
        except StoreDenied:
            return False
        return True

    def _verify_versions(self, checked: Counter[str]) -> tuple[dict[str, pa.Array], list[Finding]]:
        """The blobs that each version needs, and what is wrong with versions."""
        needed: dict[str, pa.Array] = {}
        findings = []
        for name, numbers in self.datasets():
            for number in numbers:
                checked["data set versions"] += 1
                where = self.backend.show(names.dataset(name, number))
                try:
                    manifest = self.dataset(name, number)
                except StoreError as error:
                    findings.append(
                        Finding(kind="manifest unreadable", where=where, detail=str(error))
                    )
                    continue
                try:
                    needed[f"{name} {number}"] = self._verify_rows(manifest)
                except StoreError as error:
                    findings.append(
                        Finding(kind="data set damaged", where=where, detail=str(error))
                    )
        return needed, findings

    def _verify_instruments(self, checked: Counter[str]) -> list[Finding]:
        looked = list(instrument_findings(self))
        if looked:
            checked["diagnoses and exchange rates"] += len(looked)
        return [found for found in looked if found]

    def _verify_rows(self, manifest: Manifest) -> pa.Array:
        """The blobs its rows name.

        Raises:
            StoreError: its rows are not those that were published.
        """
        blobs = []
        for stage, spec in sorted({(part.stage, part.spec) for part in manifest.parts}):
            listed = [p for p in manifest.parts if (p.stage, p.spec) == (stage, spec)]
            for part in listed:
                rows = self._read_strictly(stage, spec, part.name, Wanted.asked((), None)).rows
                if rows != part.rows:
                    raise StoreError(f"{part.name} has {rows} rows, {part.rows} are written down")
            parts = [part.name for part in listed]
            table = self.rows_of(stage, spec, parts, [*HASHED, BLOB_COLUMNS])
            blobs.append(_named_blobs(table))
            if stage == "items" and all(table[name].type != pa.null() for name in HASHED):
                now = dataset_hash(table)
                if now != manifest.dataset_hash:
                    raise StoreError(f"its rows hash to {now}, not {manifest.dataset_hash}")
        return unique(blobs)

    def _bad_blobs(
        self, named: Iterable[pa.Array], sample: float | None, checked: Counter[str]
    ) -> dict[str, str]:
        """Lost and corrupt blobs with the reason; one listing tells which are there."""
        every = unique(named)
        listed = [entry.name.rpartition("/")[2] for entry in self.backend.walk(names.BLOBS)]
        is_there = pc.is_in(every, value_set=pa.array(listed, pa.string()))
        del listed
        absent, present = every.filter(pc.invert(is_there)), every.filter(is_there)
        if sample is not None:
            chosen = random.sample(range(len(present)), round(sample * len(present)))
            present = present.take(pa.array(sorted(chosen), pa.int64()))
        checked["blobs"] += len(every)
        checked["blobs hashed"] += len(present)
        return {
            **{name: f"blob lost: {name}" for name in self._bad_of(absent)},
            **{name: f"blob corrupt: {name}" for name in self._bad_of(present)},
        }

    def _bad_of(self, blobs: pa.Array) -> list[str]:
        """Those that cannot be read whole; what was moved to the trash is put back."""
        bad = []
        for start in range(0, len(blobs), _WINDOW):
            piece = blobs.slice(start, _WINDOW).to_pylist()
            wrong = self._map(lambda name: self._blob_is_bad(name, False), piece)
            bad += [name for name, is_bad in zip(piece, wrong, strict=True) if is_bad]
        return bad

    def _blob_is_bad(self, name: str, raising: bool) -> bool:
        """Whether the bytes are wrong; a lost blob is bad, or raised where nothing can be done."""
        try:
            self.get_blob(*names.split_blob(name))
        except BlobCorrupt:
            return True
        except BlobError:
            if raising:
                raise
            return True
        return False

    def _blob_findings(
        self, bad: dict[str, str], published: Mapping[str, Collection[str]], heal: bool
    ) -> list[Finding]:
        return [
            Finding(
                kind=reason.partition(":")[0],
                where=self.backend.show(names.blob(*names.split_blob(name))),
                detail=f"needed by data set versions {sorted(published.get(name, ())) or 'none'}",
                healed=heal,
            )
            for name, reason in bad.items()
        ]


def _users(bad: Collection[str], named: Mapping[_Place, pa.Array]) -> dict[str, set[_Place]]:
    """Where each of a few blobs is named."""
    users: dict[str, set[_Place]] = defaultdict(set)
    wanted = pa.array(sorted(bad), pa.string())
    for place, blobs in named.items() if bad else ():
        for blob in blobs.filter(pc.is_in(blobs, value_set=wanted)).to_pylist():
            users[blob].add(place)
    return users


def _named_blobs(table: pa.Table) -> pa.Array:
    """Names of all blobs in a table's rows; one that cannot be a name is left to row checks."""
    named = unique(pc.cast(table[column], pa.string()) for column in blob_columns(table))
    return named.filter(pc.match_substring_regex(named, BLOB_PATTERN))
