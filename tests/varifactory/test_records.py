"""The tables of all stages: described once, and kept to."""

import re

import pyarrow as pa
import pytest

from varifactory import records
from varifactory.keys import STAGE_VERSIONS
from varifactory.store.rows import BASE


@pytest.mark.parametrize("stage", records.STAGES)
def test_every_column_says_what_it_holds(stage: str) -> None:
    schema = records.schema(stage)
    assert len(set(schema.names)) == len(schema.names)
    for field in schema:
        doc = field.metadata[b"doc"].decode()
        assert len(doc) >= 3, field.name
        assert re.fullmatch(r"[a-z][a-z0-9_]*", field.name)
        if pa.types.is_floating(field.type) and field.name != "logits":
            units = r"0 to|share|mean|cost|dollars|, s$|of the mask|probability"
            assert re.search(units, doc), f"{field.name}: {doc} has no unit"


@pytest.mark.parametrize("stage", records.STAGES)
def test_blobs_are_named_as_text(stage: str) -> None:
    for field in records.schema(stage):
        if field.name.endswith("_blob"):
            assert field.type == records.TEXT


def test_every_stage_has_a_version_and_the_columns_that_the_store_needs() -> None:
    assert set(records.STAGES) == set(STAGE_VERSIONS)
    common = {name: kind for name, kind, _ in records.COMMON}
    assert {field.name: common[field.name] for field in BASE} == {f.name: f.type for f in BASE}


def test_provenance_is_a_part_of_what_is_common() -> None:
    assert set(records.PROVENANCE) < {name for name, *_ in records.COMMON}
    assert set(records.DONE) < set(records.STATUSES)


def test_rows_become_a_table_of_the_schema() -> None:
    table = records.table("masks", [{"key": "k", "status": "ok", "area": 0.5}])
    assert table.schema == records.schema("masks")
    assert table["method"].to_pylist() == [None]


def test_an_unknown_column_is_refused() -> None:
    with pytest.raises(KeyError, match=r"stage 'masks' has no column \['colour'\]"):
        records.table("masks", [{"key": "k", "colour": "red"}])
