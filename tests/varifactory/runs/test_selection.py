"""Which rows of a run are made again, of tables in every state a row can be in."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from varifactory.errors import FactoryError
from varifactory.keys import item_key
from varifactory.recipe import Recipe
from varifactory.runs.past import PastRun, find_run
from varifactory.runs.selection import Asked, NothingSelected, Selected, select
from varifactory.shards.keeping import keep_rows
from varifactory.shards.planning import plan_shards
from varifactory.stages import Made, Row
from varifactory.standing import standing
from varifactory.store import Manifest, Store

RECIPE = Recipe.parse({"name": "set", "sources": {"kind": "world"}})
RUN = "11111111-aaaa"


def key(*of: Any) -> str:
    return item_key("spec", of=list(of))


def edit(number: int, status: str, error: str = "") -> Row:
    return {
        "key": key("edit", number), "status": status, "error_type": error or None,
        "reason": f"{status} {number}", "source_key": key("source", number // 4),
        "source_pixels": key("pixels", number // 4), "attribute": "color",
        "feasibility": "feasible", "index": number % 4, "editor": "compositor",
        "pixel_sha256": key("made", number) if status == "ok" else None, "seed": number,
    }  # fmt: skip


EDITS = [edit(0, "ok"), edit(1, "failed", "BlobLost"), edit(2, "failed", "ValueError"),
         edit(3, "skipped"), edit(4, "failed", "BlobLost"), edit(5, "ok")]  # fmt: skip
VERDICTS = [
    {"key": key("verdict", number), "status": status, "edit_key": key("edit", number),
     "pixel_sha256": key("made", number), "reason": "", "error_type": "TimeoutError"}
    for number, status in ((0, "failed"), (5, "ok"))
]  # fmt: skip


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """A store with one run: shard 0 holds the edits 0 to 3, in the order of their keys."""
    store = Store(str(tmp_path_factory.mktemp("selection")))
    store.prepare()
    store.write_run(RUN, {"flow": "generate", "recipe": RECIPE.model_dump(mode="json")})
    plan_shards(store, RUN, "edits", "e1", [{"key": row["key"]} for row in EDITS], size=4)
    for stage, spec, rows in (("edits", "e1", EDITS), ("verdicts", "v1", VERDICTS)):
        keep_rows(store, stage, spec, RUN, [Made(row) for row in rows])
    specs: dict[str, Any] = {"edits/e1": {}, "verdicts/v1": {}}
    store.put_run_object(RUN, "ended.json", json.dumps({"specs": specs, "dataset": None}).encode())
    return store


@pytest.fixture(scope="module")
def run(store: Store) -> PastRun:
    return find_run(store)


def chosen(store: Store, run: PastRun, **asked: Any) -> dict[str, list[int]]:
    """Stage -> numbers of its selected rows."""
    found = select(store, run, Asked(**asked))
    places = {row["key"]: number for number, row in enumerate(EDITS)}
    places |= {row["key"]: number for number, row in enumerate(VERDICTS)}
    return {stage: sorted(places[row["key"]] for row in rows) for stage, rows in found.rows.items()}


def test_without_a_choice_all_that_failed_is_selected(store: Store, run: PastRun) -> None:
    assert chosen(store, run) == {"edits": [1, 2, 4], "verdicts": [0]}
    assert chosen(store, run, stage="verdicts") == {"verdicts": [0]}


def test_an_error_class_selects_its_rows(store: Store, run: PastRun) -> None:
    assert chosen(store, run, error_class="BlobLost") == {"edits": [1, 4]}
    assert chosen(store, run, stage="edits", error_class="ValueError") == {"edits": [2]}


def test_a_shard_selects_what_was_planned_for_it(store: Store, run: PastRun) -> None:
    ordered = sorted(range(6), key=lambda number: str(EDITS[number]["key"]))
    for shard, numbers in ((0, ordered[:4]), (1, ordered[4:])):
        bad = sorted(set(numbers) & {1, 2, 4})
        found = chosen(store, run, stage="edits", shard=shard) if bad else {"edits": []}
        assert found == {"edits": bad}


def test_a_key_may_be_cut_short_and_name_a_row_or_its_source(store: Store, run: PastRun) -> None:
    assert chosen(store, run, stage="edits", keys=(EDITS[1]["key"][:12],)) == {"edits": [1]}
    assert chosen(store, run, stage="edits", keys=(EDITS[3]["key"],)) == {"edits": [3]}
    source = EDITS[0]["source_key"][:10].upper()
    assert chosen(store, run, stage="edits", keys=(source,)) == {"edits": [1, 2, 3]}


def test_an_edits_key_names_its_verdict(store: Store, run: PastRun) -> None:
    assert chosen(store, run, keys=(EDITS[0]["key"],)) == {"verdicts": [0]}


def test_a_condition_narrows_and_skipped_rows_may_be_meant(store: Store, run: PastRun) -> None:
    assert chosen(store, run, stage="edits", where="seed >= 2") == {"edits": [2, 3, 4]}
    both = {"stage": "edits", "where": "seed > 1", "error_class": "BlobLost"}
    assert chosen(store, run, **both) == {"edits": [4]}


def test_force_selects_good_rows(store: Store, run: PastRun) -> None:
    good = EDITS[5]["key"][:16]
    with pytest.raises(NothingSelected, match=r"1 ok.*force makes good ones again"):
        select(store, run, Asked(stage="edits", keys=(good,)))
    assert chosen(store, run, stage="edits", keys=(good,), force=True) == {"edits": [5]}


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"stage": "masks"}, "has rows of edits, verdicts"),
        ({"where": "seed > 1"}, "needs a stage"),
        ({"shard": 0}, "shard 0 needs a stage, .* give one of edits, verdicts"),
        ({"keys": ("0" * 64,)}, "names 0 rows"),
        ({"keys": ("abc",)}, "first 8 digits"),
        ({"stage": "edits", "shard": 7}, "planned work for shards 0, 1"),
        ({"stage": "edits", "error_class": "Nothing"}, "nothing to rerun in stage edits"),
        ({"stage": "edits", "where": "nope = 1"}, "columns of stage edits"),
    ],
)
def test_what_cannot_be_selected_is_told(
    store: Store, run: PastRun, asked: dict[str, Any], told: str
) -> None:
    with pytest.raises(FactoryError, match=told):
        select(store, run, Asked(**asked))


def test_a_verdict_knows_the_place_of_its_edit(store: Store, run: PastRun) -> None:
    found = select(store, run, Asked(stage="verdicts"))
    assert found.sources == {EDITS[0]["source_key"]}
    assert found.rows["verdicts"][0]["index"] == 0


def test_failed_rows_that_hang_on_a_selected_one_are_tried_too(store: Store, run: PastRun) -> None:
    wish = Asked(stage="edits", keys=(EDITS[0]["key"],), force=True)
    assert select(store, run, wish).downstream["verdicts"] == {VERDICTS[0]["key"]}


def test_a_hidden_row_still_tells_what_failed(tmp_path: Path) -> None:
    """As when a source was found damaged: every row that names it is hidden."""
    store = Store(str(tmp_path))
    store.prepare()
    rows = [Made(edit(1, "failed", "BlobLost")), Made(edit(0, "ok"))]
    keep_rows(store, "edits", "e1", RUN, rows)
    store.invalidate("edits", "e1", [EDITS[0]["key"], EDITS[1]["key"]], "its source was lost")
    run = PastRun(RUN, "generate", RECIPE, {"edits": ("e1",)}, None)
    assert chosen(store, run) == {"edits": [1]}
    # Once made again the row that counts stands.
    keep_rows(store, "edits", "e1", RUN, [Made({**edit(1, "ok"), "status": "ok"})])
    table = standing(store, "edits", "e1")
    told = dict(zip(table["key"].to_pylist(), table["hidden"].to_pylist(), strict=True))
    assert told == {EDITS[0]["key"]: True, EDITS[1]["key"]: False}


def test_only_what_was_selected_is_to_be_made(store: Store, run: PastRun) -> None:
    """A failed row that was not selected keeps its row."""
    found = select(store, run, Asked(stage="edits", error_class="ValueError"))
    done = found.done("edits", standing(store, "edits", "e1"))
    assert {row["key"] for row in EDITS} - done == {EDITS[2]["key"]}
    assert found.done("verdicts", standing(store, "verdicts", "v1")) == {
        row["key"] for row in VERDICTS
    }


def test_hidden_rows_are_made_again_only_before_what_was_selected(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    store.prepare()
    for stage in ("masks", "edits"):
        keep_rows(store, stage, "s", RUN, [Made({"key": "k" * 64, "status": "ok"})])
        store.invalidate(stage, "s", ["k" * 64], "lost")
    found = Selected({"edits": ({"key": "other"},)}, {}, force=False)
    assert found.done("masks", standing(store, "masks", "s")) == frozenset()
    assert found.done("edits", standing(store, "edits", "s")) == {"k" * 64}


def test_the_latest_run_that_ended_is_taken(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    store.prepare()
    with pytest.raises(
        FactoryError, match=r"no run that rerun takes up .* those of generate, train, study"
    ):
        find_run(store)
    for number, (run, flow) in enumerate(
        (("a" * 8, "study"), ("b" * 8, "adapt"), ("c" * 8, "train"))
    ):
        store.write_run(run, {"flow": flow, "recipe": RECIPE.model_dump(mode="json")})
        (tmp_path / f"runs/{run}.json").touch()
        if number == 0:
            store.put_run_object(run, "ended.json", b'{"specs": {"edits/e1": {}}}')
    assert find_run(store).id == "a" * 8
    assert find_run(store, dataset="set").id == "a" * 8
    assert find_run(store, "cccccccc").flow == "train"
    with pytest.raises(FactoryError, match=r"one of 'adapt'"):
        find_run(store, "b" * 8)
    with pytest.raises(FactoryError, match=r"names 0 of 3 runs"):
        find_run(store, "dddddddd")
    with pytest.raises(FactoryError, match=r"no run of data set 'other'"):
        find_run(store, dataset="other")


def begun(store: Store, run: str, flow: str, minute: int, flow_run: str = "") -> None:
    told = {"flow": flow, "flow_run": flow_run, "began_at": f"2026-11-20T09:{minute:02d}:00+00:00"}
    store.write_run(run, {**told, "recipe": RECIPE.model_dump(mode="json")})


def test_the_beginning_of_an_id_names_the_last_attempt_of_a_flow_run(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    store.prepare()
    one, other = "5848ec06-11", "5848ec06-22"
    begun(store, f"{one}-preview", "preview", 1, one)
    begun(store, one, "generate", 2, one)
    begun(store, f"{one}-2-preview", "preview", 3, one)
    assert find_run(store, "5848ec06").id == one
    begun(store, f"{one}-2", "generate", 4, one)
    begun(store, f"{one}-10", "generate", 5, one)
    assert find_run(store, "5848ec06").id == f"{one}-10"
    assert find_run(store, one).id == one
    begun(store, other, "study", 6, other)
    told = rf"names 6 of 6 runs.*such as.*{one}-2 \(generate, 2026-11-20.*{other} \(study"
    with pytest.raises(FactoryError, match=told):
        find_run(store, "5848ec06")
    assert find_run(store, "5848ec06-1").id == f"{one}-10"
    with pytest.raises(FactoryError, match=r"first 8 digits"):
        find_run(store, "5848")


def test_a_run_that_was_killed_is_known_by_its_notes_alone(tmp_path: Path) -> None:
    """Not by whatever spec begins like one of its plans."""
    store = Store(str(tmp_path))
    store.prepare()
    mine, twin = "e" * 12 + "1" * 52, "e" * 12 + "2" * 52
    begun(store, RUN, "generate", 1)
    for spec in (mine, twin):
        keep_rows(store, "edits", spec, RUN, [Made(EDITS[1])])
    plan_shards(store, RUN, "edits", mine, [{"key": EDITS[0]["key"]}], size=4)
    assert find_run(store).specs == {"edits": (mine, twin)}  # of before there were notes
    store.use_spec(RUN, "edits", mine, {"editor": "compositor"})
    assert find_run(store).specs == {"edits": (mine,)}
    assert store.specs_of(RUN) == {f"edits/{mine}": {"editor": "compositor"}}


def test_a_run_is_found_though_its_version_was_dropped(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    store.prepare()
    begun(store, RUN, "generate", 1)
    ended = {"specs": {"edits/e1": {}}, "dataset": {"name": "set", "version": 3}}
    store.put_run_object(RUN, "ended.json", json.dumps(ended).encode())
    found = find_run(store)
    assert (found.version, found.newest) == (None, None)
    assert found.specs == {"edits": ("e1",)}


def test_a_run_goes_on_from_the_newest_version_of_its_recipe(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    store.prepare()
    begun(store, RUN, "generate", 1)
    for number, recipe in enumerate((RECIPE, RECIPE, RECIPE.overlaid(["seed=5"])), 1):
        store.publish(manifest(number, recipe))
    for first, newest in ((1, 2), (2, 2), (3, 3)):
        ended = {"specs": {}, "dataset": {"name": "set", "version": first}}
        store.put_run_object(RUN, "ended.json", json.dumps(ended).encode())
        found = find_run(store)
        assert found.version is not None
        assert found.newest is not None
        assert (found.version.version, found.newest.version) == (first, newest)


def manifest(number: int, recipe: Recipe) -> Manifest:
    return Manifest(
        name="set", version=number, created_at=datetime.now(UTC), actor="ada",
        recipe=recipe.model_dump(mode="json"), recipe_fingerprint=recipe.fingerprint(),
        dataset_hash=f"{number:064d}", counts={}, parts=(), run_id=RUN,
    )  # fmt: skip


def test_a_rerun_of_a_rerun_takes_up_the_first_flow(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    store.prepare()
    recipe = RECIPE.model_dump(mode="json")
    store.write_run("a" * 8, {"flow": "rerun", "recipe": recipe, "rerun": {"flow": "study"}})
    store.put_run_object("a" * 8, "ended.json", b"{}")
    assert find_run(store).flow == "study"
