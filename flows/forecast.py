"""A run that makes nothing: the stages of a run, counted before it.

The same functions plan here as in a run; only ``stage`` differs. It works nothing off: what the
store lacks is counted and stood in for (``varifactory.unmade``), so that what follows from it is
counted too, as an upper bound.
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import pyarrow as pa
import pyarrow.compute as pc
from prefect.tasks import Task

from flows.run import FactoryRun
from flows.tally import StageTally
from tasks.leakage import PICTURES
from tasks.training import training_shard
from tasks.verdicts import CHOICES, EXEMPLARS
from varifactory import items, prompts, records
from varifactory.catalog import load_catalog
from varifactory.catalog.taxonomy import UNCHANGED
from varifactory.estimating import guesses, pace
from varifactory.items import Outcome
from varifactory.keys import spec_of
from varifactory.misses import Comparison, Past, Reason, changes
from varifactory.models import registry
from varifactory.planned import Expectation, Stage
from varifactory.recipe import Recipe
from varifactory.sources.drawn import truth_of
from varifactory.stages import Row
from varifactory.store import Store
from varifactory.store.rows import TOMBSTONE, winners
from varifactory.training import plan_cells, training_spec
from varifactory.unmade import UNKNOWN, is_unmade, stand_in, waits_for

UNREAD: dict[str, tuple[str, ...]] = {
    "masks": ("candidates",),
    "verdicts": ("raw", "label", "edit_key", "pixel_sha256", "mask_sha256", "image_blob",
                 "mask_blob", "attribute", "judge", "cost_usd", "error_type"),
}  # fmt: skip
"""Columns that decide nothing of what is planned after them."""
Tried = tuple[str, str, int, str]
"""Source, attribute, index and editor of an edit: what another attempt is made of."""


def forecast(recipe: Recipe, url: str, *, trains: bool = False, preview: int = 0) -> Expectation:
    """What a run of the recipe would find in the store, and what it would make.

    Nothing is written, no model is loaded and no server is needed.

    Args:
        recipe: of the run.
        url: its store.
        trains: whether the run trains on its data set.
        preview: edit so many training images alone; 0 edits all.

    Raises:
        FactoryError: what would keep the run from starting.
    """
    from flows.dataset import made_items  # it plans the run that asks for this

    run = DryRun("plan", recipe, Store(url), "plan")
    made = made_items(run, trains=trains, preview=preview)
    if trains:
        run.cells(made.chosen, made.masks, made.judged.edits, made.judged.outcomes)
    return run.expectation()


@dataclass(slots=True)
class DryRun(FactoryRun):
    """Stands where a run stands, and only looks."""

    found: dict[str, Stage] = field(default_factory=dict)
    vague: set[str] = field(default_factory=set)
    """Run objects that would hold something that is not made yet."""
    doubted: set[Tried] = field(default_factory=set)
    """What further attempts are wanted of, if what is not made yet were refused."""
    hidden: dict[str, str] = field(default_factory=dict)
    """Keys that the run would hide, with the reason."""
    judged: Counter[str] = field(default_factory=Counter)
    """How edits in the store ended."""
    past: Past = field(init=False)
    histories: dict[tuple[str, str], pa.Table] = field(default_factory=dict)
    plain: dict[str, Any] = field(default_factory=dict)
    """The recipe as plain data."""

    dry: ClassVar[bool] = True

    def __post_init__(self) -> None:
        FactoryRun.__post_init__(self)
        self.past = Past(self.store)
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

    def stage(
        self,
        work: Task[..., Any],
        stage: str,
        fields: Mapping[str, Any],
        rows: Sequence[Row],
        *,
        round: int = 0,
        size: int | None = None,
        together: tuple[str, ...] = (),
        extra: Mapping[str, Any] | None = None,
    ) -> list[Row]:
        """Look which of the planned rows are there; the others are stood in for."""
        del work, size, together, extra
        spec = spec_of(stage, fields)
        self.specs[f"{stage}/{spec}"] = dict(fields)
        planned = {str(row["key"]): row for row in rows}
        look = self._look(stage, spec, planned)
        absent = [row for key, row in planned.items() if key not in look.done]
        tally = self.found.setdefault(stage, Stage(stage))
        tally.hits += len(planned) - len(absent)
        if absent:
            self._miss(tally, look, spec, fields, absent, round)
        self._note(stage, len(planned), len(absent))
        made = self._foreseen(stage, absent)
        return sorted([*look.rows, *made], key=lambda row: str(row["key"])) if made else look.rows

    def _look(self, stage: str, spec: str, planned: Mapping[str, Row]) -> "_Look":
        history = self._history(stage, spec)
        table = winners(history)
        wanted = pc.is_in(table["key"], value_set=pa.array(list(planned), pa.string()))
        there = table.filter(wanted)
        done = there.filter(pc.is_in(there["status"], value_set=pa.array(records.DONE)))
        unread = {*records.PROVENANCE, *UNREAD.get(stage, ())} & set(done.column_names)
        rows: list[Row] = done.drop_columns(sorted(unread)).to_pylist()
        keys = {row["key"] for row in rows} - self.hidden.keys()
        return _Look(history, table, there, rows, keys)

    def _history(self, stage: str, spec: str) -> pa.Table:
        """All rows of a spec; a run reads a stage anew, a plan once."""
        if (stage, spec) not in self.histories:
            self.histories[stage, spec] = self.store.history(stage, spec)
        return self.histories[stage, spec]

    def _miss(
        self,
        tally: Stage,
        look: "_Look",
        spec: str,
        fields: Mapping[str, Any],
        absent: Sequence[Row],
        round: int,
    ) -> None:
        """Count what is missing, each item with its reason."""
        before = _select(look.there, ["key", "status", "reason", "error_type", "run"])
        tried = {row["key"]: row for row in before if row["status"] not in records.DONE}
        stones = _tombstones(look.history)
        unsure = self._unsure(tally.name, fields)
        compared: Comparison | None = None
        for row in absent:
            key = str(row["key"])
            waits = unsure or self._waits(tally.name, row, round)
            if waits:  # an unchanged edit follows no refusal
                tally.may_be(waits, 0 if row.get("feasibility") == UNCHANGED else round)
            elif key in tried:  # also where an earlier row was hidden: it was tried since
                tally.must(_again(tried[key]))
            elif key in self.hidden or key in stones:
                tally.must(Reason(f"hidden: {self.hidden.get(key) or stones[key]}"))
            else:
                compared = compared or self._compared(tally, look, spec, fields)
                tally.must(compared.why(row))
        self._pace(tally, look, spec, fields)

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
        return stage in self.found and bool(self.found[stage].most)

    def _compared(
        self, tally: Stage, look: "_Look", spec: str, fields: Mapping[str, Any]
    ) -> Comparison:
        """What the missing items are compared with: rows of their spec, else of one like it."""
        stage, needed = tally.name, Comparison.needed(tally.name)
        if len(look.table):
            rows = _select(look.table, needed)
            return Comparison(stage, rows, self.plain, self.past)
        nearest = self.past.like(stage, fields, self.store.specs(stage), self.recipe.name)
        if nearest is None:
            return Comparison(stage, [], self.plain, self.past)
        run, other = nearest
        table = winners(self._history(stage, other))
        tally.other = table
        differing = tuple(changes(run.specs[f"{stage}/{other}"], fields))
        return Comparison(stage, _select(table, needed), self.plain, self.past, run, differing)

    def _pace(self, tally: Stage, look: "_Look", spec: str, fields: Mapping[str, Any]) -> None:
        if tally.pace is not None and tally.pace.known == "same":
            return
        table, same = (look.table, True) if len(look.table) else (tally.other, False)
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

    def cells(
        self,
        chosen: Sequence[Row],
        masks: Sequence[Row],
        edits: Sequence[Row],
        found: Mapping[str, Outcome],
    ) -> None:
        """Count the cells of the recipe's arms and seeds."""
        fields = training_spec(self.recipe, registry.trainee(self.recipe))
        if any(stage.misses or stage.most for stage in self.found.values()):
            training = self.recipe.training
            tally = self.found.setdefault("training", Stage("training"))
            tally.may_be(
                "its data set is not made yet", 0, len(training.arms) * len(training.seeds)
            )
            spec = spec_of("training", fields)
            look = self._look("training", spec, {})
            if not len(look.table):
                self._compared(tally, look, spec, fields)
            self._pace(tally, look, spec, fields)
            return
        rows = items.assemble(chosen, masks, edits, found, self.recipe)
        planned = plan_cells(spec_of("training", fields), self.recipe, rows, rows)
        self.stage(training_shard, "training", fields, planned)

    def expectation(self) -> Expectation:
        """All stages, in their order."""
        if "leakage" not in self.found and self._open_split():
            self.found["leakage"] = Stage("leakage")
            self.found["leakage"].may_be("which images are test images is not known yet", 0)
        stages = [self.found[name] for name in records.STAGES if name in self.found]
        for stage in stages:
            if stage.pace is None:
                stage.pace = pace(stage.name, self.recipe, None, self.store, same=False,
                                  on_card=False)  # fmt: skip
        refused = self.judged["rejected"] / max(1, self.judged.total())
        known = self.judged.total() >= 20
        return Expectation(
            self.recipe, self.store.url, tuple(stages), tuple(self.expected), self.past,
            refused if known else guesses()["refused"],
        )  # fmt: skip

    def _open_split(self) -> bool:
        return bool(self.found["sources"].misses)


@dataclass(frozen=True, slots=True)
class _Look:
    """What the store has of a stage."""

    history: pa.Table
    table: pa.Table
    """Rows that count."""
    there: pa.Table
    """Those of them that are planned, failed ones included."""
    rows: list[Row]
    """Those of them that are done."""
    done: Collection[str]
    """Their keys, without those that the run would hide."""


def _tried(row: Row) -> Tried:
    return row["source_key"], row["attribute"], row["index"], row["editor"]


def _select(table: pa.Table, columns: Sequence[str]) -> list[Row]:
    for name in columns:
        if name not in table.column_names:
            table = table.append_column(name, pa.nulls(len(table)))
    rows: list[Row] = table.select(list(columns)).to_pylist()
    return rows


def _again(row: Row) -> Reason:
    """Why an item that was tried before is tried again."""
    told = row["error_type"] or row["reason"] or "no reason told"
    return Reason(f"{row['status']} before: {told}", str(row["run"] or ""))


def _tombstones(history: pa.Table) -> dict[str, str]:
    stones = history.filter(pc.equal(history["status"], TOMBSTONE))
    return dict(zip(stones["key"].to_pylist(), stones["reason"].to_pylist(), strict=True))


def _on_card(recipe: Recipe, stage: str, fields: Mapping[str, Any]) -> bool:
    """Whether the model that a spec names computes on a card."""
    models = [model for model in fields.values() if isinstance(model, Mapping)]
    return any(registry.on_card(recipe, _Named(model)) for model in models)


@dataclass(frozen=True, slots=True)
class _Named:
    """A model, as far as its identity tells."""

    identity: Mapping[str, Any]
