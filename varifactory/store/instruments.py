"""What diagnoses and exchange rates beside a data set version need: told by their ``plan.json``.

Their rows are of no version and, once some time has passed, of no recent run; yet a figure that is
shown must be countable again. A plan is read as JSON, whatever it says otherwise: each text of 64
hexadecimal digits in it may name a spec, and those that do are needed.
"""

import json
import re
from collections.abc import Iterable, Iterator
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
TARGET = ("train",)
"""Splits of the images of another version that is the target of a diagnosis."""
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


@dataclass(frozen=True, slots=True)
class Rested:
    """Rows of one spec that a plan's figures are counted from."""

    stage: str
    spec: str
    column: str
    """By which they are known."""
    values: frozenset[str]
    """Of that column, one a row."""

    def there(self, store: Studied) -> pa.Table:
        """The rows of them that are in the store and ``ok``: the column, and when each was made."""
        columns = ["status", self.column, "made_at"]
        if self.spec not in store.specs(self.stage):
            return pa.table({name: pa.array([], pa.string()) for name in columns})
        keys = self.values if self.column == "key" else None
        table = store.rows(self.stage, self.spec, columns, keys=keys)
        wanted = pc.is_in(table[self.column], value_set=pa.array(self.values, pa.string()))
        return table.filter(pc.and_(pc.equal(table["status"], "ok"), wanted))


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
    target = plan.target
    if target and target[1] not in dict(store.datasets()).get(target[0], []):
        return f"its target {target[0]}@{target[1]} is not there: {_MENDED}"
    for each in rests_on(store, plan):
        if lost := each.values - set(each.there(store)[each.column].to_pylist()):
            return (
                f"{len(lost)} of its {len(each.values)} {_LACKS[each.stage]}, such as "
                f"{min(lost):.80}: run its flow again, which makes these"
            )
    return ""


_LACKS = {
    "exchange": "cells are not in the store",
    "embeddings": "images have no embedding in the store",
    "texts": "texts have no vector in the store",
}


def rests_on(store: Studied, plan: InstrumentPlan) -> list[Rested]:
    """The rows that a plan's figures are counted from, whether they are there or not.

    Raises:
        StoreError: a version that it compares is not there, or the plan names texts in a way that
            cannot be read.
    """
    told = plan.told
    if plan.folder == "exchange":
        cells = told.get("cells") or []
        keys = frozenset(str(cell.get("key")) for cell in cells if isinstance(cell, dict))
        return [Rested("exchange", str(told.get("spec")), "key", keys)]
    settings = told.get("settings")
    asked = settings.get("reference") if isinstance(settings, dict) else None
    items = _compared(store, (plan.name, plan.version), asked or REFERENCE)
    pictures = set(items["pixel_sha256"].to_pylist())
    if plan.target:
        aim = _compared(store, plan.target, TARGET, synthetic=False)
        pictures |= set(aim["pixel_sha256"].to_pylist())
    found = [Rested("embeddings", str(told.get("embeddings")), "pixel_sha256", frozenset(pictures))]
    if spec := told.get("texts"):
        found.append(Rested("texts", str(spec), "text", _texts(plan, items)))
    return found


def _texts(plan: InstrumentPlan, items: pa.Table) -> frozenset[str]:
    """Of the classes, of their other senses and of the prompts."""
    template, senses = str(plan.told.get("template")), plan.told.get("senses")
    given = senses.values() if isinstance(senses, dict) else ()
    found = {str(text) for each in given if isinstance(each, dict) for text in each.values()}
    try:
        labels = set(items["label"].to_pylist())
        found |= {template.format(class_name=label) for label in labels}
    except (LookupError, ValueError, AttributeError, TypeError):
        raise StoreError(f"the template {template!r} of {plan.title} is none: {_MENDED}") from None
    made = items.filter(pc.not_equal(items["kind"], "source"))
    return frozenset(found | (set(made["prompt"].to_pylist()) - {""}))


def _compared(
    store: Studied, place: tuple[str, int], reference: Iterable[str], *, synthetic: bool = True
) -> pa.Table:
    """Kind, pixel hash, label and prompt of what is compared of a version: its accepted real images
    of these splits, and the synthetic ones of all splits but test; unchanged edits are no part."""
    manifest = store.dataset(*place)
    columns = ["kind", "status", "split", "feasibility", "pixel_sha256", "label", "prompt"]
    splits = pa.array([str(split) for split in reference])
    told = ("kind", "pixel_sha256", "label", "prompt")
    found = [pa.table({name: pa.array([], pa.string()) for name in told})]
    for spec in sorted({part.spec for part in manifest.parts if part.stage == "items"}):
        parts = [part.name for part in manifest.parts if part.spec == spec]
        table = store.rows_of("items", spec, parts, columns)
        if table["kind"].type == pa.null():
            continue
        table = table.filter(pc.equal(table["status"], "ok"))
        text = pa.table({name: pc.fill_null(pc.cast(table[name], pa.string()), "")
                         for name in (*told, "split", "feasibility")})  # fmt: skip
        made = pc.and_(pc.not_equal(text["split"], "test"),
                       pc.not_equal(text["feasibility"], UNCHANGED))  # fmt: skip
        used = pc.if_else(pc.equal(text["kind"], "source"),
                          pc.is_in(text["split"], value_set=splits),
                          pc.and_(made, pa.scalar(synthetic)))  # fmt: skip
        found.append(text.filter(used).select(told))
    return pa.concat_tables(found)
