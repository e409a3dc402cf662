"""How attempts at edits ended: gated, judged, decided by a person."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from varifactory import records
from varifactory.catalog import Taxonomy
from varifactory.recipe import Recipe
from varifactory.stages import Row
from varifactory.verdicts import panel
from varifactory.verdicts.deciding import Decision
from varifactory.verdicts.decisions import Word
from varifactory.verdicts.panel import Judgement

SURPLUS = "more than edits.exact asks for"
"""How the reason begins of an edit that was accepted, and left out because its quota was full."""


def surplus(row: Mapping[str, Any]) -> bool:
    """Whether an edit was accepted and left out: no figure of a filter may count it as refused."""
    return row["status"] == "skipped" and str(row.get("reason") or "").startswith(SURPLUS)


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one attempt at an edit ended, and which stage said so."""

    stage: str
    decision: Decision
    verdict_key: str | None = None
    """Of the first judge, as what was measured; ``judgements`` hold all judges'."""
    measured_value: str | None = None
    measured_class: str | None = None
    judgements: Mapping[str, Judgement] = field(default_factory=dict)
    """Judge -> its word; empty where no judge was asked."""

    @property
    def status(self) -> str:
        return self.decision.status

    @property
    def passed(self) -> bool:
        """Accepted, whether it was kept or left out as surplus."""
        decision = self.decision
        return decision.status == "ok" or surplus(
            {"status": decision.status, "reason": decision.reason}
        )


def outcomes(
    edits: Iterable[Row],
    gates: Mapping[str, str],
    verdicts: Mapping[str, Mapping[str, Row]],
    recipe: Recipe,
    taxonomy: Taxonomy,
    words: Mapping[str, Word] | None = None,
) -> dict[str, Outcome]:
    """Edit key -> how it ended.

    Args:
        edits: all attempts, as the edits table holds them.
        gates: edit key -> why its gate refused it; an absent or empty reason passes.
        verdicts: edit key -> judge -> its verdict (``verdicts.by_edit``, a judge at a time).
        recipe: its ``verdicts`` part holds the thresholds.
        taxonomy: the law, where one is known.
        words: edit key -> what a person decided of it, whatever gate and judge say.
    """
    found = {
        edit["key"]: _outcome(
            edit, gates.get(edit["key"], ""), verdicts.get(edit["key"], {}), recipe, taxonomy
        )
        for edit in edits
    }
    return found | decided(found, words or {})


def decided(found: Mapping[str, Outcome], words: Mapping[str, Word]) -> dict[str, Outcome]:
    """The outcomes of those edits that a person spoke of."""
    return {key: _decided(found[key], word) for key, word in words.items() if key in found}


def _decided(outcome: Outcome, word: Word) -> Outcome:
    """What a person said of an edit that was made; one that was not stays as it ended."""
    if outcome.stage == "edits" and outcome.status not in records.DONE:
        return outcome
    status = "ok" if word.accepted else "rejected"
    decision = replace(outcome.decision, status=status, reason=word.reason)
    return replace(outcome, stage="decisions", decision=decision)


def _outcome(
    edit: Row, gate: str, verdicts: Mapping[str, Row], recipe: Recipe, taxonomy: Taxonomy
) -> Outcome:
    if edit["status"] != "ok":
        return Outcome("edits", Decision(edit["status"], edit.get("reason") or ""))
    if gate:
        return Outcome("edits", Decision("rejected", gate))
    said = panel.judgements(verdicts, edit, recipe.verdicts, taxonomy)
    if not said:
        return Outcome("verdicts", Decision("ok"))
    first = next(iter(said.values()))
    return Outcome("verdicts", panel.combined(said, recipe.verdicts), first.verdict_key,
                   first.measured_value, first.measured_class, said)  # fmt: skip
