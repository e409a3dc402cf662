"""What diagnoses and exchange rates beside a data set version need: told by their ``plan.json``.

Their rows are of no version and, once some time has passed, of no recent run; yet a figure that is
shown must be countable again. A plan is read as JSON, whatever it says otherwise: each text of 64
hexadecimal digits in it may name a spec, and those that do are needed.
"""

import json
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from varifactory.store import names
from varifactory.store.errors import StoreError
from varifactory.store.findings import Finding
from varifactory.store.studied import Studied

FOLDERS = {"diagnosis": "diagnosis", "exchange": "exchange rate"}
"""Folder beside a version -> what people call what lies in it."""
REFERENCE = ("train", "validation")
"""Splits of the real images of a diagnosis whose plan names none."""
UNCHANGED = "unchanged"
"""Feasibility of edits that show what editing alone does; a diagnosis leaves them out."""
_PLAN = re.compile(r"([^/]+)/([1-9][0-9]{0,9})/(diagnosis|exchange)/([^/]+)/plan\.json")
_HASH = re.compile(r"(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])")
_LIMIT = 256 * 2**20
"""Bytes of a plan; 100,000 cells are 30 MB."""


@dataclass(frozen=True, slots=True)
class InstrumentPlan:
    """One diagnosis or exchange rate of a data set version."""

    name: str
    """Of the data set."""
    version: int
    folder: str
    """``diagnosis`` or ``exchange``."""
    hash12: str
    text: str
    """The plan, JSON."""

    @property
    def title(self) -> str:
        """``exchange rate 3f9c1a7b2d4e of pets@3``."""
        return f"{FOLDERS[self.folder]} {self.hash12} of {self.name}@{self.version}"

    @property
    def hashes(self) -> frozenset[str]:
        """Specs and keys that it names, one no different from the other."""
        return frozenset(_HASH.findall(self.text))

    @property
    def told(self) -> dict[str, Any]:
        """The plan."""
        found: dict[str, Any] = json.loads(self.text)
        return found

    @property
    def target(self) -> tuple[str, int] | None:
        """Data set version that is the target domain of a diagnosis, where one was named."""
        found = self.told.get("target")
        if not isinstance(found, dict) or not found.get("name") or not found.get("version"):
            return None
        return str(found["name"]), int(found["version"])


def plan_places(store: Studied) -> Iterator[tuple[str, re.Match[str]]]:
    """Path of every ``plan.json`` of a version that is there, and what its name says."""
    there = {(name, number) for name, numbers in store.datasets() for number in numbers}
    for entry in store.backend.walk(names.EXPORTS):
        place = _PLAN.fullmatch(entry.name)
        if place and (place[1], int(place[2])) in there:
            yield f"{names.EXPORTS}/{entry.name}", place


def plans_beside(store: Studied) -> Iterator[InstrumentPlan]:
    """The plan of every diagnosis and exchange rate of every version that is there.

    Raises:
        StoreError: one that cannot be read, for nobody knows what it needs.
    """
    for path, place in plan_places(store):
        yield read_plan_at(store, path, place)


def read_plan_at(store: Studied, path: str, place: re.Match[str]) -> InstrumentPlan:
    """One plan.

    Raises:
        StoreError: it is gone since it was listed, or no JSON object.
    """
    where = store.backend.show(path)
    try:
        text = store.backend.read(path, _LIMIT).decode()
        is_object = isinstance(json.loads(text), dict)
    except FileNotFoundError:
        raise StoreError(f"{where} was removed meanwhile: try again") from None
    except (ValueError, RecursionError) as error:
        raise StoreError(f"{where} is no JSON ({error}): {_MENDED}") from None
    if not is_object:
        raise StoreError(f"{where} is no plan: {_MENDED}")
    return InstrumentPlan(place[1], int(place[2]), place[3], place[4], text)


_MENDED = "remove it, and run its flow again, which makes what is missing and writes it anew"


def instrument_findings(store: Studied) -> Iterator[Finding | None]:
    """What of each diagnosis and exchange rate is not as it was written; None of a whole one."""
    for path, place in plan_places(store):
        where = store.backend.show(path)
        try:
            plan = read_plan_at(store, path, place)
            trouble = _trouble(store, plan)
        except StoreError as error:
            yield Finding(kind="plan unreadable", where=where, detail=str(error))
            continue
        kind = f"{FOLDERS[place[3]]} damaged"
        yield Finding(kind=kind, where=where, detail=trouble) if trouble else None


def _trouble(store: Studied, plan: InstrumentPlan) -> str:
    """Why it cannot be counted again; empty where it can."""
    told = plan.told
    if plan.folder == "exchange":
        cells = told.get("cells") or []
        wanted = {str(cell.get("key")) for cell in cells if isinstance(cell, dict)}
        lost = wanted - _good(store, "exchange", str(told.get("spec")), "key", wanted)
        what = f"{len(lost)} of its {len(wanted)} cells are not in the store"
    else:
        target = plan.target
        if target and target[1] not in dict(store.datasets()).get(target[0], []):
            return f"its target {target[0]}@{target[1]} is not there: {_MENDED}"
        wanted = _pictures(store, plan)
        lost = wanted - _good(store, "embeddings", str(told.get("embeddings")), "pixel_sha256")
        what = f"{len(lost)} of its {len(wanted)} images have no embedding in the store"
    return f"{what}, such as {min(lost)}: run its flow again, which makes these" if lost else ""


def _good(
    store: Studied, stage: str, spec: str, column: str, keys: Collection[str] | None = None
) -> set[str]:
    """Values of a column in rows that are ``ok``."""
    if spec not in store.specs(stage):
        return set()
    table = store.rows(stage, spec, ["status", column], keys=keys)
    return set(table.filter(pc.equal(table["status"], "ok"))[column].to_pylist())


def _pictures(store: Studied, plan: InstrumentPlan) -> set[str]:
    """Pixel hashes of what it compares: accepted images of its version, synthetic ones of all
    splits but test, real ones of its reference's; unchanged edits are no part of it."""
    manifest = store.dataset(plan.name, plan.version)
    columns = ["kind", "status", "split", "feasibility", "pixel_sha256"]
    settings = plan.told.get("settings")
    asked = settings.get("reference") if isinstance(settings, dict) else None
    reference = pa.array([str(split) for split in asked or REFERENCE])
    found: set[str] = set()
    for spec in sorted({part.spec for part in manifest.parts if part.stage == "items"}):
        parts = [part.name for part in manifest.parts if part.spec == spec]
        table = store.rows_of("items", spec, parts, columns)
        if table["kind"].type == pa.null():
            continue
        table = table.filter(pc.equal(table["status"], "ok"))
        is_real = pc.equal(table["kind"], "source")
        text = {name: pc.fill_null(pc.cast(table[name], pa.string()), "")
                for name in ("split", "feasibility")}  # fmt: skip
        made = pc.and_(pc.not_equal(text["split"], "test"),
                       pc.not_equal(text["feasibility"], UNCHANGED))  # fmt: skip
        used = pc.if_else(is_real, pc.is_in(text["split"], value_set=reference), made)
        found |= set(table.filter(used)["pixel_sha256"].to_pylist())
    return found
