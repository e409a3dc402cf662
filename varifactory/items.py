"""Items: what a data set holds, one row a source image and one an edit that was asked for.

Of the attempts at one edit exactly one counts. The feasible and the infeasible edit of one source
and index are a pair: the smallest attempt at which both were accepted wins, so that both arms hold
edits made with the same noise. What never was accepted stays, with its last attempt's reason.
Beside a complete pair may stand an unchanged edit (``varifactory.training.unchanged``), which is no
side of it: no figure of the filter counts it.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from varifactory import keys, records
from varifactory.catalog.taxonomy import UNCHANGED
from varifactory.outcomes import SURPLUS, Outcome, decided, outcomes, surplus
from varifactory.recipe import Recipe
from varifactory.stages import Row
from varifactory.verdicts import panel

__all__ = [
    "LEFT_OUT", "SURPLUS", "Outcome", "Pair", "Sides", "assemble", "complete", "counts", "decided",
    "is_unchanged", "item_spec", "outcomes", "pairs", "refused", "surplus", "wanted",
]  # fmt: skip


LEFT_OUT = "items"
"""Stage of an item that was accepted, and that a version made of another one leaves out."""


@dataclass(frozen=True, slots=True, order=True)
class Pair:
    """The edits of one source, attribute and index by one editor: its sides are feasibilities."""

    source_key: str
    attribute: str
    index: int
    editor: str


Sides = dict[str, dict[int, Row]]
"""Feasibility -> attempt -> row of the edit."""


def item_spec() -> dict[str, Any]:
    """Nothing is shared: an item is named by what it holds.

    So a threshold that changes no item changes no key, and an edit that was healed or found its
    partner later is another item, not a second version of one.
    """
    return {}


def wanted(
    edits: Iterable[Row], found: Mapping[str, Outcome], recipe: Recipe
) -> list[tuple[Pair, int]]:
    """The pairs that need another attempt, and its number: both sides are to be made anew.

    Only a **rejected** side asks for a new seed. A failed or skipped one waits for the next run to
    try the same again, so that a run that was disturbed ends with the data set of one that was
    not. Edits of the compared second editor are not repeated: its rates are of first attempts.
    """
    needed = []
    for pair, sides in pairs(edits).items():
        attempt = 1 + max(max(attempts) for attempts in sides.values())
        if pair.editor != recipe.edits.editor or attempt >= recipe.edits.attempts:
            continue
        if complete(sides, found) is None and _rejected(sides, found, attempt - 1):
            needed.append((pair, attempt))
    return sorted(needed)


def _rejected(sides: Sides, found: Mapping[str, Outcome], attempt: int) -> bool:
    """Whether all sides are done at this attempt and some side was refused, now or before."""
    last = [found[side[attempt]["key"]].status for side in sides.values() if attempt in side]
    done = len(last) == len(sides) and all(status in records.DONE for status in last)
    return done and any(
        found[row["key"]].status == "rejected" for side in sides.values() for row in side.values()
    )


def assemble(
    sources: Sequence[Row],
    masks: Sequence[Row],
    edits: Sequence[Row],
    found: Mapping[str, Outcome],
    recipe: Recipe,
) -> list[Row]:
    """The rows of a data set: sources in their order, then edits by pair and feasibility.

    Write exactly these rows as the version's part: earlier runs may have left other items.

    Args:
        sources: of all splits, with their own status.
        masks: one a source at most.
        edits: all attempts of all editors.
        found: ``outcomes`` of these edits.
        recipe: under ``edits.preset: faithful`` an edit that no attempt's verdict accepted is
            taken with its last attempt and marked ``forced``.
    """
    spec = keys.spec_of("items", item_spec())
    mask_of = {row["source_key"]: row for row in masks}
    source_of = {row["key"]: row for row in sources}
    rows = [_source_item(spec, row, mask_of.get(row["key"])) for row in sources]
    for pair, sides in sorted(pairs(edits).items()):
        at = complete(sides, found)
        source, mask = source_of.get(pair.source_key), mask_of.get(pair.source_key)
        for feasibility in sorted(sides):
            attempts = sides[feasibility]
            edit = attempts[_kept(attempts, found) if at is None else at]
            item = _edit_item(
                spec, edit, found[edit["key"]], source, mask, at is not None and len(sides) > 1,
                forced=recipe.edits.preset == "faithful")  # fmt: skip
            rows.append(item | _first(attempts, found))
    for edit in sorted((row for row in edits if is_unchanged(row)), key=_pair):
        source, mask = source_of.get(edit["source_key"]), mask_of.get(edit["source_key"])
        rows.append(_edit_item(spec, edit, found[edit["key"]], source, mask, False, forced=False))
    return rows


def is_unchanged(edit: Mapping[str, Any]) -> bool:
    """Whether an edit was made to the value that its source has already."""
    return bool(edit["feasibility"] == UNCHANGED)


def _first(attempts: Mapping[int, Row], found: Mapping[str, Outcome]) -> Row:
    """The pixels of the first attempt, whatever a judge or a person said of them.

    None where it was not made, and where the gate refused it: then it is broken, or so near to a
    test image that nobody may train on it.
    """
    row = attempts[min(attempts)]
    outcome = found[row["key"]]
    refused = outcome.stage == "edits" and outcome.status != "ok"
    return {
        "first_blob": None if refused else row.get("image_blob"),
        "first_sha256": None if refused else row.get("pixel_sha256"),
    }


def pairs(edits: Iterable[Row]) -> dict[Pair, Sides]:
    """All attempts at edits, by pair and side; unchanged ones are no side."""
    found: dict[Pair, Sides] = defaultdict(lambda: defaultdict(dict))
    for row in edits:
        if not is_unchanged(row):
            found[_pair(row)][row["feasibility"]][row["attempt"]] = row
    return found


def _pair(row: Row) -> Pair:
    return Pair(row["source_key"], row["attribute"], row["index"], row["editor"])


def complete(sides: Sides, found: Mapping[str, Outcome]) -> int | None:
    """The smallest attempt at which every side was accepted."""
    shared = set.intersection(*(set(attempts) for attempts in sides.values()))
    good = (
        attempt
        for attempt in sorted(shared)
        if all(found[side[attempt]["key"]].passed for side in sides.values())
    )
    return next(good, None)


def _kept(attempts: Mapping[int, Row], found: Mapping[str, Outcome]) -> int:
    """Of a side without its partner: the first accepted attempt, else the last."""
    accepted = [at for at in sorted(attempts) if found[attempts[at]["key"]].passed]
    return accepted[0] if accepted else max(attempts)


def _source_item(spec: str, source: Row, mask: Row | None) -> Row:
    mask = mask or {}
    row = {
        "kind": "source",
        "label": source["label"],
        "split": source.get("split"),
        "stage": "sources",
        "status": source["status"],
        "reason": source.get("reason") or _unedited(mask),
        "source_key": source["key"],
        "pixel_sha256": source.get("pixel_sha256"),
        "image_blob": source.get("image_blob"),
        "source_blob": source.get("image_blob"),
        "mask_blob": mask.get("mask_blob"),
        "predicted_iou": mask.get("predicted_iou"),
        "paired": False,
        "forced": False,
    }
    return {"key": _item_key(spec, source["key"], row, mask.get("key")), **row}


def _unedited(mask: Row) -> str:
    """Why a good source has no edit; it still counts as a real image."""
    if mask.get("status", "ok") == "ok":
        return ""
    told = mask.get("reason") or "no reason told"
    return f"a real image, not edited: its mask was {mask['status']}: {told}"


FROM_EDIT = ("source_key", "pixel_sha256", "image_blob", "source_blob", "mask_blob", "attribute",
             "feasibility", "value", "prompt", "editor", "index", "attempt", "change_inside",
             "region_share")  # fmt: skip


def _edit_item(
    spec: str,
    edit: Row,
    outcome: Outcome,
    source: Row | None,
    mask: Row | None,
    paired: bool,
    *,
    forced: bool,
) -> Row:
    decision = outcome.decision
    forced = forced and decision.status == "rejected" and outcome.stage == "verdicts"
    row = {
        "kind": "edit",
        "label": edit["label"],
        "split": (source or {}).get("split"),
        "stage": outcome.stage,
        "status": "ok" if forced else decision.status,
        "reason": decision.reason,
        "error_type": edit.get("error_type"),
        "edit_key": edit["key"],
        "verdict_key": outcome.verdict_key,
        **{name: edit.get(name) for name in FROM_EDIT},
        # Whoever takes paired edits wants kept ones.
        "paired": paired and decision.status == "ok",
        "forced": forced,
        "measured_value": outcome.measured_value,
        "measured_class": outcome.measured_class,
        "presence": decision.presence,
        "judged_feasibility": decision.judged_feasibility,
        "class_score": decision.class_score,
        "judgements": panel.as_json(outcome.judgements) if len(outcome.judgements) > 1 else None,
        "predicted_iou": (mask or {}).get("predicted_iou"),
    }
    return {"key": _item_key(spec, edit["key"], row, outcome.verdict_key), **row}


def _item_key(spec: str, of: str, row: Row, parent: str | None) -> str:
    # A failure's text can hold an address or a time; that of a rejection is the same every time.
    reason = row["reason"] if row["status"] in records.DONE else ""
    several = {"judgements": row["judgements"]} if row.get("judgements") else {}
    return keys.item_key(spec, of=of, parent=parent, status=row["status"], reason=reason,
                         split=row["split"], paired=row["paired"], forced=row["forced"],
                         feasibility=row.get("judged_feasibility"), **several)  # fmt: skip


def refused(rows: Iterable[Row], reasons: Mapping[str, str]) -> list[Row]:
    """Rows of a stage as its gate leaves them: ``ok`` becomes ``rejected`` where it has a reason.

    Gates are applied when rows are read, never stored: the table keeps raw measures.
    """
    return [
        {**row, "status": "rejected", "reason": reasons[row["key"]]}
        if row["status"] == "ok" and reasons.get(row["key"])
        else row
        for row in rows
    ]


def counts(
    planned: Mapping[str, Iterable[str]], rows: Mapping[str, Iterable[Row]]
) -> dict[str, dict[str, int]]:
    """Stage -> ``in`` and how many of them ended in each status.

    Args:
        planned: stage -> keys of the items that entered it.
        rows: stage -> one row an item, gates and decisions applied.

    Raises:
        AssertionError: an item that entered a stage did not end as exactly one status there.
    """
    return {stage: _count(stage, set(entered), rows.get(stage, ()))
            for stage, entered in planned.items()}  # fmt: skip


def _count(stage: str, entered: set[str], rows: Iterable[Row]) -> dict[str, int]:
    ended: dict[str, int] = dict.fromkeys(records.STATUSES, 0)
    seen: set[str] = set()
    for row in rows:
        if row["key"] in seen or row["key"] not in entered:
            known = "counted twice" if row["key"] in seen else "never planned"
            raise AssertionError(f"stage {stage!r}: item {row['key']} was {known}")
        seen.add(row["key"])
        ended[row["status"]] += 1
    if lost := entered - seen:
        raise AssertionError(f"stage {stage!r} lost {len(lost)} items, such as {min(lost)}")
    return {"in": len(entered), **ended}
