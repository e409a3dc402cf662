"""Versions of data sets and studies that people retire, so that collection may take what these
alone needed. Nothing else ever takes a version away.
"""

import json
import math
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime

from varifactory.store import names
from varifactory.store.errors import StoreError
from varifactory.store.instruments import plans_beside
from varifactory.store.pins import Pinned
from varifactory.store.versions import DROPPED


class Retiring(Pinned):
    """A store's versions, taken out one by one."""

    def drop(self, name: str, version: int, who: str, note: str = "") -> None:
        """Retire a data set version, so that collection may take what it alone needed.

        Its number is never given again. Until the trash is emptied its manifest lies there.

        Raises:
            StoreMissing: no such version.
            StoreError: it is pinned, or a study or a diagnosis of another version rests on it.
        """
        self.known_format()
        _refuse_pinned(
            name, version, [p.name for p in self.pins() if (name, version) in p.versions]
        )
        studies = [
            f"{study.name}@{study.version}"
            for study in self.every_study()
            if (name, version) in study.dataset_versions()
        ]
        if studies:
            raise StoreError(
                f"{name}@{version} is needed by the studies {studies}: drop these first "
                "(varifactory gc --drop-study NAME@VERSION)"
            )
        aimed = [plan.title for plan in plans_beside(self)
                 if plan.target == (name, version) != (plan.name, plan.version)]  # fmt: skip
        if aimed:
            raise StoreError(
                f"{name}@{version} is the target of the {', '.join(aimed)}: drop these versions "
                "first"
            )
        path = names.dataset(name, version)
        if self.backend.modified(path) is None:
            self.dataset(name, version)  # says which there are
        said = {"who": who, "note": note}
        with suppress(StoreError):  # one that cannot be read may be dropped too
            said["dataset_hash"] = self.dataset(name, version).dataset_hash
        self._retire(path, said)

    def drop_study(self, name: str, version: int, who: str, note: str = "") -> None:
        """Retire a study's version, as ``drop`` does a data set's; its report goes with it.

        Raises:
            StoreMissing: no such version.
            StoreError: it is pinned.
        """
        self.known_format()
        _refuse_pinned(name, version, [p.name for p in self.pins() if (name, version) in p.studies])
        path = names.study(name, version)
        if self.backend.modified(path) is None:
            self.study(name, version)  # says which there are
        said = {"who": who, "note": note}
        with suppress(StoreError):
            said["study_hash"] = self.study(name, version).study_hash
        self._retire(path, said)

    def _retire(self, path: str, said: dict[str, str]) -> None:
        """Move a manifest away and leave word of it, so that its number is not given again."""
        left = path.removesuffix(".json") + DROPPED
        told = {**said, "when": datetime.now(UTC).isoformat()}
        self.backend.put_once(left, json.dumps(told, indent=1).encode())
        self.backend.move(path, names.trash(path), math.inf)


def _refuse_pinned(name: str, version: int, pins: Sequence[str]) -> None:
    if pins:
        raise StoreError(f"{name}@{version} is pinned by {pins}: take the pin out first")
