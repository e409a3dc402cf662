"""Runs, data set versions and exports: names that people give, created once where it matters."""

import json
import random
import time
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from varifactory.store import names
from varifactory.store.backend import unsafe_allowed
from varifactory.store.base import Opened
from varifactory.store.errors import PartDamaged, StoreError, StoreMissing, VersionTaken
from varifactory.store.kept import kept_here
from varifactory.store.manifest import Manifest, ManifestPart

ENDED = "ended.json"
"""Run object: how a run ended, its counts and the fields of its specs."""
_OBJECT_LIMIT = 2**30
_JSON_LIMIT = 64 * 2**20
"""Bytes; far above any manifest or run record, far below what hurts."""

DROPPED = ".dropped.json"
"""Ending of what is left of a version that was dropped: its number is never given again."""


class Versions(Opened):
    """What is kept by name."""

    def write_run(self, run_id: str, payload: Mapping[str, Any]) -> None:
        """Record a run, once; what it learns later goes beside it by ``put_run_object``.

        Raises:
            VersionTaken: if another run has this id.
        """
        data = _json(payload)
        if self._hold(names.run(run_id), data) != data:
            raise VersionTaken(f"run {run_id!r} is recorded already: give this run another id")

    def read_run(self, run_id: str) -> dict[str, Any]:
        """What ``write_run`` recorded; it never changes, so that of a remote store is kept here."""
        path = names.run(run_id)
        try:
            found = json.loads(kept_here(self.backend, path, _JSON_LIMIT))
        except FileNotFoundError:
            raise StoreMissing(f"{self.backend.show(path)}: no such run") from None
        except (ValueError, RecursionError) as error:
            raise StoreError(f"{self.backend.show(path)} is no JSON: {error}") from None
        if not isinstance(found, dict):
            raise StoreError(f"{self.backend.show(path)} is no run record")
        return found

    def runs(self) -> list[str]:
        """Ids of all runs, sorted."""
        entries = self.backend.entries(names.RUNS)
        return sorted(e.name.removesuffix(".json") for e in entries if e.name.endswith(".json"))

    def latest_runs(self) -> list[str]:
        """Ids of all runs, the newest record first; one listing."""
        entries = sorted(self.backend.entries(names.RUNS), key=lambda e: (e.modified, e.name))
        stems = [e.name.removesuffix(".json") for e in entries if e.name.endswith(".json")]
        return stems[::-1]

    def put_run_object(self, run_id: str, name: str, data: bytes) -> None:
        """Keep something small beside a run's record; a second one of that name replaces it."""
        self.backend.put_over(names.run_object(run_id, name), data)

    def use_spec(
        self, run_id: str, stage: str, spec: str, fields: Mapping[str, Any] | None = None
    ) -> None:
        """Note that a run works with a spec, before it looks what is there: collection keeps it.

        The note holds the fields of the spec, for a run that is killed before it can tell them.
        """
        self.backend.put_once(names.use(run_id, stage, spec), _json(fields or {}))

    def ended(self, run_id: str) -> dict[str, Any] | None:
        """How a run ended, as it wrote it down; None of one that runs still or was killed.

        Raises:
            StoreError: it is damaged, or no such record.
        """
        path = names.run_object(run_id, ENDED)
        try:
            found = json.loads(self.backend.read(path, _JSON_LIMIT))
        except FileNotFoundError:
            return None
        except (ValueError, RecursionError) as error:
            raise StoreError(f"{self.backend.show(path)} is no JSON: {error}") from None
        if not isinstance(found, dict) or not isinstance(found.get("specs") or {}, dict):
            raise StoreError(f"{self.backend.show(path)} is no record of how a run ended")
        return found

    def specs_of(self, run_id: str) -> dict[str, dict[str, Any]]:
        """``stage/spec`` -> its fields, of all specs that a run worked with.

        Of a run that did not end, by the notes that it left; those of before notes held fields
        have none.

        Raises:
            StoreError: how the run ended cannot be read.
        """
        if told := (self.ended(run_id) or {}).get("specs"):
            return {str(name): dict(fields or {}) for name, fields in told.items()}
        return {
            name.removeprefix("uses-")[:-65] + "/" + found[1]: self._noted(run_id, name)
            for name in self.run_objects(run_id)
            if (found := names.USE.fullmatch(name))
        }

    def _noted(self, run_id: str, name: str) -> dict[str, Any]:
        try:
            found = json.loads(self.get_run_object(run_id, name))
        except (StoreMissing, ValueError, RecursionError):
            return {}
        return found if isinstance(found, dict) else {}

    def get_run_object(self, run_id: str, name: str) -> bytes:
        """What was kept beside a run's record."""
        path = names.run_object(run_id, name)
        try:
            return self.backend.read(path, _OBJECT_LIMIT)
        except FileNotFoundError:
            raise StoreMissing(f"{self.backend.show(path)}: the run left no such object") from None

    def run_objects(self, run_id: str) -> list[str]:
        """Names of what was kept beside a run's record, sorted."""
        folder = f"{names.RUNS}/{names.plain('run', run_id)}"
        return sorted(entry.name for entry in self.backend.entries(folder))

    def publish(self, manifest: Manifest) -> Manifest:
        """Write a version's manifest, last of all; returns the manifest that holds.

        A version that is there already is adopted if it holds the same data set.

        Raises:
            VersionTaken: if it holds another, naming both hashes.
            PartDamaged: if a part it lists is not in the store.
        """
        self._require_parts(manifest)
        path = names.dataset(manifest.name, manifest.version)
        held = self._manifest(path, self._hold(path, manifest.model_dump_json(indent=1).encode()))
        if held.dataset_hash != manifest.dataset_hash:
            raise VersionTaken(
                f"data set {manifest.name!r} version {manifest.version} is taken: it holds "
                f"{held.dataset_hash} (run {held.run_id!r}, {held.actor}), yours would hold "
                f"{manifest.dataset_hash}. Nothing was overwritten; publish yours as version "
                f"{self.next_version(manifest.name)} or under another name"
            )
        return held

    def gone(self, manifest: Manifest) -> list[ManifestPart]:
        """Parts of a version that are not in the store itself, whatever was kept of them nearer."""
        places = sorted({(part.stage, part.spec) for part in manifest.parts})
        there = {(*place, entry.name) for place in places
                 for entry in self.backend.entries(names.stage(*place))}  # fmt: skip
        return [one for one in manifest.parts if (one.stage, one.spec, one.name) not in there]

    def dataset(self, name: str, version: str | int | None = None) -> Manifest:
        """The manifest of a version, of the highest one by default.

        Raises:
            StoreMissing: naming the data sets or versions there are.
        """
        versions = self._version_numbers(name)
        if not versions:
            there = [known for known, _ in self.datasets()]
            raise StoreMissing(
                f"no data set {name!r} in {self.backend.show('')}: there are {there or 'none'}"
            )
        number = versions[-1] if version is None else names.version_number(version)
        path = names.dataset(name, number)
        try:
            manifest = self._manifest(path, self.backend.read(path, _JSON_LIMIT))
        except FileNotFoundError:
            gone = "was dropped" if number in self._version_numbers(name, DROPPED) else "is not"
            raise StoreMissing(
                f"data set {name!r} has no version {number}: it {gone} there; there are {versions}"
            ) from None
        if (manifest.name, manifest.version) != (name, number):
            raise StoreError(
                f"{self.backend.show(path)} calls itself {manifest.name!r} version "
                f"{manifest.version}: it was moved or edited; publish that data set again"
            )
        return manifest

    def datasets(self) -> list[tuple[str, list[int]]]:
        """Every data set's name and version numbers, ascending."""
        found = self.backend.folders(names.DATASETS)
        return [(name, self._version_numbers(name)) for name in found]

    def next_version(self, name: str) -> int:
        """One above the highest version there ever was; another process may take it first."""
        return max([*self._version_numbers(name), *self._version_numbers(name, DROPPED)],
                   default=0) + 1  # fmt: skip

    def put_export(self, name: str, version: str | int, path: str, data: bytes) -> str:
        """Store a file of an export, replacing one of that path; returns where to find it."""
        full = names.export(name, version, path)
        self.backend.put_over(full, data)
        return self.backend.show(full)

    def get_export(self, name: str, version: str | int, path: str) -> bytes:
        """A file of an export."""
        full = names.export(name, version, path)
        try:
            return self.backend.read(full)
        except FileNotFoundError:
            raise StoreMissing(f"{self.backend.show(full)}: not exported yet") from None

    def export_files(self, name: str, version: str | int, path: str = "") -> list[str]:
        """Paths of the files below a folder of an export, relative to it."""
        folder = names.export(name, version, path)
        return [entry.name for entry in self.backend.walk(folder)]

    def export_path(self, name: str, version: str | int, path: str = "") -> str:
        """Where an export, or a file of it, lies or would lie: a file path or s3:// URL."""
        return self.backend.show(names.export(name, version, path))

    def _version_numbers(self, name: str, ending: str = ".json") -> list[int]:
        return self._numbers(f"{names.DATASETS}/{names.plain('data set', name)}", ending)

    def _numbers(self, folder: str, ending: str) -> list[int]:
        """Of the versions directly in a folder, ascending."""
        entries = self.backend.entries(folder)
        stems = [e.name.removesuffix(ending) for e in entries if e.name.endswith(ending)]
        return sorted(int(stem) for stem in stems if stem.isascii() and stem.isdigit())

    def _require_parts(self, manifest: Manifest) -> None:
        for part in self.gone(manifest)[:1]:
            raise PartDamaged(
                f"cannot publish {manifest.name!r}: {part.name} of stage {part.stage!r} is not "
                "in the store; run the flow again, it makes what is missing"
            )

    def _manifest(self, path: str, data: bytes) -> Manifest:
        try:
            return Manifest.model_validate_json(data)
        except (ValidationError, StoreError) as error:
            raise StoreError(
                f"{self.backend.show(path)} is no manifest of this version of varifactory: {error}"
            ) from None

    def _hold(self, path: str, data: bytes) -> bytes:
        """Create once and read back what holds: right also after a lost answer, and, on storage
        that ignores create-once, for all but writers within the same moment."""
        try:
            return self.backend.read(path, _JSON_LIMIT)
        except FileNotFoundError:
            self.backend.put_once(path, data)
        if unsafe_allowed():
            time.sleep(random.uniform(0.1, 0.3))
        return self.backend.read(path, _JSON_LIMIT)


def _json(payload: Mapping[str, Any]) -> bytes:
    return json.dumps(dict(payload), indent=1, sort_keys=True, default=str).encode()
