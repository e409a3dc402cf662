"""What of a study is not as it was written: its cells, their predictions, its data sets."""

from collections import Counter
from collections.abc import Iterator

import pyarrow as pa
import pyarrow.compute as pc

from varifactory.store import names
from varifactory.store.errors import StoreError
from varifactory.store.findings import Finding
from varifactory.store.studied import Studied
from varifactory.store.studies import StudyManifest, study_hash

_LISTED = 5
"""Cells that a finding names."""
_MENDED = "run the study again: it makes what is missing"


class StudiesVerified(Studied):
    """A store's check of its studies. A cell that was trained again since is no damage:
    ``trained_since`` tells."""

    def _verify_studies(self, checked: Counter[str]) -> list[Finding]:
        findings = []
        predicted: dict[str, dict[str, int]] = {}
        tested: dict[tuple[str, int], int] = {}
        for name, numbers in self.studies():
            for number in numbers:
                checked["studies"] += 1
                where = self.backend.show(names.study(name, number))
                try:
                    manifest = self.study(name, number)
                except StoreError as error:
                    told = Finding(kind="study unreadable", where=where, detail=str(error))
                    findings.append(told)
                    continue
                checked["cells"] += len(manifest.cells)
                findings += [
                    Finding(kind="study damaged", where=where, detail=detail)
                    for detail in self._troubles(manifest, predicted, tested)
                ]
        return findings

    def _troubles(
        self,
        manifest: StudyManifest,
        predicted: dict[str, dict[str, int]],
        tested: dict[tuple[str, int], int],
    ) -> Iterator[str]:
        """What is wrong; ``predicted`` and ``tested`` remember what was counted for others."""
        now = study_hash(manifest.datasets, manifest.cells, manifest.plan)
        if now != manifest.study_hash:
            yield f"what it says hashes to {now}, not {manifest.study_hash}: it was edited"
        for told in manifest.datasets:
            try:
                held = self.dataset(str(told["name"]), int(told["version"])).dataset_hash
            except StoreError as error:
                yield str(error)
                continue
            if held != told.get("dataset_hash"):
                yield f"{told['name']}@{told['version']} holds {held}, not {told['dataset_hash']}"
        there = self.results_of(manifest.cells)
        lost = [cell.key for cell in manifest.cells if cell.key not in there]
        if lost:
            yield f"{_some(lost)} are not in the store; {_MENDED}"
        torn = []
        for cell in manifest.cells:
            if cell.spec not in predicted:
                predicted[cell.spec] = self._predicted(cell.spec)
            images = self._test_images(cell.name, cell.version, tested)
            answered = predicted[cell.spec].get(cell.key, 0)
            if cell.key in there and cell.status == "ok" and answered < images:
                torn.append(cell.key)
        if torn:
            yield f"of {_some(torn)} predictions are missing; {_MENDED}"

    def _predicted(self, spec: str) -> dict[str, int]:
        """Training key -> good predictions."""
        table = self.rows("predictions", spec, ["training_key", "status"])
        good = table.filter(pc.equal(table["status"], "ok"))["training_key"]
        counted = pc.value_counts(pc.cast(good, pa.string())).to_pylist()
        return {str(each["values"]): int(each["counts"]) for each in counted}

    def _test_images(self, name: str, version: int, tested: dict[tuple[str, int], int]) -> int:
        """Images that every cell of a data set version is tested on; at least one."""
        if (name, version) not in tested:
            tested[name, version] = 1
            try:
                parts = [
                    part for part in self.dataset(name, version).parts if part.stage == "items"
                ]
                for spec in sorted({part.spec for part in parts}):
                    mine = [part.name for part in parts if part.spec == spec]
                    rows = self.rows_of("items", spec, mine, ["kind", "split", "status"])
                    wanted = {"kind": "source", "split": "test", "status": "ok"}
                    for column, value in wanted.items():
                        rows = rows.filter(pc.fill_null(pc.equal(rows[column], value), False))
                    tested[name, version] = max(len(rows), tested[name, version])
            except StoreError:
                pass  # told with the data set
        return tested[name, version]


def _some(cells: list[str]) -> str:
    more = f" and {len(cells) - _LISTED} more" if len(cells) > _LISTED else ""
    return f"{len(cells)} cells ({', '.join(sorted(cells)[:_LISTED])}{more})"
