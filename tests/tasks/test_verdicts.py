"""A shard of verdicts: what it looks up, and how often."""

import io
import json
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tasks.verdicts import CHOICES, EXEMPLARS, verdict_shard
from tests.servers.chat import ChatServer, sees
from varifactory.catalog import load_catalog
from varifactory.errors import ModelError
from varifactory.keys import spec_of
from varifactory.models import registry
from varifactory.recipe import Recipe
from varifactory.shards.keeping import keep_rows
from varifactory.shards.planning import ShardRef, plan_shards
from varifactory.stages import Made, Row
from varifactory.store import Store
from varifactory.verdicts.planning import Choices, plan_verdicts, read_by, verdict_spec

# litellm's own models and its background work warn while they are built and torn down.
pytestmark = [
    pytest.mark.filterwarnings("ignore::UserWarning:pydantic"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:unclosed event loop:ResourceWarning"),
]

CATALOG = load_catalog()
SHOWN = Choices({"color": ("blue", "red")}, ("apple", "car"))
MODEL = "openai/some-model-of-ours"


def recipe(**verdicts: Any) -> Recipe:
    return Recipe.parse({
        "name": "x", "sources": {"kind": "world"}, "verdicts": verdicts,
        "prompts": {"prices": [{"model": MODEL, "input": 2, "output": 8}]},
        "run": {"batch_size": 2, "ahead": 1},
    })  # fmt: skip


def png(pixels: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format="PNG")
    return buffer.getvalue()


def edits(store: Store, count: int, kind: str) -> list[Row]:
    """Edits whose pictures lie in the store; of a picture made anew not even the mask does."""
    blobs = [
        store.put_blob(png(np.full((32, 32, 3), shade, np.uint8)), "png") for shade in range(count)
    ]
    mask = store.put_blob(png(np.full((32, 32), 255, np.uint8)), "png")
    return [
        {"key": f"e{place}", "label": "apple", "attribute": "color", "kind": kind,
         "pixel_sha256": f"p{place}", "mask_sha256": "m", "image_blob": f"{blob}.png",
         "mask_blob": f"{mask if kind == 'inpaint' else 'f' * 64}.png"}
        for place, blob in enumerate(blobs)
    ]  # fmt: skip


def planned(store: Store, asked: Recipe, run: str, kind: str = "inpaint") -> ShardRef:
    judge = registry.judge(asked, (), store.url, run=run)
    spec = spec_of("verdicts", verdict_spec(asked, judge))
    rows = plan_verdicts(spec, edits(store, 6, kind), CATALOG, read_by(judge, SHOWN))
    store.put_run_object(run, EXEMPLARS, b"[]")
    store.put_run_object(run, CHOICES, json.dumps(asdict(SHOWN)).encode())
    (shard,) = plan_shards(store, run, "verdicts", spec, rows, size=8).shards
    return shard


@pytest.mark.parametrize("kind", ["inpaint", "text-to-image"])
def test_a_shard_looks_up_its_judge_and_its_choices_once(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(str(tmp_path))
    calls: Counter[str] = Counter()
    for name in ("get_run_object", "rows"):
        real = getattr(Store, name)

        def counted(self: Store, *given: Any, real: Any = real, **named: Any) -> Any:
            calls[str(given[1] if real.__name__ == "get_run_object" else named.get("columns"))] += 1
            return real(self, *given, **named)

        monkeypatch.setattr(Store, name, counted)
    with ChatServer(sees("blue", "apple")).running() as server:
        asked = recipe(judge="vision", model=MODEL, base_url=server.url)
        shard = planned(store, asked, f"run-{kind}", kind)
        calls.clear()
        state = verdict_shard.fn(asked, shard, "vision")
        assert len(server.requests) == 6
    assert state.message == "made 6: 6 ok"
    assert calls[EXEMPLARS] == calls[CHOICES] == calls["['run', 'cost_usd']"] == 1
    (told,) = {asked["pointer"] for asked in server.asked}
    assert ("frame" in told) == (kind == "inpaint")


def test_a_shard_begins_with_what_the_run_has_spent(tmp_path: Path) -> None:
    store, run = Store(str(tmp_path)), "spent-elsewhere"
    with ChatServer(sees("blue", "apple")).running() as server:
        asked = recipe(judge="vision", model=MODEL, base_url=server.url, max_usd=1.0)
        shard = planned(store, asked, run)
        (row, *_) = plan_verdicts(shard.spec, edits(store, 1, "inpaint"), CATALOG)
        paid = {**row, "key": "paid elsewhere", "status": "ok", "reason": "", "cost_usd": 0.9999}
        keep_rows(store, "verdicts", shard.spec, run, [Made(paid)], 0.0, "elsewhere")
        with pytest.raises(ModelError, match=r"\$0\.9999 is spent and verdicts\.max_usd is 1"):
            verdict_shard.fn(asked, shard, "vision")
        assert server.requests == []
