import io
import json
from dataclasses import replace

import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
import pytest

from tests.drawn_diagnoses import Drawn, measure
from varifactory.diagnosis.figures import Diagnosis
from varifactory.report.diagnosis.opening import headline
from varifactory.report.diagnosis.tables import ALL, diagnosis_files, tables, told


@pytest.fixture(scope="module")
def found() -> Diagnosis:
    return Drawn().diagnosis()


def test_every_figure_of_the_page_is_in_a_table(found) -> None:
    named = tables(found)
    assert set(named) == {
        "flags", "evidence", "images", "measures", "confusers", "whole", "geometry", "copies",
        "memorised", "curve", "realism", "senses",
    }  # fmt: skip
    assert len(named["flags"]) == 5
    assert len(named["measures"]) == sum(len(one.measures) for one in found.groups)
    assert len(named["images"]) == sum(len(one.images) for one in found.flags)
    assert len(named["realism"]) == len(found.realism)
    assert named["realism"].column_names == ["image", "class", "realism"]
    first = named["measures"].to_pylist()[0]
    assert (first["class"], first["name"], first["n"], first["n_real"]) == (
        "anchor", "precision", 60, 80,
    )  # fmt: skip
    assert first["value_low"] == pytest.approx(0.86)
    assert first["reference"] == 0.94


def test_what_was_not_measured_is_null_with_its_reason(found) -> None:
    row = next(one for one in tables(found)["measures"].to_pylist() if one["class"] == "owl")
    assert row["value"] is row["value_low"] is row["reference"] is None
    assert row["why"] == "n too small: 12 images, at least 20"


def test_tables_without_rows_are_left_out() -> None:
    bare = Diagnosis("toys", "small-clip", 0, 0, (), (), (), ())
    assert not tables(bare)
    assert list(diagnosis_files(bare)) == [ALL]


def test_csv_and_parquet_hold_the_same_and_json_all_of_it(found) -> None:
    files = diagnosis_files(found)
    for name, table in tables(found).items():
        assert pq.read_table(io.BytesIO(files[f"tables/{name}.parquet"])) == table
        read = pa_csv.read_csv(io.BytesIO(files[f"tables/{name}.csv"]))
        assert (read.num_rows, read.column_names) == (len(table), table.column_names)
    everything = json.loads(files[ALL])
    assert everything["verdict"] == headline(found)
    assert everything["flags"][0]["images"][0]["said"].startswith("nearest")
    assert everything["groups"][0]["measures"]["precision"]["value"]["estimate"] == 0.92


def test_what_is_not_finite_is_null_in_json(found) -> None:
    endless = replace(found, whole=(measure("fid", float("inf")),))
    whole = json.loads(diagnosis_files(endless)[ALL])["whole"]
    assert whole[0]["value"]["estimate"] is None


def test_programs_are_told_the_verdict_and_the_flags_with_their_evidence(found) -> None:
    said = told(found)
    assert said["verdict"] == headline(found)
    assert (said["synthetic"], said["real"], said["copies"]) == (312, 480, 3)
    first = said["flags"][0]
    assert (first["class"], first["issue"], first["kind"]) == ("crane", "ambiguity", "other-sense")
    assert first["evidence"][0]["name"] == "off_mode"
    assert len(first["images"]) == 10
    json.dumps(said, allow_nan=False)
