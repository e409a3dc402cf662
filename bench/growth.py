"""How much Prefect's database grows by a run of many items, once the server has digested it."""

import os
import sqlite3
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from bench.figures import beside, folder, show
from bench.postgres import Cluster, cluster
from bench.server import prefect_server
from flows.operation.environment import SERVER, settings_of

ITEMS, STAGES, SHARD = 100_000, 5, 512
GOAL, LASTING = 20.0, 10.0
"""Megabytes: of a run, and of it what is there when its events have gone."""
UNCUT = 400
"""Shards a stage may have before it is cut coarser: enough for shards of exactly ``SHARD``."""
TABLES = ("events", "task_run", "task_run_state", "log", "flow_run", "artifact")
EVENTS = ("events", "event_resources")
"""Tables whose rows the server deletes again (``deployments/server.env`` says when)."""

Ask = Callable[[str], str]


def measure(store: str, items: int, fewest: int) -> None:
    """Run the stages on an empty store; logs reach the server as in a real run."""
    os.environ["PREFECT_LOGGING_LEVEL"] = "INFO"
    from prefect import flow

    from bench.noop import RECIPE, fields, noop_shard, planned
    from flows.run import FactoryRun
    from varifactory.runs import cutting

    cutting.FEWEST = fewest

    @flow(name="bench", persist_result=False)
    def stages(store: str) -> None:
        settings = RECIPE.run.model_copy(update={"batch_size": SHARD, "shard_size": SHARD})
        recipe = RECIPE.model_copy(update={"run": settings})
        with FactoryRun.begin("bench", recipe, store) as run:
            for stage in range(STAGES):
                run.stage(noop_shard, "noop", fields(stage), planned(items, stage))

    stages(store)


def main(items: int) -> None:
    """The same on PostgreSQL and on SQLite."""
    os.environ.update(settings_of(SERVER))
    with folder() as place, cluster() as found:
        os.environ["PREFECT_SERVER_DATABASE_CONNECTION_URL"] = found.address
        with prefect_server(_home(place, "postgresql")):
            _grow("PostgreSQL", found.ask, place, items, lambda: _size(found))
        del os.environ["PREFECT_SERVER_DATABASE_CONNECTION_URL"]
        home = _home(place, "sqlite")
        with prefect_server(home), closing(sqlite3.connect(home / "prefect.db")) as opened:
            _grow("SQLite", lambda words: str(opened.execute(words).fetchall()), place, items,
                  lambda: (_pages(opened), 0.0))  # fmt: skip


def _grow(
    name: str, ask: Ask, place: Path, items: int, size: Callable[[], tuple[float, float]]
) -> None:
    """Grow a database by a first small run, which makes its rows of once, and by a large one."""
    beside("bench.growth", "run", str(place / f"{name}-warm"), "600", "100")
    for said, fewest in ((f"at {SHARD} a shard", UNCUT), ("as the factory cuts it", 100)):
        _drained(ask)
        before, runs = size(), _task_runs(ask)
        store = str(place / f"{name}-{fewest}")
        beside("bench.growth", "run", store, str(items), str(fewest))
        _drained(ask)
        after, more = size(), _task_runs(ask) - runs
        grown, events = after[0] - before[0], after[1] - before[1]
        what = f"growth of Prefect's database on {name}, {items} x {STAGES} {said}"
        show(what, grown, "MB", items, goal=GOAL, task_runs=more, kb_a_task_run=1000 * grown / more)
        if events:
            show(f"{what}, without its events", grown - events, "MB", items, goal=LASTING,
                 task_runs=more)  # fmt: skip


def _drained(ask: Ask) -> None:
    """Wait until the server has written all it was told: four looks that see the same."""
    counts = ", ".join(f"(SELECT count(*) FROM {table})" for table in TABLES)
    last, same = "", 0
    while same < 4:
        time.sleep(2.0)
        seen = ask(f"SELECT {counts}")
        last, same = seen, same + 1 if seen == last else 0


def _task_runs(ask: Ask) -> int:
    return int(ask("SELECT count(*) FROM task_run").strip("[](),\n"))


def _size(found: Cluster) -> tuple[float, float]:
    """Megabytes of the database, and of its tables of events."""
    found.ask("CHECKPOINT")
    tables = " + ".join(f"pg_total_relation_size('{table}')" for table in EVENTS)
    whole, events = found.ask(
        f"SELECT pg_database_size('postgres'), {tables}"
    ).split("|")  # fmt: skip
    return int(whole) / 1e6, int(events) / 1e6


def _pages(opened: sqlite3.Connection) -> float:
    """Megabytes of the database, what its log still holds included."""
    pages, size = (opened.execute(f"PRAGMA {name}").fetchone()[0]
                   for name in ("page_count", "page_size"))  # fmt: skip
    return float(pages * size) / 1e6


def _home(place: Path, name: str) -> Path:
    home = place / name
    home.mkdir()
    return home


if __name__ == "__main__":
    if sys.argv[1:2] == ["run"]:
        measure(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
    else:
        main(int(sys.argv[1]) if len(sys.argv) > 1 else ITEMS)
