import io
import json
from dataclasses import replace
from math import inf

import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
import pytest

from tests.drawn_studies import grid, quickstart
from varifactory.report.downloads import ALL, links, report_files
from varifactory.report.packing import as_csv, as_parquet
from varifactory.report.tables import study_json, tables
from varifactory.study.figures import Study


@pytest.fixture(scope="module")
def study() -> Study:
    return grid()


def test_every_figure_has_a_row_with_its_factors(study: Study) -> None:
    found = tables(study)
    assert found["comparisons"].num_rows == len(study.comparisons)
    assert found["arms"].num_rows == len(study.arms)
    assert found["classes"].num_rows == len(study.classes)
    row = found["comparisons"].to_pylist()[1]
    one = study.comparisons[1]
    assert row["dataset"] == one.stratum.dataset
    assert row["attribute"] == one.stratum.attribute
    assert (row["arm"], row["other"]) == (one.arm, one.other)
    assert row["interval"] == one.interval.estimate
    assert row["interval_low"] == one.interval.low
    assert row["bootstrap"] is None
    assert row["effect_error"] == one.effect.error
    assert row["detectable"] == one.detectable
    points = [row for row in found["scaling"].to_pylist() if row["arm"] == "real+feasible"]
    assert points[0]["edits"] == study.scaling[0].points[0][0]
    assert points[0]["top1_high"] == study.scaling[0].points[0][1].high


def test_exact_tests_name_their_question_and_their_seeds() -> None:
    one = quickstart().comparisons[0]
    other = replace(one, question="schedule", values=("bridged", "mixed"), other=one.arm)
    found = tables(replace(quickstart(), comparisons=(one, other)))["mcnemar"].to_pylist()
    told = [(row["question"], row["value"], row["other_value"], row["generation_seed"],
             row["seed"]) for row in found]  # fmt: skip
    assert told == [
        *(("helps", "", "", 7, seed) for seed in (1, 2, 3)),
        *(("schedule", "bridged", "mixed", 7, seed) for seed in (1, 2, 3)),
    ]
    unknown = tables(replace(quickstart(), comparisons=(replace(one, pairs=()),)))["mcnemar"]
    assert unknown.column("seed").null_count == 3


def test_what_a_study_has_not_has_no_table() -> None:
    assert "scaling" not in tables(quickstart())
    assert "masks" not in tables(quickstart())


@pytest.mark.parametrize("name", ["arms", "comparisons", "checks", "classes", "curves"])
def test_csv_and_parquet_hold_the_same(study: Study, name: str) -> None:
    table = tables(study)[name]
    assert pq.read_table(io.BytesIO(as_parquet(table))).equals(table)
    read = pa_csv.read_csv(io.BytesIO(as_csv(table)))
    assert read.column_names == table.column_names
    assert read.num_rows == table.num_rows


def test_json_is_plain_and_whole(study: Study) -> None:
    first = study.comparisons[0]
    single = replace(first, effect=replace(first.effect, freedom=inf))
    text = study_json(replace(study, comparisons=(single,)), (), "pets", "It helps.")
    told = json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    assert told["verdict"] == "It helps."
    assert told["study"]["comparisons"][0]["effect"]["freedom"] is None
    assert told["study"]["comparisons"][0]["interval"]["low"] == first.interval.low
    assert len(told["study"]["arms"]) == len(study.arms)


def test_large_tables_lie_beside_the_page_and_small_ones_in_it(study: Study) -> None:
    files = report_files(study)
    found = links(files, budget=200_000)
    assert sum(len(link.address) for kept in found.values() for link in kept) < 201_000
    beside = [link for kept in found.values() for link in kept if link.beside]
    assert beside
    assert {link.address for link in beside} <= set(files)
    assert all(link.address.startswith("data:") for link in found["checks"])
    assert json.loads(files[ALL])["study"]["cells"] == study.cells
    small = links(report_files(quickstart()))
    assert not any(link.beside for kept in small.values() for link in kept)
