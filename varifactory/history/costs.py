"""What a version cost: time and money by stage, and what of it earlier runs had spent."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from varifactory.history.ledger import Ledger
from varifactory.records import STAGES
from varifactory.runs.savings import Savings, Share

STAGE_KEYS = ("sources", "foreign", "prompts", "masks", "adapters", "edits", "verdicts")


@dataclass(frozen=True, slots=True)
class Cost:
    """What a stage's items of a version took."""

    stage: str
    items: int
    seconds: float
    """Time of the machines that made them, whoever ran them; batches at a time are added up."""
    card_seconds: float
    usd: float | None
    """Paid to providers; None where nobody is paid."""
    reused: Share
    """What of it other runs than the version's own had made."""


def costs(ledger: Ledger, items: pa.Table, specs: Mapping[str, Any], run: str) -> list[Cost]:
    """Stage by stage, of all attempts at the version's items.

    Args:
        ledger: of the store.
        items: rows of the version.
        specs: ``stage/spec`` of the run that made it.
        run: its id: what others made was reused.
    """
    found = []
    mine = selected_rows(ledger, items, specs)
    for stage in STAGE_KEYS:
        if stage in mine and len(mine[stage]):
            found.append(_cost(stage, mine[stage], run))
    return found


def selected_rows(ledger: Ledger, items: pa.Table, specs: Mapping[str, Any]) -> dict[str, pa.Table]:
    """Stage -> its rows of the version: those of its sources, classes and edits."""
    tables: dict[str, pa.Table] = {}
    for stage in STAGE_KEYS:
        parts = [ledger.table(stage, name.partition("/")[2]) for name in specs
                 if name.startswith(f"{stage}/")]  # fmt: skip
        rows = [part for part in parts if len(part)]
        if rows:
            tables[stage] = pa.concat_tables(rows, promote_options="permissive")
    for stage, column in (("sources", "key"), ("masks", "source_key"), ("edits", "source_key")):
        if stage in tables:
            tables[stage] = _among(tables[stage], column, items["source_key"])
    if "foreign" in tables:
        tables["foreign"] = _among(tables["foreign"], "key", items["edit_key"])
    if "prompts" in tables:
        tables["prompts"] = _among(tables["prompts"], "label", items["label"])
    if "verdicts" in tables and "edits" in tables:
        pictures = [*tables["edits"]["pixel_sha256"].chunks, *items["pixel_sha256"].chunks]
        judged = pa.chunked_array(pictures, pa.string())
        tables["verdicts"] = _among(tables["verdicts"], "pixel_sha256", judged)
    return tables


def _among(table: pa.Table, column: str, values: pa.ChunkedArray) -> pa.Table:
    wanted = pc.unique(values.drop_null())
    return table.filter(pc.fill_null(pc.is_in(table[column], value_set=wanted), False))


def _cost(stage: str, rows: pa.Table, run: str) -> Cost:
    whole, others = Savings(""), Savings(run)
    whole.add(rows)
    others.add(rows)
    paid = any(name == "cost_usd" for name, _, _ in STAGES[stage])
    told = pc.sum(rows["cost_usd"]).as_py() if paid and "cost_usd" in rows.column_names else None
    every = whole.total()
    return Cost(stage, len(rows), every.seconds, every.card_seconds, told, others.total())
