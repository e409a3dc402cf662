import pytest

from tests.drawn_items import Drawn
from tests.varifactory.history.changed_items import UNSEEN, Row, changed, drawn_rows
from varifactory.history.differences import KINDS, compare, source_names


@pytest.fixture(scope="module")
def rows() -> list[Row]:
    return drawn_rows(Drawn(sources=1))


def test_every_planted_change_is_found_as_what_it_is(rows: list[Row]) -> None:
    later, planted = changed(rows)
    found = compare(rows, later)
    kinds = {change.key: change.kind for change in found.changes}
    assert kinds == {
        planted["alarm"]: "alarm", planted["flipped"]: "flipped",
        planted["flipped back"]: "flipped", planted["status"]: "status",
        planted["remade"]: "remade", planted["added"]: "added", planted["removed"]: "removed",
    }  # fmt: skip
    assert found.flips == {"rejected to accepted": 1, "accepted to rejected": 1}
    assert found.same == len(rows) - 6  # all but the changed and the removed
    assert [change.kind for change in found.changes] == sorted(
        (change.kind for change in found.changes), key=KINDS.index
    ), "the most alarming first"


def test_the_cause_is_told(rows: list[Row]) -> None:
    later, planted = changed(rows)
    because = {change.key: change.because for change in compare(rows, later).changes}
    assert because[planted["flipped"]] == f"accepted → rejected: {UNSEEN}"
    assert because[planted["flipped back"]].startswith("rejected → accepted; before: attribute")
    assert because[planted["remade"]].startswith("attempt 1 → 2, value ")
    assert because[planted["status"]].endswith("→ rejected: gate: too dark")


def test_nothing_differs_from_itself(rows: list[Row]) -> None:
    found = compare(rows, rows)
    assert (found.changes, found.same) == ((), len(rows))
    assert set(found.counts.values()) == {0}


def test_another_reason_or_key_of_an_item_alone_is_no_change(rows: list[Row]) -> None:
    later = [{**row, "key": f"{at:064d}", "reason": f"{row['reason']} "}
             for at, row in enumerate(rows)]  # fmt: skip
    assert compare(rows, later).changes == ()


def test_a_source_whose_file_reads_otherwise_is_an_alarm_too(rows: list[Row]) -> None:
    source = next(row for row in rows if row["kind"] == "source")
    later = [{**row, "pixel_sha256": "0" * 64} if row is source else row for row in rows]
    (change,) = compare(rows, later).changes
    assert (change.kind, change.what, change.key) == ("alarm", "source", source["source_key"])


def test_sources_read_at_another_size_are_matched_by_their_files(rows: list[Row]) -> None:
    keys = {row["source_key"] for row in rows}
    other = {key: f"other-{key}" for key in keys}
    later = [{**row, "source_key": other[row["source_key"]], "edit_key": row.get("edit_key")}
             for row in rows]  # fmt: skip
    assert {change.kind for change in compare(rows, later).changes} == {"added", "removed"}
    files = {key: f"file-{key}" for key in keys} | {other[key]: f"file-{key}" for key in keys}
    names = source_names(rows, later, files)
    assert {change.what for change in compare(rows, later, names).changes} == {"source"}
    assert {change.kind for change in compare(rows, later, names).changes} == {"remade"}


def test_changes_are_counted_by_class_and_attribute(rows: list[Row]) -> None:
    later, planted = changed(rows)
    found = compare(rows, later)
    for column in ("label", "attribute"):
        counted = found.by(column)
        assert sum(sum(kinds.values()) for kinds in counted.values()) == len(found.changes)
    assert len(planted) == len(found.changes)
