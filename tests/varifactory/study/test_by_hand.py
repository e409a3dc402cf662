"""What docs/studies.md says of counting by hand is what the report counts."""

import re
from pathlib import Path
from typing import Any

import pytest

from tests.simulated_study import simulated
from varifactory.store import Store
from varifactory.study.counting import count_predictions
from varifactory.study.predictions import read_predictions

DOCS = Path(__file__).parents[3] / "docs/studies.md"


def snippet() -> str:
    (found,) = re.findall(r"```python\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL)
    return str(found)


def test_the_snippet_counts_what_the_report_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(str(tmp_path / "store"))
    store.prepare()
    settings = {"training": {"arms": ["real", "real+mixed"], "seeds": [1, 2, 3]}}
    manifest = simulated(store, settings, lambda cell: 0.7 if cell.arm == "real" else 0.8)
    path = tmp_path / "store/studies/quickstart/1.json"
    path.parent.mkdir(parents=True)
    path.write_text(manifest.model_dump_json())
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    exec(snippet(), names)
    study = count_predictions(read_predictions(store, manifest), manifest)
    (helps,) = [one for one in study.comparisons if one.question == "helps"]
    assert names["by_seed"].mean() == pytest.approx(helps.effect.estimate)
    for arm in study.arms:
        mine = names["rows"][names["rows"]["arm"] == arm.arm]["right"].mean()
        assert mine == pytest.approx(arm.top1.estimate)


def test_the_recipes_it_names_have_as_many_cells_as_it_says() -> None:
    from varifactory.recipe import Recipe
    from varifactory.training.grid import factors, variants

    told = dict(re.findall(r"^\| `(\w+)\.yaml` \|.*\| (\d+) \|$", DOCS.read_text(), re.MULTILINE))
    assert {"resolve", "sweep", "ablation", "grid"} <= set(told)
    for name, number in told.items():
        recipe = Recipe.read(DOCS.parents[1] / f"deployments/recipes/{name}.yaml")
        cells = {one for variant in variants(recipe) for one in factors(recipe, variant)}
        assert len([cell for cell in cells if cell.arm != "zero-shot"]) == int(number), name
