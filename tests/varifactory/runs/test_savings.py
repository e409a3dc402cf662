from pathlib import Path
from typing import Any

import pytest

from varifactory.runs.savings import Savings, Share
from varifactory.shards.keeping import keep_rows
from varifactory.stages import Made
from varifactory.store import Store

RUNS = {"3f9c1a7b-long": {"actor": "ada", "began_at": "2026-11-20T10:00:00"}}


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """Verdicts: 40 of ada's run, 2 of an unknown one, 6 of our own, one of ada's failed."""
    store = Store(str(tmp_path / "store"))
    store.prepare()
    for run, count, device in (("3f9c1a7b-long", 40, "NVIDIA H200"), ("older", 2, "x86_64"),
                               ("ours", 6, "x86_64")):  # fmt: skip
        made = [Made(row(f"{run}{n}", cost_usd=0.01)) for n in range(count)]
        keep_rows(store, "verdicts", "s", run, made, seconds=60.0 * count, device=device)
    keep_rows(store, "verdicts", "s", "3f9c1a7b-long", [Made(row("bad", status="failed"))], 60.0)
    return store


def row(key: str, **other: Any) -> dict[str, Any]:
    return {"key": key, "status": "ok", "label": "owl"} | other


def read(run: str) -> dict[str, Any]:
    return RUNS.get(run, {})


def test_what_others_made_is_summed_up_by_run_and_person(store: Store) -> None:
    savings = Savings("ours")
    savings.add(store.rows("verdicts", "s"))
    said = savings.told(read, 49, gpu_hour=3.0)
    assert (said["items"], said["seconds"]) == (42, 2520.0)
    # 40 items of a minute on a card at $3 an hour, and 42 answers of a cent.
    assert said["usd"] == pytest.approx(2.42)
    assert said["thanks_to"][0] == {
        "run": "3f9c1a7b-long", "actor": "ada", "date": "2026-11-20", "items": 40,
        "seconds": 2400.0,
    }  # fmt: skip
    assert said["words"] == (
        "saved 42 min and $2.42: 40 of 49 items made by ada's run 3f9c1a7b of 2026-11-20, "
        "2 by somebody's run older"
    )


def test_what_a_run_made_itself_is_no_saving(store: Store) -> None:
    savings = Savings("ours")
    savings.add(store.rows("verdicts", "s"))
    assert (savings.own.items, savings.own.seconds) == (6, 360.0)
    assert savings.paid() == pytest.approx(0.06)


def test_what_the_same_flow_run_made_before_is_no_saving(store: Store) -> None:
    """Its preview, and the attempt that was retried: nobody is thanked for them."""
    for run in ("flow", "flow-preview", "flow-2", "flown"):
        keep_rows(store, "verdicts", "s", run, [Made(row(f"{run}-row"))], 60.0, device="x86_64")
    savings = Savings("flow-2", "flow")
    savings.add(store.rows("verdicts", "s"))
    assert savings.shares.keys() == {"3f9c1a7b-long", "older", "ours", "flown"}
    assert (savings.own.items, savings.own.seconds) == (1, 60.0)


def test_nothing_reused_is_nothing_saved(store: Store) -> None:
    savings = Savings("ours")
    savings.add(store.rows("verdicts", "nobodys"))
    assert savings.told(read, 5) == {}


def test_records_of_the_largest_alone_are_read() -> None:
    savings = Savings("ours")
    asked: list[str] = []

    def reading(run: str) -> dict[str, Any]:
        asked.append(run)
        return {}

    savings.shares = {f"run{n}": Share(items=n, seconds=1.0) for n in range(1, 9)}
    said = savings.told(reading, 36)
    assert asked == ["run8", "run7", "run6"]
    assert said["further_runs"] == 5
    assert said["words"].endswith("others by 5 more runs")
