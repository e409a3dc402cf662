"""Checks of a study's arms, from data set versions and embeddings in a real store."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from tests.varifactory.study.made_edits import World, made_rows
from varifactory import records
from varifactory.keys import item_key
from varifactory.store import Manifest, ManifestPart, Store
from varifactory.store.studies import StudyCell, StudyManifest
from varifactory.study.checks import study_checks
from varifactory.training.grid import Stratum

SPEC = "e" * 12
SPECS = {f"embeddings/{SPEC}": {"encoder": {"name": "made"}}}
ARMS = ("zero-shot", "real", "copy-real", "real+feasible", "real+infeasible", "real+mixed")


def publish(store: Store, world: World, seed: int, *, judged: bool = True) -> list[dict]:
    rows, vectors = made_rows(world, seed)
    if not judged:
        rows = [row | {"judged_feasibility": None} for row in rows]
    part = store.append("items", "items", records.table("items", rows))
    store.append("embeddings", SPEC, records.table("embeddings", [
        {"key": item_key(SPEC, pixel_sha256=pixels), "status": "ok", "reason": "", "label": "",
         "pixel_sha256": pixels, "vector": vector.tolist()} for pixels, vector in vectors.items()
    ]))  # fmt: skip
    listed = ManifestPart(stage="items", spec="items", name=part.name, rows=part.rows,
                          bytes=part.bytes)  # fmt: skip
    store.publish(Manifest(
        name=world.dataset, version=1, created_at=datetime.now(UTC), actor="ada", run_id="run",
        recipe={"edits": {"editor": "compositor"}}, recipe_fingerprint="f", dataset_hash="d" * 64,
        counts={}, parts=(listed,),
    ))  # fmt: skip
    return rows


def studied(
    arms: Sequence[str] = ARMS,
    specs: dict | None = None,
    **factors: Sequence,
) -> StudyManifest:
    """A study of two training seeds; ``factors`` are varied: attribute, per_source, name, ..."""
    names = list(factors)
    cells = []
    for values in zip(*factors.values(), strict=True) if names else [()]:
        more = {"name": "made", "trainee": "clip-lora", "attribute": "all", "spec": "s" * 12,
                "version": 1, **dict(zip(names, values, strict=True))}  # fmt: skip
        cells += [StudyCell(arm=arm, seed=seed, key=f"{arm}{seed}", **more)
                  for arm in arms for seed in (1, 2)]  # fmt: skip
    return StudyManifest(
        name="study", version=1, created_at=datetime.now(UTC), actor="ada", run_id="run", recipe={},
        plan={"confidence": 0.95}, datasets=(), cells=tuple(cells),
        specs=SPECS if specs is None else specs, provenance={}, study_hash="h" * 64,
    )  # fmt: skip


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    store = Store(str(tmp_path_factory.mktemp("checks") / "store"))
    store.prepare()
    publish(store, World(), 1)
    publish(store, World(dataset="stronger", strength=(1.0, 1.5)), 2)
    return store


def test_an_arm_with_edits_has_a_check_counted_from_its_rows(store: Store) -> None:
    checks, *_ = study_checks(store, studied())
    assert [one.arm for one in checks] == ["real+feasible", "real+infeasible", "real+mixed"]
    rows, _ = made_rows(World(), 1)
    mine = [row for row in rows if row["paired"] and row["feasibility"] == "feasible"]
    feasible, infeasible, mixed = checks
    assert feasible.edits == infeasible.edits == mixed.edits == len(mine)
    assert feasible.stratum == Stratum(attribute="all")
    assert feasible.pixel_change == pytest.approx(np.mean([row["change_inside"] for row in mine]))
    assert feasible.present is not None
    assert feasible.present.estimate == pytest.approx(
        np.mean([row["measured_value"] == row["value"] for row in mine])
    )
    assert feasible.feasible is not None
    assert infeasible.feasible is not None
    assert mixed.feasible is not None
    assert infeasible.feasible.high < 0.2 < 0.4 < mixed.feasible.low
    assert mixed.feasible.high < 0.6 < 0.8 < feasible.feasible.low
    asked = [row for row in rows if row["feasibility"] == "feasible"]
    assert feasible.rejected == np.mean([row["status"] == "rejected" for row in asked])
    assert feasible.forced == 0


def test_embeddings_give_distance_and_diversity(store: Store) -> None:
    checks, *_ = study_checks(store, studied())
    rows, vectors = made_rows(World(), 1)
    mine = [row for row in rows if row["paired"] and row["feasibility"] == "feasible"]
    distances = [1 - vectors[row["pixel_sha256"]] @ vectors[f"made:{row['source_key']}"]
                 for row in mine]  # fmt: skip
    assert checks[0].embedding_distance == pytest.approx(np.mean(distances), abs=1e-5)
    of_class = [vectors[row["pixel_sha256"]] for row in mine if row["label"] == "class 0"]
    pairs = [1 - one @ two for at, one in enumerate(of_class) for two in of_class[:at]]
    assert checks[0].diversity == pytest.approx(np.mean(pairs), abs=0.15)
    assert checks[0].effective is not None
    assert 1 < checks[0].effective < len(of_class)


def test_without_embeddings_these_are_not_known_and_the_rest_is(store: Store) -> None:
    checks, confounds, *_ = study_checks(store, studied(specs={}))
    assert {(one.embedding_distance, one.diversity, one.effective) for one in checks} == {
        (None, None, None)
    }
    assert all(one.pixel_change is not None and one.prompts for one in checks)
    assert not confounds


def test_strata_differ_by_what_edits_depend_on_alone(store: Store) -> None:
    checks, *_ = study_checks(store, studied(
        ("real+feasible",), trainee=("clip-lora", "linear-probe", "clip-lora", "clip-lora"),
        attribute=("all", "all", "color", "all"), per_source=(0, 0, 0, 1),
    ))  # fmt: skip
    assert [(one.stratum.attribute, one.stratum.per_source) for one in checks] == [
        ("all", 0), ("all", 1), ("color", 0)
    ]  # fmt: skip
    whole, first, color = (one.edits for one in checks)
    assert color < whole
    assert first < whole


def test_edits_of_several_generation_seeds_are_taken_together(store: Store) -> None:
    both = studied(("feasible",), name=("made", "stronger"), generation_seed=(1, 2))
    (check,), *_ = study_checks(store, both)
    alone = [study_checks(store, studied(("feasible",), name=(name,)))[0][0].edits
             for name in ("made", "stronger")]  # fmt: skip
    assert check.edits == sum(alone)


def test_a_planted_confound_shows_once_and_with_the_first_pair_of_arms(store: Store) -> None:
    arms = ("feasible", "infeasible", "real+feasible", "real+infeasible")
    _, confounds, *_ = study_checks(store, studied(arms, name=("stronger",)))
    told = {one.measure: one for one in confounds}
    assert {"pixel_change", "embedding_distance"} <= set(told)
    assert len(told) == len(confounds)
    assert {(one.arm, one.other) for one in confounds} == {("real+feasible", "real+infeasible")}
    assert not study_checks(store, studied(arms))[1]


def test_arms_that_the_judge_does_not_tell_apart_are_an_alarm(tmp_path: Path) -> None:
    store = Store(str(tmp_path / "store"))
    store.prepare()
    publish(store, World(dataset="alike", judged=(0.6, 0.6)), 3)
    publish(store, World(dataset="apart"), 4)
    publish(store, World(dataset="swapped", judged=(0.1, 0.9)), 5)
    arms = ("feasible", "infeasible", "real+feasible", "real+infeasible")
    checked = study_checks(store, studied(arms, name=("alike", "apart", "swapped"),
                                          dataset=("alike", "apart", "swapped")))  # fmt: skip
    alike, swapped = checked.alarms
    assert alike.startswith("alike: real+feasible against real+infeasible: the judge calls ")
    assert swapped.startswith("swapped: ")
    assert "does not tell them apart" in alike
    (alone,) = study_checks(store, studied(arms, name=("alike",))).alarms
    assert alone.startswith("real+feasible against real+infeasible: ")
    assert not study_checks(store, studied(arms, name=("apart",))).alarms


def test_what_was_tested_for_confounds_is_told(store: Store) -> None:
    whole = study_checks(store, studied()).tested
    assert {"pixel_change", "embedding_distance", "diversity", "rejected"} <= set(whole)
    assert len(set(whole)) == len(whole)
    assert "feasible" not in whole
    blind = study_checks(store, studied(specs={})).tested
    assert set(whole) - set(blind) == {"embedding_distance", "diversity"}
    alone = study_checks(store, studied(("real+feasible",)))
    assert (alone.tested, alone.alarms) == ((), ())


def test_edits_that_nobody_judged_are_an_alarm(tmp_path: Path) -> None:
    store = Store(str(tmp_path / "store"))
    store.prepare()
    publish(store, World(), 7, judged=False)
    (alarm,) = study_checks(store, studied()).alarms
    assert "too few edits were judged for feasibility" in alarm


def test_an_arm_that_cannot_be_made_has_no_edits(store: Store) -> None:
    (check,), *_ = study_checks(store, studied(("real+feasible",), per_source=(9,)))
    assert (check.edits, check.present, check.pixel_change) == (0, None, None)


def test_forced_edits_are_counted(tmp_path: Path) -> None:
    store = Store(str(tmp_path / "store"))
    store.prepare()
    rows, _ = made_rows(World(refused=(0, 0)), 6)
    half = [{**row, "forced": row["kind"] == "edit" and row["index"] == 0} for row in rows]
    part = store.append("items", "items", records.table("items", half))
    store.publish(Manifest(
        name="made", version=1, created_at=datetime.now(UTC), actor="ada", run_id="run",
        recipe={"edits": {"editor": "compositor"}}, recipe_fingerprint="f", dataset_hash="d" * 64,
        counts={}, parts=(ManifestPart(stage="items", spec="items", name=part.name, rows=part.rows,
                                       bytes=part.bytes),),
    ))  # fmt: skip
    checks, *_ = study_checks(store, studied(("feasible",), specs={}))
    assert checks[0].forced == 0.5
