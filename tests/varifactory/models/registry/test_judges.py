"""Judges by name, as a recipe and its panel want them."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest

from varifactory.errors import ModelError, RecipeError
from varifactory.models import registry
from varifactory.models.prompts.llm import LitellmWriter
from varifactory.models.provider.budget import Budget, shared
from varifactory.models.registry import costs
from varifactory.models.verdicts.vision import VisionJudge
from varifactory.recipe import Recipe


def recipe(**verdicts: Any) -> Recipe:
    return Recipe.parse({"name": "x", "sources": {"kind": "world"}, "verdicts": verdicts})


@pytest.fixture
def checkpoint(tmp_path: Any) -> dict[str, str]:
    (tmp_path / "model.safetensors").write_bytes(b"weights")
    return {"name": str(tmp_path)}


def test_every_judge_is_built_by_name_without_loading(checkpoint: dict[str, str]) -> None:
    panel = recipe(judge="measured", panel=["clip", "vision", "vision-local"], model="openai/x",
                   checkpoint=checkpoint)  # fmt: skip
    found = {name: registry.judge(panel, (), "", name=name) for name in registry.JUDGES}
    assert {name: judge.identity["name"] for name, judge in found.items()} == {
        name: name for name in registry.JUDGES
    }
    reads = {name for name, judge in found.items() if judge.identity.get("reads_choices")}
    assert reads == {"clip", "vision", "vision-local"}
    assert registry.judge(panel, (), "") is found["measured"], "the first of the recipe"


def test_settings_reach_the_judge(checkpoint: dict[str, str]) -> None:
    asked = recipe(judge="vision", model="openai/x", side=256, pointer="none", at_once=3,
                   base_url="http://127.0.0.1:9/v1", max_usd=7, max_requests=5)  # fmt: skip
    judge: Any = registry.judge(asked, (), "", run="r")
    assert (judge.identity["model"], judge.identity["side"]) == ("openai/x", 256)
    assert judge.identity["pointer"] == "none"
    assert (judge.budget.max_usd, judge.budget.max_requests) == (7, 5)
    clip = recipe(judge="clip", clip="small-clip")
    assert registry.judge(clip, (), "").identity["clip_name"] == "small-clip"
    local = recipe(judge="vision-local", checkpoint={**checkpoint, "dtype": "float32"}, side=300)
    identity = registry.judge(local, (), "").identity
    assert (identity["dtype"], identity["side"]) == ("float32", 300)


def test_judges_of_one_run_share_a_budget_and_runs_do_not() -> None:
    asked = recipe(judge="vision", model="openai/x")
    first: Any = registry.judge(asked, (), "", run="one")
    other: Any = registry.judge(recipe(judge="vision", model="openai/y"), (), "", run="one")
    later: Any = registry.judge(asked, (), "", run="two")
    assert first.budget is other.budget
    assert first.budget is not later.budget


def at_once(ask: Callable[[], Any], count: int = 4) -> list[Any]:
    """What several threads get that ask in the same moment."""
    ready = Barrier(count)

    def asked(_: int) -> Any:
        ready.wait(10)
        return ask()

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(asked, range(count)))


@pytest.mark.parametrize("slow", [VisionJudge, LitellmWriter, Budget])
def test_threads_that_ask_first_at_once_get_one_worker_and_one_budget(
    slow: type, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin = slow.__init__

    def slowly(self: Any, *given: Any, **named: Any) -> None:
        time.sleep(0.05)
        begin(self, *given, **named)

    monkeypatch.setattr(slow, "__init__", slowly)
    asked = Recipe.parse({"name": "x", "sources": {"kind": "world"},
                          "prompts": {"writer": "openai/x"},
                          "verdicts": {"judge": "vision", "model": "openai/x"}})  # fmt: skip
    run = f"at once {slow.__name__}"
    judges = at_once(lambda: registry.judge(asked, (), "", run=run))
    writers = at_once(lambda: registry.writer(asked, run=run))
    budgets = at_once(lambda: shared(f"{run} alone", "verdicts", 1.0, 1))
    for found in (judges, writers, budgets):
        assert len({id(one) for one in found}) == 1


def test_rows_of_the_run_count_for_its_budget() -> None:
    judge: Any = registry.judge(recipe(judge="vision", model="openai/x"), (), "", run="three")
    rows = [{"run": "three", "cost_usd": 0.25}, {"run": "three", "cost_usd": None},
            {"run": "before", "cost_usd": 9.0}]  # fmt: skip
    registry.known_spent(judge, rows, "three")
    assert judge.budget.spent_usd == 0.25
    registry.known_spent(registry.judge(recipe(), (), ""), rows, "three")


def test_an_unknown_judge_is_refused() -> None:
    with pytest.raises(ModelError, match=r"verdicts\.judge is 'oracle'; known are measured, clip"):
        registry.judge(recipe(judge="oracle"), (), "")


@pytest.mark.parametrize(
    ("verdicts", "told"),
    [
        ({"judge": "vision"}, "needs verdicts.model"),
        ({"panel": ["vision"]}, "needs verdicts.model"),
        ({"side": 1}, "verdicts.side"),
        ({"pointer": "arrow"}, "verdicts.pointer"),
        ({"max_usd": -1}, "verdicts.max_usd"),
    ],
)
def test_settings_that_cannot_be_are_refused(verdicts: dict[str, Any], told: str) -> None:
    with pytest.raises(RecipeError, match=told):
        recipe(**verdicts)


def test_a_price_stands_once() -> None:
    price = {"model": "m", "input": 1, "output": 1}
    with pytest.raises(RecipeError, match="prices names 'm' twice"):
        Recipe.parse(
            {"name": "x", "sources": {"kind": "world"}, "prompts": {"prices": [price, price]}}
        )


def test_what_a_run_will_pay_is_counted_from_its_recipe() -> None:
    prices = [{"model": "m", "input": 1000, "output": 1000}]
    paid = Recipe.parse(
        {"name": "x", "sources": {"kind": "folder", "uri": "/nowhere", "size": 512},
         "prompts": {"writer": "m", "prices": prices, "attributes": ["color"], "max_usd": 1e6},
         "edits": {"per_source": 3, "attempts": 2},
         "verdicts": {"judge": "measured", "panel": ["vision"], "model": "m", "max_usd": 1e6}}
    )  # fmt: skip
    writing, judging = registry.expected_costs(paid, ["cat", "dog"], 10)
    assert (writing.questions, judging.questions) == (4, 10 * 2 * 3)
    assert judging.expected_usd is not None
    assert judging.most_usd is not None
    tokens = judging.expected_usd / judging.questions * 1000
    assert 255 + 60 < tokens < 2000, "a picture of one tile, an answer, and words"
    assert judging.most_usd > 2 * judging.expected_usd
    assert registry.expected_costs(recipe(), ["cat"], 10) == []


def test_rounds_towards_an_exact_number_are_in_the_bound() -> None:
    def judging(**edits: Any) -> Any:
        asked = Recipe.parse(
            {"name": "x", "sources": {"kind": "folder", "uri": "/nowhere"}, "edits": edits,
             "prompts": {"attributes": ["color"],
                         "prices": [{"model": "m", "input": 1, "output": 1}]},
             "verdicts": {"judge": "vision", "model": "m", "max_usd": 1e6, "max_requests": 10**6}}
        )  # fmt: skip
        (found,) = registry.expected_costs(asked, ["cat", "dog"], 10)
        return found

    plain = judging(per_source=1, attempts=2)
    exact = judging(per_source=1, attempts=2, exact=30, rounds=3)
    assert (plain.questions, exact.questions) == (20, 120)
    assert exact.most_requests == plain.most_requests // 40 * (120 + 3 * 4 * 120) * 2


def test_only_those_who_are_paid_are_summed_up() -> None:
    rows = [{"run": "r", "cost_usd": 0.5, "raw": "x"}, {"run": "s", "cost_usd": 9.0, "raw": "x"}]
    fields = {"judge": {"name": "vision", "model": "m"}}
    assert costs.paid("verdicts", fields, rows, "r") == "verdicts by m cost $0.50 in 1 items"
    assert costs.paid("verdicts", {"judge": {"name": "measured"}}, rows, "r") == ""
    assert costs.paid("masks", {"segmenter": {}}, rows, "r") == ""
