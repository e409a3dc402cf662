"""A run that makes nothing: the stages of a run, counted before it.

The same functions plan here as in a run; only ``_staged`` differs. It works nothing off: what the
store lacks is counted and stood in for (``varifactory.runs.unmade``), so that what follows from it
is counted too, as an upper bound.
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import pyarrow as pa

from flows.looking import Look, again, look, select, tombstones
from flows.run import FactoryRun
from flows.stage_work import StageWork
from flows.tally import StageTally
from tasks.leakage import PICTURES
from tasks.verdicts import CHOICES, EXEMPLARS
from varifactory import prompts, records
from varifactory.catalog import load_catalog
from varifactory.catalog.taxonomy import UNCHANGED
from varifactory.items import Outcome
from varifactory.keys import spec_of
from varifactory.models import registry
from varifactory.recipe import Recipe
from varifactory.runs.estimating import pace
from varifactory.runs.misses import Comparison, Past, Reason, changes
from varifactory.runs.planned import Stage
from varifactory.runs.unmade import UNKNOWN, is_unmade, stand_in, waits_for
from varifactory.sources.drawn import truth_of
from varifactory.stages import Row
from varifactory.store.rows import winners

Tried = tuple[str, str, int, str]
"""Source, attribute, index and editor of an edit: what another attempt is made of."""


@dataclass(slots=True)
class Prospect:
    """What a plan has counted, over all its data sets."""

    found: dict[str, Stage] = field(default_factory=dict)
    histories: dict[tuple[str, str], pa.Table] = field(default_factory=dict)
    counted: set[str] = field(default_factory=set)
    """Keys of the rows that other data sets need, too: these are made once."""
    past: Past | None = None

    def stage(self, name: str) -> Stage:
        """The tally of a stage."""
        return self.found.setdefault(name, Stage(name))


@dataclass(slots=True)
class DryRun(FactoryRun):
    """Stands where a run stands, and only looks."""

    prospect: Prospect = field(default_factory=lambda: Prospect())
    vague: set[str] = field(default_factory=set)
    """Run objects that would hold something that is not made yet."""
    doubted: set[Tried] = field(default_factory=set)
    """What further attempts are wanted of, if what is not made yet were refused."""
    hidden: dict[str, str] = field(default_factory=dict)
    """Keys that the run would hide, with the reason."""
    judged: Counter[str] = field(default_factory=Counter)
    """How edits in the store ended."""
    past: Past = field(init=False)
    keys: set[str] = field(default_factory=set)
    """Of all rows that this run planned."""
    lacking: bool = False
    """Whether anything that it planned is not in the store."""
    plain: dict[str, Any] = field(default_factory=dict)
    """The recipe as plain data."""

    dry: ClassVar[bool] = True

    def __post_init__(self) -> None:
        FactoryRun.__post_init__(self)
        self.past = self.prospect.past = self.prospect.past or Past(self.store)
        self.plain = self.recipe.model_dump(mode="json")

    def leave(self, name: str, data: bytes) -> None:
        """Nothing is left; but what a stage would be told may not be known yet."""
        self.vague.discard(name)
        if UNKNOWN.encode() in data:
            self.vague.add(name)

    def hide(self, stage: str, spec: str, keys: Sequence[str], reason: str) -> None:
        """Take the rows as hidden."""
        self.hidden |= dict.fromkeys(keys, reason)

    def outlook(
        self, found: Mapping[str, Outcome], made: Sequence[Row], said: Mapping[str, Any]
    ) -> Mapping[str, Outcome]:
        """What is not made or not judged yet may be refused, and then made anew: an upper bound."""
        self.judged = Counter(one.status for one in found.values())
        doubted = {}
        for row in made:
            if is_unmade(row) or any(is_unmade(word) for word in said.get(row["key"], {}).values()):
                outcome = found[row["key"]]
                self.judged[outcome.status] -= 1
                refused = replace(outcome.decision, status="rejected", reason="not made yet")
                doubted[row["key"]] = replace(outcome, decision=refused)
                self.doubted.add(_tried(row))
        return {**found, **doubted} if doubted else found

    def open_pairs(self) -> Collection[Tried]:
        """Those of which a side is not made or not judged yet."""
        return self.doubted

    def _staged(self, asked: StageWork) -> list[Row]:
        """Look which of the planned rows are there; the others are stood in for."""
        stage, planned = asked.stage, {str(row["key"]): row for row in asked.rows}
        seen = self._look(stage, asked.spec, planned)
        absent = [row for key, row in planned.items() if key not in seen.done]
        self.lacking = self.lacking or bool(absent)
        known = self.prospect.counted
        # What two data sets need, or one asks for twice, is made once.
        fresh = [row for row in absent if row["key"] not in known and row["key"] not in self.keys]
        tally = self.prospect.stage(stage)
        tally.hits += sum(key in seen.done and key not in known for key in planned)
        if fresh:
            self._miss(tally, seen, asked, fresh)
        self.keys.update(planned)
        self._note(stage, len(planned), len(absent))
        made = self._foreseen(stage, absent)
        return sorted([*seen.rows, *made], key=lambda row: str(row["key"])) if made else seen.rows

    def unplanned(self, stage: str, fields: Mapping[str, Any], why: str, count: int) -> None:
        """Count rows that cannot be planned yet: so many at most."""
        tally, spec = self.prospect.stage(stage), spec_of(stage, fields)
        tally.may_be(why, 0, count)
        seen = self._look(stage, spec, {})
        if not len(seen.table):
            self._compared(tally, seen, spec, fields)
        self._pace(tally, seen, spec, fields)

    def _look(self, stage: str, spec: str, planned: Mapping[str, Row]) -> Look:
        return look(stage, self._history(stage, spec), planned, self.hidden)

    def _history(self, stage: str, spec: str) -> pa.Table:
        """All rows of a spec; a run reads a stage anew, a plan once."""
        held = self.prospect.histories
        if (stage, spec) not in held:
            held[stage, spec] = self.store.history(stage, spec)
        return held[stage, spec]

    def _miss(self, tally: Stage, seen: Look, asked: StageWork, absent: Sequence[Row]) -> None:
        """Count what is missing, each item with its reason."""
        spec, fields, round = asked.spec, asked.fields, asked.round
        before = select(seen.there, ["key", "status", "reason", "error_type", "run"])
        tried = {row["key"]: row for row in before if row["status"] not in records.DONE}
        stones = tombstones(seen.history)
        unsure = self._unsure(tally.name, fields)
        compared: Comparison | None = None
        for row in absent:
            key = str(row["key"])
            waits = unsure or self._waits(tally.name, row, round)
            if waits:  # an unchanged edit follows no refusal
                tally.may_be(waits, 0 if row.get("feasibility") == UNCHANGED else round)
            elif key in tried:  # also where an earlier row was hidden: it was tried since
                tally.must(again(tried[key]))
            elif key in self.hidden or key in stones:
                tally.must(Reason(f"hidden: {self.hidden.get(key) or stones[key]}"))
            else:
                compared = compared or self._compared(tally, seen, spec, fields)
                tally.must(compared.why(row))
        self._pace(tally, seen, spec, fields)

    def _unsure(self, stage: str, fields: Mapping[str, Any]) -> str:
        """What the whole stage is made of that is not made yet; empty where all is there."""
        if stage == "leakage" and PICTURES in self.vague:
            return "its source images are not all read yet"
        judge = fields.get("judge") or {}
        if stage == "verdicts" and EXEMPLARS in self.vague and "examples" in judge:
            return "its judge learns from masks that are not made yet"
        if stage == "verdicts" and CHOICES in self.vague and judge.get("reads_choices"):
            return "its judge reads prompts that are not written yet"
        return ""

    def _waits(self, stage: str, row: Row, round: int) -> str:
        if parent := waits_for(stage, row):
            return f"its {parent} is not made yet"
        if stage != "edits" or not self.doubted:
            return ""
        if row["feasibility"] == UNCHANGED:
            return "only if its pair is accepted" if _tried(row) in self.doubted else ""
        if row["attempt"] and _tried(row) in self.doubted:
            return "only if the attempt before is refused"
        if round >= self.recipe.edits.attempts:
            return "only if too few of the rounds before are accepted"
        if row["editor"] != self.recipe.edits.editor and self._open("edits"):
            return "which edits the second editor makes too is not known yet"
        return ""

    def _open(self, stage: str) -> bool:
        return stage in self.prospect.found and bool(self.prospect.found[stage].most)

    def _compared(
        self, tally: Stage, seen: Look, spec: str, fields: Mapping[str, Any]
    ) -> Comparison:
        """What the missing items are compared with: rows of their spec, else of one like it."""
        stage, needed = tally.name, Comparison.needed(tally.name)
        if len(seen.table):
            rows = select(seen.table, needed)
            return Comparison(stage, rows, self.plain, self.past)
        nearest = self.past.like(stage, fields, self.store.specs(stage), self.recipe.name)
        if nearest is None:
            return Comparison(stage, [], self.plain, self.past)
        run, other = nearest
        table = winners(self._history(stage, other))
        tally.other = table
        differing = tuple(changes(run.specs[f"{stage}/{other}"], fields))
        return Comparison(stage, select(table, needed), self.plain, self.past, run, differing)

    def _pace(self, tally: Stage, seen: Look, spec: str, fields: Mapping[str, Any]) -> None:
        if tally.pace is not None and tally.pace.known == "same":
            return
        table, same = (seen.table, True) if len(seen.table) else (tally.other, False)
        tally.pace = pace(tally.name, self.recipe, table, self.store, same=same,
                          on_card=_on_card(self.recipe, tally.name, fields))  # fmt: skip

    def _note(self, stage: str, planned: int, absent: int) -> None:
        before = self.stages.get(stage, StageTally(0, 0, {}, 0.0))
        self.stages[stage] = replace(
            before, items=before.items + planned, reused=before.reused + planned - absent
        )

    def _foreseen(self, stage: str, absent: Sequence[Row]) -> list[Row]:
        """The rows that the run would go on with."""
        if stage == "prompts" and absent:
            writer = registry.writer(self.recipe)
            if writer.known_ahead:  # looked up, not asked: what it will say is known now
                catalog = load_catalog(self.recipe.prompts.catalog)
                return [made.row for made in prompts.write_prompts(absent, writer, catalog)]
        rows = [stand_in(stage, row) for row in absent if row["key"] not in self.hidden]
        if stage == "sources" and self.recipe.sources.kind == "world":
            rows = [{**row, "truth": truth_of(row, self.recipe.sources)} for row in rows]
        return rows


def _tried(row: Row) -> Tried:
    return row["source_key"], row["attribute"], row["index"], row["editor"]


def _on_card(recipe: Recipe, stage: str, fields: Mapping[str, Any]) -> bool:
    """Whether the model that a spec names computes on a card."""
    models = [model for model in fields.values() if isinstance(model, Mapping)]
    return any(registry.on_card(recipe, _Named(model)) for model in models)


@dataclass(frozen=True, slots=True)
class _Named:
    """A model, as far as its identity tells."""

    identity: Mapping[str, Any]
