"""A plan says what the next run makes: the same functions plan both, and a run proves it."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from flows.forecast import forecast
from flows.plan import plan
from tests.flows.conftest import Generate, Make
from varifactory.recipe import Recipe
from varifactory.runs.planned import Expectation
from varifactory.shards.keeping import keep_rows
from varifactory.stages import Made
from varifactory.store import Store

Check = Callable[[Recipe], tuple[Expectation, dict[str, Any]]]
MORE = {"edits": {"per_source": 1, "attempts": 2}}


@pytest.fixture(scope="module")
def made(
    tiny: Make, generate: Generate, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, dict[str, Any]]:
    """A store with one run of the tiny recipe, and what the run said."""
    store = tmp_path_factory.mktemp("planned") / "store"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VARIFACTORY_ACTOR", "ada")
        return store, generate(tiny(**MORE), store)


@pytest.fixture
def store(made: tuple[Path, dict[str, Any]], tmp_path: Path) -> Path:
    """A copy of it."""
    shutil.copytree(made[0], tmp_path / "store")
    return tmp_path / "store"


@pytest.fixture
def check(store: Path, generate: Generate) -> Check:
    """Plan, run, and hold the one against the other, stage by stage."""

    def compared(recipe: Recipe) -> tuple[Expectation, dict[str, Any]]:
        before = sorted(str(path) for path in store.rglob("*"))
        expected = forecast(recipe, str(store))
        assert sorted(str(path) for path in store.rglob("*")) == before, "a plan wrote"
        said = generate(recipe, store)
        hold(expected, said)
        return expected, said

    return compared


def hold(expected: Expectation, said: dict[str, Any]) -> None:
    """What must be made is made, and no more than may be."""
    made = {name: one["items"] - one["reused"] for name, one in said["stages"].items()}
    planned = {stage.name: stage for stage in expected.stages}
    assert set(made) <= set(planned)
    for name, stage in planned.items():
        if stage.unknown:
            assert stage.misses <= made.get(name, 0) <= stage.misses + stage.unknown, name
        else:
            assert made.get(name, 0) == stage.misses, name
            assert said["stages"][name]["reused"] == stage.hits, name


def told(expected: Expectation, stage: str) -> list[dict[str, Any]]:
    """The reasons of a stage."""
    return list(expected.told()["stages"][stage]["reasons"])


def test_an_empty_store_is_bounded_from_above(
    tiny: Make, made: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    expected = forecast(tiny(**MORE), str(tmp_path / "nowhere"))
    hold(expected, made[1])
    assert not (tmp_path / "nowhere").exists()
    assert expected.told()["stages"]["sources"]["misses"] == 12
    assert expected.told()["stages"]["edits"]["misses"] == 0
    assert "guess" in expected.sum_up()


def test_a_store_that_has_all_of_it_misses_nothing(tiny: Make, check: Check) -> None:
    expected, said = check(tiny(**MORE))
    assert (expected.misses, expected.unknown, said["made"]) == (0, 0, 0)
    assert expected.sum_up() == "nothing is to be made"


def test_more_edits_a_source_are_told_by_the_recipe(
    tiny: Make, check: Check, made: tuple[Path, dict[str, Any]]
) -> None:
    expected, _ = check(tiny(edits={"per_source": 2, "attempts": 2}))
    reasons = told(expected, "edits")
    assert any("edits.per_source 1 -> 2" in one["reason"] for one in reasons)
    assert reasons[0]["against"]["actor"] == "ada"
    assert reasons[0]["against"]["run"] == made[1]["run"]
    assert expected.told()["stages"]["masks"]["misses"] == 0


def test_another_strength_names_itself_and_leaves_the_masks(tiny: Make, check: Check) -> None:
    recipe = tiny(edits={"per_source": 1, "attempts": 2, "strength": 0.5})
    expected, _ = check(recipe)
    (reason,) = told(expected, "edits")
    assert reason["reason"] == "strength 1.0 -> 0.5"
    assert reason["against"]["actor"] == "ada"
    stages = expected.told()["stages"]
    assert stages["masks"]["misses"] == stages["sources"]["misses"] == 0
    assert stages["verdicts"]["at_most"][0]["reason"] == "its edit is not made yet"


def test_a_setting_that_all_share_is_told_by_its_spec(tiny: Make, check: Check) -> None:
    expected, _ = check(tiny(edits={"per_source": 1, "attempts": 2, "feather": 3.0}))
    assert told(expected, "edits")[0]["reason"] == "feather 1.0 -> 3.0"


def test_other_words_reuse_sources_and_masks(tiny: Make, check: Check, tmp_path: Path) -> None:
    expected, _ = check(tiny(**MORE, prompts={"attributes": ["background", "color"],
                                              "per_pool": 3}))  # fmt: skip
    stages = expected.told()["stages"]
    assert stages["sources"]["misses"] == stages["masks"]["misses"] == 0
    assert stages["prompts"]["misses"] == 12
    assert any("prompts.per_pool 2 -> 3" in one["reason"] for one in told(expected, "prompts"))


def test_a_threshold_alone_calls_no_model(tiny: Make, check: Check) -> None:
    expected, said = check(tiny(**MORE, masks={"segmenter": "grabcut-box",
                                               "gate": {"max_area": 0.79}}))  # fmt: skip
    assert expected.told()["stages"]["masks"]["misses"] == 0 == said["made"]


def test_a_new_source_is_called_so(tiny: Make, check: Check) -> None:
    world = {"classes": 3, "train": 3, "validation": 1, "test": 1}
    expected, _ = check(tiny(**MORE, sources__shots=3, sources__world=world))
    assert told(expected, "sources") == [{"reason": "new source", "count": 3, "against": None}]
    assert expected.told()["stages"]["masks"]["unknown"] == 3


def test_what_failed_or_was_hidden_is_told_so(tiny: Make, store: Path, check: Check) -> None:
    place = Store(str(store))
    (spec,) = place.specs("edits")
    rows = place.rows("edits", spec).to_pylist()
    failing, hidden = rows[0]["key"], rows[1]["key"]
    place.invalidate("edits", spec, [failing, hidden], "smeared")
    row = {"key": failing, "status": "failed", "reason": "no memory", "error_type": "OOM",
           "label": rows[0]["label"]}  # fmt: skip
    keep_rows(place, "edits", spec, "another-run", [Made(row)])
    expected, _ = check(tiny(**MORE))
    reasons = {one["reason"]: one["count"] for one in told(expected, "edits")}
    assert reasons == {"hidden: smeared": 1, "failed before: OOM": 1}


def test_files_that_shall_be_read_again_are_counted(tiny: Make, check: Check) -> None:
    expected, said = check(tiny(**MORE, sources__rehash=True))
    assert told(expected, "sources")[0]["reason"] == "hidden: sources.rehash: read again"
    assert said["made"] == 12


def test_the_command_answers_in_words_and_in_json(store: Path, tmp_path: Path, root: Path) -> None:
    recipe = str(root / "deployments/recipes/quickstart.yaml")
    asked = [recipe, "--store", str(tmp_path / "new"), "--set", "sources.world.train=12"]
    answer = json.loads(CliRunner().invoke(plan, [*asked, "--json"]).stdout)
    assert answer["stages"]["sources"]["misses"] == 12 * 70
    words = CliRunner().invoke(plan, [*asked, "--trains"])
    assert words.exit_code == 0
    assert "new source" in words.stdout
    assert "training" in words.stdout
    wrong = CliRunner().invoke(plan, [*asked, "--set", "edits.per_sorce=2"])
    assert wrong.exit_code == 2
    assert "edits.per_sorce" in wrong.stderr


def test_the_estimate_is_kept_and_compared(made: tuple[Path, dict[str, Any]]) -> None:
    store, said = made
    ended = json.loads(Store(str(store)).get_run_object(said["run"], "ended.json"))
    expected = ended["estimate"]
    assert expected["made"]["low"] <= said["made"] <= expected["made"]["high"]
    assert expected["seconds"]["high"] > 0
