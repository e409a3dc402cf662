from pathlib import Path

import pytest

from varifactory import items
from varifactory.errors import FactoryError
from varifactory.outcomes import Outcome, decided
from varifactory.recipe import Recipe, Sources
from varifactory.store import Store
from varifactory.verdicts.deciding import Decision
from varifactory.verdicts.decisions import Word, latest, named, record

KEY, OTHER = "ab" * 32, "cd" * 32


@pytest.fixture
def store(tmp_path: Path) -> Store:
    place = Store(str(tmp_path / "store"))
    place.prepare()
    return place


def test_the_last_word_counts_and_all_are_kept(store: Store) -> None:
    edits = [{"key": KEY, "label": "owl", "pixel_sha256": "11"}]
    record(store, edits, Word(True, "ada"))
    record(store, edits, Word(False, "bo", "blurred"))
    assert latest(store) == {KEY: Word(False, "bo", "blurred")}
    (stage,) = store.stages()
    (spec,) = store.specs(stage)
    assert len(store.rows(stage, spec)) == 2


def test_nobody_decides_namelessly(store: Store) -> None:
    with pytest.raises(FactoryError, match="needs a name"):
        record(store, [{"key": KEY}], Word(True, " "))


@pytest.mark.parametrize("start", ["ab", "ef" * 8, "AB" * 3])
def test_a_key_names_one_edit(start: str) -> None:
    edits = [{"key": KEY}, {"key": OTHER}]
    with pytest.raises(FactoryError, match="names"):
        named(edits, [start])
    assert named(edits, ["AB" * 4, " abababab"]) == [{"key": KEY}]


@pytest.mark.parametrize(
    ("stage", "status", "accepted", "ends"),
    [
        ("verdicts", "ok", False, "rejected"),
        ("verdicts", "rejected", True, "ok"),
        ("edits", "rejected", True, "ok"),
        ("edits", "failed", True, "failed"),
    ],
)
def test_a_word_outranks_judge_and_gate_but_makes_no_edit(
    stage: str, status: str, accepted: bool, ends: str
) -> None:
    found = {KEY: Outcome(stage, Decision(status, "why"))}
    assert decided(found, {KEY: Word(accepted, "ada")})[KEY].status == ends


def test_words_about_other_edits_change_nothing() -> None:
    recipe = Recipe(name="a", sources=Sources(kind="world"))
    edits = [{"key": KEY, "status": "failed", "reason": "broken"}]
    from varifactory.catalog import load_taxonomy

    taxonomy = load_taxonomy(recipe.prompts.taxonomy)
    plain = items.outcomes(edits, {}, {}, recipe, taxonomy)
    assert items.outcomes(edits, {}, {}, recipe, taxonomy, {OTHER: Word(True, "a")}) == plain
