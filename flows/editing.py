"""Edits and their verdicts: attempt by attempt, and round by round towards an exact number."""

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from flows.adapting import generator_adapters
from flows.judging import edit_verdicts
from flows.run import FactoryRun
from tasks.edits import edit_shard
from varifactory import edits, items, quotas
from varifactory.catalog import load_catalog, load_taxonomy
from varifactory.catalog.taxonomy import FEASIBILITIES
from varifactory.edits import Wish
from varifactory.keys import spec_of
from varifactory.models import registry
from varifactory.stages import Row, accepted
from varifactory.training import unchanged
from varifactory.verdicts import agreement, decisions


@dataclass(frozen=True, slots=True)
class Judged:
    """All attempts of all editors, with what the gates and the judge made of them."""

    edits: list[Row]
    """The unchanged ones last, which no judge was asked of."""
    outcomes: Mapping[str, items.Outcome]
    controls: list[Row]
    """Unedited pictures whose values are known, asked like edits; of a drawn world alone."""
    control_outcomes: Mapping[str, items.Outcome]


def judged_edits(
    run: FactoryRun,
    chosen: Sequence[Row],
    found_masks: Sequence[Row],
    written: Sequence[Row],
    only: Collection[str] | None = None,
) -> Judged:
    """Edits and their verdicts; a rejected pair is made anew, with a new seed, a few times.

    With ``only`` these source images are edited, for a look: by the recipe's editor alone, without
    aiming at an exact number, and without asking the judge what is known.
    """
    recipe, taxonomy = run.recipe, load_taxonomy(run.recipe.prompts.taxonomy)
    attributes = recipe.prompts.attributes if only is None else ()
    controls = agreement.controls(chosen, found_masks, attributes, taxonomy)
    said = edit_verdicts(run, controls, found_masks, written, 0)
    adapters = generator_adapters(run, chosen)
    work = _Work(run, chosen, found_masks, written, said=dict(said), adapters=adapters, only=only,
                 words=decisions.latest(run.store))  # fmt: skip
    work.attempts(0, None)
    found = _topped_up(work) if recipe.edits.exact and only is None else work.found
    run.notices += _left_undone(work.made)
    beside = work.unchanged(found) if recipe.edits.unchanged else []
    run.notices += _left_undone(beside, "unchanged edits")
    run.decided("edits", items.refused(work.made, work.gates))
    for stage in ("verdicts", "decisions"):
        said_so = [{"status": o.status} for o in work.found.values() if o.stage == stage]
        if said_so or stage == "verdicts":
            run.decided(stage, said_so)
    return Judged(
        [*work.made, *beside],
        {**found, **unchanged.outcomes(beside, work.gates, work.words)},
        controls,
        items.outcomes(controls, {}, said, recipe, taxonomy),
    )


def _left_undone(made: Sequence[Row], what: str = "edits") -> list[str]:
    """How many edits were skipped, and mostly why: an editor that cannot do them fails nothing."""
    reasons = Counter(row["reason"] for row in made if row["status"] == "skipped")
    if not reasons:
        return []
    (reason, times), *others = reasons.most_common(2)
    more = f"; {len(reasons)} reasons in all" if others else ""
    return [f"{reasons.total()} of {len(made)} {what} were skipped, {times} times: {reason}{more}"]


def _topped_up(work: "_Work") -> Mapping[str, items.Outcome]:
    """Further edits until ``edits.exact`` are accepted, a bounded number of rounds; what was not
    reached is told, what is more is left out."""
    recipe, good = work.run.recipe, accepted(work.found_masks)
    for number in range(recipe.edits.rounds):
        wanted = quotas.further(work.made, work.found, good, recipe)
        if not wanted:
            break
        work.attempts(1 + number, wanted)
    work.run.notices += quotas.shortfalls(
        work.made,
        work.found,
        recipe,
        {row["label"] for row in work.chosen if row["split"] == "train"},
    )
    return quotas.trimmed(work.made, work.found, recipe)


@dataclass(slots=True)
class _Work:
    """The edits of a run under way."""

    run: FactoryRun
    chosen: Sequence[Row]
    found_masks: Sequence[Row]
    written: Sequence[Row]
    said: dict[str, dict[str, Row]]
    """Edit key -> judge -> verdict."""
    adapters: Mapping[str, str]
    """Class name -> blob of the adapter of the recipe's editor."""
    only: Collection[str] | None
    """Keys of the source images that are edited; None for all."""
    words: Mapping[str, decisions.Word]
    """Edit key -> what a person decided."""
    made: list[Row] = field(default_factory=list)
    gates: dict[str, str] = field(default_factory=dict)
    found: Mapping[str, items.Outcome] = field(default_factory=dict)

    def attempts(self, round_: int, wanted: set[Wish] | None) -> None:
        """Make and judge the wanted edits, those refused anew; None wants all first ones."""
        recipe, second = self.run.recipe, self.run.recipe.edits.compare
        taxonomy = load_taxonomy(recipe.prompts.taxonomy)
        for attempt in range(recipe.edits.attempts):
            number = round_ * recipe.edits.attempts + attempt
            fresh = self._edits(recipe.edits.editor, attempt, wanted, number)
            if number == 0 and second.count and self.only is None:
                fresh += self._edits(second.editor, 0, _spread(fresh, second.count), number)
            self._judge(fresh, number)
            found = items.outcomes(self.made, self.gates, self.said, recipe, taxonomy, self.words)
            self.found = self.run.outlook(found, self.made, self.said)
            wanted = {
                Wish(pair.source_key, pair.attribute, pair.index, feasibility)
                for pair, _ in items.wanted(self.made, self.found, recipe)
                for feasibility in FEASIBILITIES
            }
            if not wanted:
                break

    def unchanged(self, found: Mapping[str, items.Outcome]) -> list[Row]:
        """One more edit beside every complete pair, to the values that are there; gated."""
        recipe = self.run.recipe
        inpainter = registry.inpainter(recipe, recipe.edits.editor)
        fields = edits.edit_spec(recipe, inpainter)
        planned = edits.plan_unchanged(
            spec_of("edits", fields),
            unchanged.beside(self.made, found, recipe, self.run.open_pairs()),
            self._masks(),
            self.written,
            unchanged.truths(self.chosen),
            recipe,
            load_catalog(recipe.prompts.catalog),
            inpainter,
            self.adapters,
        )
        after_all = recipe.edits.attempts * (1 + recipe.edits.rounds)
        made = self._made(recipe.edits.editor, fields, planned, after_all)
        self._gate(made)
        return made

    def _gate(self, fresh: Sequence[Row]) -> None:
        near = edits.perceptual_hashes([row for row in self.chosen if row["split"] == "test"])
        self.gates |= edits.gates(accepted(fresh), self.run.recipe.edits.gate, near)

    def _judge(self, fresh: list[Row], number: int) -> None:
        self.made += fresh
        self._gate(fresh)
        worth = [row for row in accepted(fresh) if not self.gates[row["key"]]]
        self.said |= edit_verdicts(self.run, worth, self.found_masks, self.written, number)

    def _masks(self) -> list[Row]:
        good = accepted(self.found_masks)
        return good if self.only is None else [m for m in good if m["source_key"] in self.only]

    def _edits(self, editor: str, attempt: int, wanted: set[Wish] | None, number: int) -> list[Row]:
        recipe = self.run.recipe
        inpainter = registry.inpainter(recipe, editor)
        fields = edits.edit_spec(recipe, inpainter)
        planned = edits.plan_edits(
            spec_of("edits", fields),
            self._masks(),
            self.written,
            recipe,
            load_catalog(recipe.prompts.catalog),
            inpainter,
            attempt,
            wanted,
            _indexes(wanted),
            self.adapters if editor == recipe.edits.editor else {},
        )
        return self._made(editor, fields, planned, number)

    def _made(
        self, editor: str, fields: Mapping[str, Any], planned: Sequence[Row], number: int
    ) -> list[Row]:
        # An adapter is put on once where the edits of a class follow each other.
        together = ("label",) if self.adapters else ()
        return self.run.stage(
            edit_shard, "edits", fields, planned,
            round=number, together=together, extra={"editor": editor},
        )  # fmt: skip


def _indexes(wanted: set[Wish] | None) -> range | None:
    return None if wanted is None else range(1 + max((wish.index for wish in wanted), default=-1))


def _spread(planned: Sequence[Row], count: int) -> set[Wish]:
    """About ``count`` edits for the second editor: whole pairs, the attributes in turn."""
    by_attribute: dict[str, list[Row]] = defaultdict(list)
    for row in sorted(planned, key=lambda row: str(row["key"])):
        if row["feasibility"] == "feasible":
            by_attribute[row["attribute"]].append(row)
    share = -(-count // (2 * max(1, len(by_attribute))))
    return {
        Wish(row["source_key"], row["attribute"], row["index"], feasibility)
        for rows in by_attribute.values()
        for row in rows[:share]
        for feasibility in FEASIBILITIES
    }
