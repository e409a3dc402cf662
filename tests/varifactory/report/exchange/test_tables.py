import io
import json

import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from tests.drawn_exchange import exchange
from varifactory.report.exchange.tables import TOLD, exchange_files, tables


def test_every_figure_of_the_page_is_a_row() -> None:
    found = exchange()
    told = tables(found)
    assert {name: len(table) for name, table in told.items()} == {
        "rates": 27, "curves": 3 * (4 + 4 * 5), "fitted": 15 * 25, "fits": 6, "parameters": 10,
        "ceilings": 2, "substitutions": 12, "controls": 2, "more_seeds": 2,
    }  # fmt: skip
    rate = told["rates"].to_pylist()[0]
    assert rate["pool"] == "edits"
    assert rate["per_real_low"] < rate["per_real"] < rate["per_real_high"]
    unreached = [row for row in told["rates"].to_pylist() if row["state"] == "not reached"]
    assert unreached
    assert all(row["per_real"] is None for row in unreached)
    assert told["ceilings"]["pool"].to_pylist() == ["edits", "closed-set"]
    swap = told["substitutions"].to_pylist()[0]
    assert swap["difference_low"] < swap["difference"] < swap["difference_high"]


def test_tables_come_as_csv_and_parquet_and_all_of_it_as_json() -> None:
    found = exchange()
    files = exchange_files(found)
    assert len(files) == 2 * len(tables(found)) + 1
    parquet = pq.read_table(io.BytesIO(files["tables/rates.parquet"]))
    assert parquet.equals(tables(found)["rates"])
    csv = pa_csv.read_csv(io.BytesIO(files["tables/rates.csv"]))
    assert csv["gain"].to_pylist() == parquet["gain"].to_pylist()
    told = json.loads(files[TOLD])
    assert told["verdict"] == list(found.verdict)
    assert len(told["rate"]["rates"]) == len(found.rates)
    assert told["rate"]["substitutions"][0]["effect"]["seeds"] == 5


def test_what_there_is_none_of_has_no_table() -> None:
    found = exchange(generators=())
    assert "substitutions" not in tables(found)
