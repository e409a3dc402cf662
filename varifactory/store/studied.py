"""Studies, kept by name: plans registered before the training, versions created once after it."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from pydantic import ValidationError

from varifactory.store import names
from varifactory.store.errors import StoreError, StoreMissing
from varifactory.store.reading import Reading
from varifactory.store.studies import (
    REGISTERED_AT,
    StudyCell,
    StudyManifest,
    plan_hash,
    settled,
    study_hash,
)
from varifactory.store.versions import DROPPED, Versions

_LIMIT = 256 * 2**20
"""Bytes of a manifest; 100,000 cells are 50 MB."""
_PLAN_LIMIT = 2**20
_RESULT = ("adapter_blob", "chosen_step", "validation_top1", "test_top1")
"""Columns of a training row that tell two trainings of one cell apart."""


class Studied(Reading, Versions):
    """A store's studies."""

    def register_plan(self, name: str, plan: Mapping[str, Any]) -> dict[str, Any]:
        """Write down what is settled before the first cell is trained; the plan that holds.

        Equal plans of one study are registered once: ``registered_at`` is when the first was.

        Raises:
            StoreError: the plan is no JSON, or what lies in its place is none.
        """
        now = datetime.now(UTC).isoformat(timespec="seconds")
        try:
            path = names.study_plan(name, plan_hash(plan))
            data = json.dumps({**settled(plan), REGISTERED_AT: now}, indent=1, sort_keys=True)
        except (TypeError, ValueError) as error:
            raise StoreError(f"the plan of study {name!r} is no JSON: {error}") from None
        held = _object(self.backend.show(path), self._hold(path, data.encode()))
        if plan_hash(held) != plan_hash(plan):
            raise StoreError(
                f"{self.backend.show(path)} holds another plan: it was moved or edited"
            )
        return held

    def put_study(self, manifest: StudyManifest) -> StudyManifest:
        """Write a study's manifest, last of all, as its next version; the manifest that holds.

        A version with the same data sets, cells, results and plan is adopted. What the given
        manifest says of its version, its hash and its cells' results is found out here.

        Raises:
            StoreError: a cell's row or a data set version is not there.
        """
        self._require_versions(manifest)
        cells = self._with_results(manifest)
        held = study_hash(manifest.datasets, cells, manifest.plan)
        filled = manifest.model_copy(update={"cells": cells, "study_hash": held})
        looked: set[int] = set()
        while True:
            numbers = self._study_numbers(manifest.name)
            for number in sorted(set(numbers) - looked, reverse=True):
                known = self.study(manifest.name, number)
                if known.study_hash == held:
                    return known
            looked |= set(numbers)
            # Where another took the number in this moment, it is looked at in the next round.
            number = max([*numbers, *self._study_numbers(manifest.name, DROPPED)], default=0) + 1
            path = names.study(manifest.name, number)
            mine = filled.model_copy(update={"version": number})
            found = self._study_of(path, self._hold(path, mine.model_dump_json(indent=1).encode()))
            if found.study_hash == held:
                return found

    def study(self, name: str, version: str | int | None = None) -> StudyManifest:
        """The manifest of a study's version, of the highest one by default.

        Raises:
            StoreMissing: naming the studies or versions there are.
        """
        numbers = self._study_numbers(name)
        if not numbers:
            there = [known for known, _ in self.studies()]
            raise StoreMissing(
                f"no study {name!r} in {self.backend.show('')}: there are {there or 'none'}"
            )
        number = numbers[-1] if version is None else names.version_number(version)
        path = names.study(name, number)
        try:
            manifest = self._study_of(path, self.backend.read(path, _LIMIT))
        except FileNotFoundError:
            gone = "was dropped" if number in self._study_numbers(name, DROPPED) else "is not there"
            raise StoreMissing(
                f"study {name!r} has no version {number}: it {gone}; there are {numbers}"
            ) from None
        if (manifest.name, manifest.version) != (name, number):
            raise StoreError(
                f"{self.backend.show(path)} calls itself {manifest.name!r} version "
                f"{manifest.version}: it was moved or edited; run that study again"
            )
        return manifest

    def studies(self) -> list[tuple[str, list[int]]]:
        """Every study's name and version numbers, ascending; one that has only a plan has none."""
        found = ((name, self._study_numbers(name)) for name in self.backend.folders(names.STUDIES))
        return [(name, numbers) for name, numbers in found if numbers]

    def every_study(self) -> Iterator[StudyManifest]:
        """The manifest of every version of every study.

        Raises:
            StoreError: one that cannot be read, for nobody knows what it needs.
        """
        for name, numbers in self.studies():
            for number in numbers:
                yield self.study(name, number)

    def put_study_file(self, name: str, version: str | int, path: str, data: bytes) -> str:
        """Store a file beside a study's version, replacing one of that path; where to find it."""
        full = names.study_file(name, version, path)
        self.backend.put_over(full, data)
        return self.backend.show(full)

    def get_study_file(self, name: str, version: str | int, path: str) -> bytes:
        """A file that lies beside a study's version."""
        full = names.study_file(name, version, path)
        try:
            return self.backend.read(full)
        except FileNotFoundError:
            raise StoreMissing(
                f"{self.backend.show(full)}: not written yet; `varifactory report` writes it"
            ) from None

    def study_files(self, name: str, version: str | int, path: str = "") -> list[str]:
        """Paths of the files below a folder beside a study's version, relative to it."""
        folder = names.study_file(name, version, path)
        return sorted(entry.name for entry in self.backend.walk(folder))

    def study_path(self, name: str, version: str | int, path: str = "") -> str:
        """Where a file of a study lies or would lie: a file path or s3:// URL."""
        return self.backend.show(names.study_file(name, version, path))

    def results_of(self, cells: Iterable[StudyCell]) -> dict[str, str]:
        """Key of a cell -> hash of what came out of its training; cells without a row are not in.

        What ``StudyCell.result`` says of the training that counted when the study was written.
        """
        by_spec: dict[str, list[str]] = {}
        for cell in cells:
            by_spec.setdefault(cell.spec, []).append(cell.key)
        found = {}
        for spec, wanted in by_spec.items():
            for row in self.rows(
                "training", spec, ["key", "status", *_RESULT], keys=wanted
            ).to_pylist():
                told = json.dumps([row["status"], *(row[name] for name in _RESULT)])
                found[row["key"]] = hashlib.sha256(told.encode()).hexdigest()
        return found

    def trained_since(self, manifest: StudyManifest) -> list[StudyCell]:
        """Cells that were trained again and came out otherwise than when they were compared."""
        now = self.results_of(manifest.cells)
        return [
            cell
            for cell in manifest.cells
            if cell.result and now.get(cell.key, cell.result) != cell.result
        ]

    def _require_versions(self, manifest: StudyManifest) -> None:
        for name, version in sorted(manifest.dataset_versions()):
            if self.backend.size(names.dataset(name, version)) is None:
                self.dataset(name, version)  # says which there are

    def _with_results(self, manifest: StudyManifest) -> tuple[StudyCell, ...]:
        results = self.results_of(manifest.cells)
        for cell in manifest.cells:
            if cell.key not in results:
                raise StoreError(
                    f"study {manifest.name!r} lists the cell {cell.key} (arm {cell.arm}, seed "
                    f"{cell.seed}), which is not in the store: run the study again, it makes what "
                    "is missing"
                )
        return tuple(
            cell.model_copy(update={"result": results[cell.key]}) for cell in manifest.cells
        )

    def _study_numbers(self, name: str, ending: str = ".json") -> list[int]:
        return self._numbers(f"{names.STUDIES}/{names.plain('study', name)}", ending)

    def _study_of(self, path: str, data: bytes) -> StudyManifest:
        try:
            return StudyManifest.model_validate_json(data)
        except (ValidationError, StoreError, RecursionError) as error:
            raise StoreError(
                f"{self.backend.show(path)} is no study of this version of varifactory: {error}"
            ) from None


def _object(where: str, data: bytes) -> dict[str, Any]:
    try:
        found = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise StoreError(f"{where} is no JSON: {error}") from None
    if not isinstance(found, dict):
        raise StoreError(f"{where} is no plan")
    return found
