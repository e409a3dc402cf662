"""A stage that does nothing, through the same planning, tasks, parts and folds as a real one."""

import time
from typing import Any

from prefect import flow, task
from prefect.client.schemas.objects import State

from flows.run import FactoryRun
from tasks import policy
from varifactory import records
from varifactory.keys import item_key, spec_of
from varifactory.recipe import Recipe, Run, Sources
from varifactory.shards.keeping import keep_rows
from varifactory.shards.planning import ShardRef
from varifactory.stages import Made, Row
from varifactory.store import Store

RECIPE = Recipe(name="bench", sources=Sources(kind="world"), run=Run(shard_size=512))

# As wide as the widest real table, for columns cost time whether or not they are filled.
records.STAGES["noop"] = records.STAGES["items"]


def fields(stage: int = 0) -> dict[str, int]:
    """What the spec of one of several such stages is made of."""
    return {"stage": stage}


def planned(items: int, stage: int = 0) -> list[Row]:
    """So many rows of the stage."""
    spec = spec_of("noop", fields(stage))
    return [
        {
            "key": item_key(spec, uri=number),
            "label": f"class {number % 100}",
            "pixel_sha256": item_key(spec, pixels=number),
            "attribute": ("background", "color", "texture")[number % 3],
            "prompt": f"a photo of the class {number % 100} in place {number}",
        }
        for number in range(items)
    ]


@task(**policy.stage("noop"))
def noop_shard(recipe: Recipe, shard: ShardRef) -> State[Any]:
    """Keep a row an item."""

    def make(rows: list[Row], store: Store) -> list[Made]:
        return [Made({**row, "status": "ok"}) for row in rows]

    return policy.run_shard(shard, make, batch_size=recipe.run.batch_size)


def fill(url: str, items: int, stages: int) -> None:
    """A store that holds all of it, in the folded parts that shards leave behind."""
    store = Store(url)
    store.prepare()
    for stage in range(stages):
        rows = planned(items, stage)
        spec = spec_of("noop", fields(stage))
        for start in range(0, items, RECIPE.run.shard_size):
            piece = rows[start : start + RECIPE.run.shard_size]
            keep_rows(store, "noop", spec, "earlier", [Made({**r, "status": "ok"}) for r in piece])


@flow(name="bench", persist_result=False)
def cached_run(url: str, items: int, stages: int) -> float:
    """Seconds of a run that finds every row in the store; planning the rows is not counted."""
    rows = [planned(items, stage) for stage in range(stages)]
    began = time.perf_counter()
    with FactoryRun.begin("bench", RECIPE, url) as run:
        for stage in range(stages):
            kept = run.stage(noop_shard, "noop", fields(stage), rows[stage])
            assert len(kept) == items
        assert run.reused() == stages * items
    return time.perf_counter() - began
