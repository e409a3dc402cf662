"""Edits and their verdicts, attempt by attempt."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from flows.judging import edit_verdicts
from flows.run import FactoryRun
from tasks.edits import edit_shard
from varifactory import agreement, edits, items
from varifactory.catalog import load_catalog, load_taxonomy
from varifactory.catalog.taxonomy import FEASIBILITIES
from varifactory.edits import Wish
from varifactory.keys import spec_of
from varifactory.models import registry
from varifactory.stages import Row, accepted


@dataclass(frozen=True, slots=True)
class Judged:
    """All attempts of all editors, with what the gates and the judge made of them."""

    edits: list[Row]
    outcomes: Mapping[str, items.Outcome]
    controls: list[Row]
    """Unedited pictures whose values are known, asked like edits; of a drawn world alone."""
    control_outcomes: Mapping[str, items.Outcome]


def judged_edits(
    run: FactoryRun, chosen: Sequence[Row], found_masks: Sequence[Row], written: Sequence[Row]
) -> Judged:
    """Edits and their verdicts; a rejected pair is made anew, with a new seed, a few times."""
    recipe, taxonomy = run.recipe, load_taxonomy(run.recipe.prompts.taxonomy)
    near = edits.perceptual_hashes([row for row in chosen if row["split"] == "test"])
    editor, second = recipe.edits.editor, recipe.edits.compare
    made: list[Row] = []
    gates: dict[str, str] = {}
    controls = agreement.controls(chosen, found_masks, recipe.prompts.attributes, taxonomy)
    said = edit_verdicts(run, controls, found_masks, 0)
    of_controls = items.outcomes(controls, {}, said, recipe, taxonomy)
    wanted: set[Wish] | None = None
    found: Mapping[str, items.Outcome] = {}
    for attempt in range(recipe.edits.attempts):
        fresh = _edits(run, accepted(found_masks), written, editor, attempt, wanted)
        if attempt == 0 and second.count:
            some = _spread(fresh, second.count)
            fresh += _edits(run, accepted(found_masks), written, second.editor, attempt, some)
        made += fresh
        gates |= {row["key"]: edits.gate(row, recipe.edits.gate, near) for row in accepted(fresh)}
        said |= edit_verdicts(
            run, [r for r in accepted(fresh) if not gates[r["key"]]], found_masks, attempt
        )
        found = items.outcomes(made, gates, said, recipe, taxonomy)
        again = items.wanted(made, found, recipe)
        if not again:
            break
        wanted = {
            Wish(pair.source_key, pair.attribute, pair.index, feasibility)
            for pair, _ in again
            for feasibility in FEASIBILITIES
        }
    run.decided("edits", items.refused(made, gates))
    run.decided("verdicts", [{"status": o.status} for o in found.values() if o.stage == "verdicts"])
    return Judged(made, found, controls, of_controls)


def _edits(
    run: FactoryRun,
    good_masks: Sequence[Row],
    written: Sequence[Row],
    editor: str,
    attempt: int,
    wanted: set[Wish] | None,
) -> list[Row]:
    inpainter = registry.inpainter(run.recipe, editor)
    catalog = load_catalog(run.recipe.prompts.catalog)
    fields = edits.edit_spec(run.recipe, inpainter)
    planned = edits.plan_edits(
        spec_of("edits", fields), good_masks, written, run.recipe, catalog, inpainter, attempt,
        wanted,
    )  # fmt: skip
    return run.stage(edit_shard, "edits", fields, planned, round=attempt, extra={"editor": editor})


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
        for feasibility in ("feasible", "infeasible")
    }
