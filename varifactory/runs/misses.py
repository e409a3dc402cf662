"""Why an item is not in the store: what differs from an item of the same place made before.

The rows of a stage keep the fields of their keys beside the hash. An item that is missing is
compared with the row that stands in its place (the same source, attribute, index, ...), in the same
spec or in that of an earlier run; what differs is the reason.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from varifactory import records
from varifactory.stages import Row
from varifactory.store import Store, StoreError

PLACES: dict[str, tuple[str, ...]] = {
    "sources": ("uri",),
    "leakage": (),
    "prompts": ("label", "attribute", "feasibility", "index"),
    "masks": ("source_key",),
    "adapters": ("label",),
    "edits": ("source_key", "attribute", "feasibility", "index", "attempt", "editor"),
    "verdicts": ("edit_key",),
    "training": ("arm", "seed"),
    "embeddings": ("pixel_sha256",),
}
"""Stage -> columns that say which item a row is, whatever it was made with."""
COMPARED: dict[str, dict[str, str]] = {
    "sources": {"uri_size": "the file", "uri_stamp": "the file"},
    "prompts": {"value": "values", "text": "words"},
    "masks": {"source_pixels": "source pixels"},
    "adapters": {"shots": "shots", "settings": "settings"},
    "edits": {"source_pixels": "source pixels", "mask_sha256": "mask", "value": "prompt",
              "prompt": "prompt", "seed": "seed", "settings": "settings",
              "adapter_blob": "adapter", "kind": "kind"},
    "training": {"train_real": "real images", "train_edits": "edits", "settings": "settings"},
}  # fmt: skip
"""Stage -> columns of its key, and what people call them."""
SAME_FOR_ALL = {"settings", "kind", "real images", "edits"}
"""Of these both values are told; the others differ from item to item."""
COUNTING: dict[str, tuple[str, ...]] = {
    "sources": ("sources",),
    "prompts": ("prompts", "sources"),
    "masks": ("sources",),
    "adapters": ("adaptation", "sources"),
    "edits": ("edits", "prompts.attributes", "sources"),
    "verdicts": ("verdicts", "edits", "prompts", "masks"),
    "training": ("training", "study"),
    "embeddings": ("sources", "edits", "prompts"),
}
"""Stage -> parts of a recipe that say how many items there are."""
WHOLE_KEY = {"seed": "seed"}
"""What people call a column -> the key of the recipe that it follows from."""
LOOKED_BACK = 12
"""Earlier runs that a plan compares with, the newest: two reads each, and only if something is
missing."""
LONGEST = 40
"""Letters of a value in a reason."""


@dataclass(frozen=True, slots=True)
class Earlier:
    """A run that ended before: who, when, and what it was made of."""

    run: str
    actor: str = "somebody"
    date: str = ""
    recipe: Mapping[str, Any] = field(default_factory=dict)
    specs: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """``stage/spec`` -> its fields."""


@dataclass(frozen=True, slots=True)
class Reason:
    """Why items are missing, and against which run that was found."""

    words: str
    run: str = ""


class Past:
    """The newest runs of a store; nothing is read before somebody asks."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._runs: dict[str, Earlier] = {}
        self._newest: list[Earlier] | None = None

    def newest(self) -> list[Earlier]:
        """The newest runs, the last first."""
        if self._newest is None:
            ids = self._store.latest_runs()[:LOOKED_BACK]
            self._newest = [self.run(run) for run in ids]
        return self._newest

    def run(self, run: str) -> Earlier:
        """One run by its id; an empty one where its record cannot be read."""
        if run not in self._runs:
            self._runs[run] = self._read(run)
        return self._runs[run]

    def _read(self, run: str) -> Earlier:
        try:
            record = self._store.read_run(run)
        except StoreError:
            return Earlier(run)
        try:
            specs = self._store.specs_of(run)
        except StoreError:
            specs = {}  # how it ended is damaged
        return Earlier(
            run,
            str(record.get("actor") or "somebody"),
            str(record.get("began_at") or "")[:10],
            _mapping(record.get("recipe")),
            {name: fields for name, fields in specs.items() if fields},
        )

    def like(
        self, stage: str, fields: Mapping[str, Any], there: Iterable[str], recipe: str
    ) -> tuple[Earlier, str] | None:
        """The run and spec of a stage whose fields differ least, of the specs that are there."""
        known, found = set(there), []
        for age, one in enumerate(self.newest()):
            for name, old in one.specs.items():
                of, _, spec = name.partition("/")
                if of == stage and spec in known:
                    other = one.recipe.get("name") != recipe
                    found.append((len(changes(old, fields)), other, age, spec, one))
        if not found:
            return None
        best = min(found, key=lambda each: each[:4])
        return best[4], best[3]


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """``guidance 7.5 -> 8.0`` a field that differs; nested ones by their path."""
    before, after = flat(old), flat(new)
    return [
        f"{name} {shown(before.get(name))} -> {shown(after.get(name))}"
        for name in sorted(before.keys() | after.keys())
        if before.get(name) != after.get(name)
    ]


def flat(value: Mapping[str, Any], path: str = "") -> dict[str, Any]:
    """Nested mappings as one, by dotted names; lists stay whole."""
    found: dict[str, Any] = {}
    for name, inner in value.items():
        if isinstance(inner, Mapping):
            found |= flat(inner, f"{path}{name}.")
        else:
            found[f"{path}{name}"] = list(inner) if isinstance(inner, tuple) else inner
    return found


def shown(value: Any) -> str:
    """A value in a reason: hashes and long words cut short."""
    if value is None:
        return "unset"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    if len(text) == 64 and all(letter in "0123456789abcdef" for letter in text):
        return text[:8]
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


@dataclass(slots=True)
class Comparison:
    """Planned items of one stage against the rows of a spec: their own, or an earlier run's."""

    stage: str
    rows: Sequence[Row]
    """With ``run`` and the columns of ``needed``."""
    recipe: Mapping[str, Any]
    """Of the plan."""
    past: Past
    against: Earlier | None = None
    """The run whose spec the rows are of, where that is another than the plan's."""
    of_spec: tuple[str, ...] = ()
    """What differs between the two specs."""
    _places: dict[tuple[Any, ...], list[Row]] = field(init=False)
    _sources: set[Any] = field(init=False)

    def __post_init__(self) -> None:
        columns = PLACES[self.stage]
        self._places = defaultdict(list)
        for row in self.rows:
            self._places[tuple(row[name] for name in columns)].append(row)
        self._sources = {row.get("source_key") or row.get("label") for row in self.rows}

    @staticmethod
    def needed(stage: str) -> list[str]:
        """Columns of the rows that a comparison reads."""
        return list(dict.fromkeys(
            ["key", "run", "label", *PLACES[stage], *COMPARED.get(stage, ())]
            + ["source_key"] * ("source_key" in {n for n, _, _ in records.STAGES[stage]})
        ))  # fmt: skip

    def why(self, planned: Row) -> Reason:
        """The reason of one item."""
        there = self._places.get(tuple(planned.get(name) for name in PLACES[self.stage]))
        if not there:
            return self._new(planned)
        # The cells of a grid share arm and seed: the one that is most like it.
        some = there if self.stage == "training" else there[-1:]
        each = [self._compared(before, planned) for before in some]
        run, found = min(each, key=lambda one: len(one[1]))
        differing = (*self.of_spec, *found)
        if not differing:
            return Reason("made of something else than before", run)
        return Reason(", ".join(dict.fromkeys(differing)), run)

    def _compared(self, before: Row, planned: Row) -> tuple[str, list[str]]:
        run = self.against.run if self.against else str(before["run"] or "")
        return run, self._differing(before, planned, run)

    def _differing(self, before: Row, planned: Row, run: str) -> list[str]:
        found = []
        for column, called in COMPARED.get(self.stage, {}).items():
            old, new = before.get(column), planned.get(column)
            if old == new:
                continue
            if column == "settings":
                found += changes(json.loads(old or "{}"), json.loads(new or "{}"))
            elif called in SAME_FOR_ALL:
                found.append(f"{called} {shown(old)} -> {shown(new)}")
            else:
                found.append(self._of_recipe(called, run) or f"other {called}")
        return found

    def _of_recipe(self, called: str, run: str) -> str:
        key = WHOLE_KEY.get(called)
        old = self.past.run(run).recipe.get(key) if key else None
        new = self.recipe.get(key) if key else None
        return f"{key} {shown(old)} -> {shown(new)}" if old is not None and old != new else ""

    def _new(self, planned: Row) -> Reason:
        """Nothing stood in its place: a new source, or a recipe that asks for more."""
        if self.stage == "sources":
            return Reason("new source")
        if "source_key" in planned and planned["source_key"] not in self._sources:
            return Reason("new source")
        if self.stage == "prompts" and planned["label"] not in self._sources:
            return Reason("new class")
        against = self.against or self._latest()
        asked = _asked(self.stage, against.recipe, self.recipe) if against else []
        if asked and against:
            return Reason(f"new: {', '.join(asked)}", against.run)
        return Reason("not judged before" if self.stage == "verdicts" else "new")

    def _latest(self) -> Earlier | None:
        """The newest run with rows here."""
        here = {str(row["run"]) for row in self.rows}
        return next((one for one in self.past.newest() if one.run in here), None)


def _asked(stage: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """What a recipe asks otherwise, in the parts that say how many items a stage has."""
    before, after = flat(old), flat(new)
    parts = COUNTING.get(stage, ())
    return [
        f"{name} {shown(before.get(name))} -> {shown(after[name])}"
        for name in sorted(after)
        if before.get(name) != after[name]
        and any(name == part or name.startswith(f"{part}.") for part in parts)
    ]
