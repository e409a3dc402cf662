"""What people decided of single edits: a word about pixels that outranks every judge's.

A decision is a row of its own, with who and when; nothing is overwritten. Of several words about
one edit the latest counts, in every data set that holds that very edit.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from varifactory import records
from varifactory.errors import FactoryError
from varifactory.keys import item_key, spec_of
from varifactory.stages import Row
from varifactory.store import Store

SPEC = spec_of("decisions", {})
"""Nothing is shared: a decision is named by what it says."""
SHORTEST_KEY = 8
"""Digits of an edit's key that a person must give at least."""


@dataclass(frozen=True, slots=True)
class Word:
    """What a person said of an edit."""

    accepted: bool
    who: str
    note: str = ""

    @property
    def reason(self) -> str:
        """As an item's row tells it."""
        ended = f": {self.note}" if self.note else ""
        return f"{'accepted' if self.accepted else 'rejected'} by {self.who}{ended}"


def record(store: Store, edits: Sequence[Row], word: Word, run: str = "") -> None:
    """Keep a person's word about edits, as rows of the edits table or of a data set's edits.

    Raises:
        FactoryError: nobody is named.
    """
    if not word.who.strip():
        raise FactoryError("a decision needs a name: say who decides")
    if not edits:
        return
    said_at = datetime.now(UTC)
    decision = "accept" if word.accepted else "reject"
    rows = [
        {
            "key": item_key(SPEC, edit=key, decision=decision, who=word.who, at=str(said_at)),
            "status": "ok",
            "label": edit.get("label"),
            "made_at": said_at,
            "run": run or None,
            "edit_key": key,
            "pixel_sha256": edit.get("pixel_sha256"),
            "decision": decision,
            "who": word.who,
            "note": word.note,
        }
        for edit in edits
        for key in [edit.get("edit_key") or edit["key"]]
    ]
    store.append("decisions", SPEC, records.table("decisions", rows))


def latest(store: Store) -> dict[str, Word]:
    """Edit key -> the last word about it."""
    columns = ["edit_key", "decision", "who", "note", "made_at", "key"]
    rows = store.rows("decisions", SPEC, columns=columns).to_pylist()
    rows.sort(key=lambda row: (row["made_at"], row["key"]))
    return {
        row["edit_key"]: Word(row["decision"] == "accept", row["who"], row["note"] or "")
        for row in rows
    }


def since(store: Store, moment: datetime) -> set[str]:
    """Keys of the edits of which somebody spoke at this moment or later."""
    rows = store.rows("decisions", SPEC, columns=["edit_key", "made_at"]).to_pylist()
    return {row["edit_key"] for row in rows if row["made_at"] >= moment}


def spoken_of(store: Store, run: str) -> set[str]:
    """Keys of the edits that this run's form decided."""
    rows = store.rows("decisions", SPEC, columns=["edit_key", "run"]).to_pylist()
    return {row["edit_key"] for row in rows if row["run"] == run}


def named(edits: Iterable[Mapping[str, Any]], starts: Sequence[str]) -> list[Row]:
    """The edits whose keys begin with these digits, one each.

    Raises:
        FactoryError: digits that no edit or several begin with, or too few of them.
    """
    by_key = {str(edit.get("edit_key") or edit["key"]): dict(edit) for edit in edits}
    chosen = []
    for start in dict.fromkeys(word.strip().lower() for word in starts):
        found = [key for key in by_key if key.startswith(start)]
        if len(start) < SHORTEST_KEY or len(found) != 1:
            raise FactoryError(
                f"{start!r} names {len(found)} of {len(by_key)} edits: give the key that the "
                f"gallery shows under details, at least {SHORTEST_KEY} digits of it"
            )
        chosen.append(by_key[found[0]])
    return chosen
