from datetime import UTC, datetime

import pytest

from tests.stored_digits import NAMES, plan_of, real, shifted, stored
from varifactory.diagnosis.plan import (
    FILE,
    keep_plan,
    plan_diagnosis,
    plans_of,
    read_plan,
    read_senses,
)
from varifactory.diagnosis.population import PopulationError
from varifactory.recipe.diagnosis import Diagnosis
from varifactory.store import Manifest, Store, StoreMissing

TEMPLATE = "a photo of a {class_name}"
EARLY, LATE = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC)


@pytest.fixture
def store(tmp_path) -> Store:
    found = Store(str(tmp_path / "store"))
    found.prepare()
    return found


@pytest.fixture
def manifest(store) -> Manifest:
    return stored(store, [*real(range(40)), *shifted(range(40, 60), seed=1)])


def planned(store, manifest, **more) -> object:
    settings = Diagnosis.model_validate(more.pop("settings", {}))
    return plan_diagnosis(store, manifest, settings, NAMES, encoder="digits", embeddings="e",
                          **{"texts": "t", **more})  # fmt: skip


def test_a_plan_is_read_as_it_was_kept(store, manifest) -> None:
    plan = plan_of(manifest, senses={"one": {"seven": "a sloppy seven"}}, settings={"seed": 7})
    where = keep_plan(store, plan)
    assert where.endswith(f"diagnosis/{plan.hash12}/{FILE}")
    assert read_plan(store, manifest) == plan


def test_the_hash_is_of_what_was_asked_and_not_of_when(manifest) -> None:
    plan = plan_of(manifest, made_at=EARLY)
    assert plan.hash12 == plan_of(manifest, made_at=LATE).hash12
    others = [plan_of(manifest, **{name: value}) for name, value in (
        ("encoder", "other"), ("settings", {"seed": 2}), ("logit_scale", 9.0),
        ("template", "{class_name}"),
        ("senses", {"one": {"i": "letter"}}), ("target", {"name": "t", "version": 1}),
    )]  # fmt: skip
    assert len({plan.hash12, *(other.hash12 for other in others)}) == 7


def test_the_newest_of_several_plans_counts_unless_one_is_named(store, manifest) -> None:
    late = plan_of(manifest, made_at=LATE)
    early = plan_of(manifest, made_at=EARLY, settings={"seed": 9})
    for plan in (late, early):
        keep_plan(store, plan)
    assert plans_of(store, manifest) == [late, early]
    assert read_plan(store, manifest) == late
    assert read_plan(store, manifest, early.hash12[:8]) == early
    with pytest.raises(PopulationError, match=rf"'zz' names 0 of the 2 .*{late.hash12}"):
        read_plan(store, manifest, "zz")


def test_a_version_that_was_never_diagnosed_says_what_to_run(store, manifest) -> None:
    with pytest.raises(
        PopulationError, match=r"digits@1 was never diagnosed: run .*flows.diagnose"
    ):
        read_plan(store, manifest)


@pytest.mark.parametrize("data", [b"{}", b"not json", b'{"dataset": "digits", "version": 0}'])
def test_a_damaged_plan_is_told_by_its_place(store, manifest, data) -> None:
    store.put_export("digits", 1, f"diagnosis/abc/{FILE}", data)
    with pytest.raises(PopulationError, match=r"abc/plan.json is no plan .*diagnose again"):
        read_plan(store, manifest)


def test_a_plan_of_other_content_is_refused(store, manifest) -> None:
    keep_plan(store, plan_of(manifest, dataset_hash="0" * 64))
    with pytest.raises(PopulationError, match=r"is of the data set 0000000000000000, digits@1"):
        read_plan(store, manifest)


def test_what_settings_name_is_written_out(store, manifest, tmp_path) -> None:
    stored(store, real(range(300, 340)), "target")
    path = tmp_path / "senses.yaml"
    path.write_text("one: [letter i]\n")
    plan = planned(store, manifest, settings={"senses": str(path), "target": "target"})
    path.unlink()
    assert plan.senses == {"one": {"letter i": "a photo of a letter i"}}
    assert (plan.target.name, plan.target.version) == ("target", 1)
    assert plan.wanted_texts(["one", "two"], ["", "a prompt", "a prompt"]) == [
        "a photo of a one", "a photo of a two", "a photo of a letter i", "a prompt",
    ]  # fmt: skip
    assert planned(store, manifest).target is None
    with pytest.raises(StoreMissing, match="no data set 'nowhere'"):
        planned(store, manifest, settings={"target": "nowhere"})


def test_how_the_version_and_the_target_were_spelled_makes_no_other_diagnosis(
    store, manifest
) -> None:
    stored(store, real(range(300, 340)), "target")
    spelled = [{"dataset": name, "target": target} for name, target in (
        ("", "target"), ("digits", "target@1"), ("digits@1", "target@1"),
    )]  # fmt: skip
    plans = [planned(store, manifest, settings=one) for one in spelled]
    assert len({plan.hash12 for plan in plans}) == 1
    for plan in plans:
        keep_plan(store, plan)
    assert plans_of(store, manifest) == [plans[-1]]
    assert planned(store, manifest).hash12 != plans[0].hash12


@pytest.mark.parametrize("template", [
    "a photo", "a {class_name} of {who}", "a {} {class_name}", "{", "a {class_name.x}",
    "a {class_name[x]}", "a {class_name.upper}", "a {class_name!r}", "a {class_name:d}",
])  # fmt: skip
def test_a_template_without_its_one_place_is_refused(store, manifest, template) -> None:
    with pytest.raises(PopulationError, match=r"training.template .*must hold \{class_name\}"):
        planned(store, manifest, template=template)


def test_senses_are_words_or_whole_texts(tmp_path) -> None:
    path = tmp_path / "senses.yaml"
    path.write_text("one:\n  - letter i\n  - pipe: a pipe on a wall\ntwo: swan\n")
    assert read_senses(str(path), NAMES, TEMPLATE) == {
        "one": {"letter i": "a photo of a letter i", "pipe": "a pipe on a wall"},
        "two": {"swan": "a photo of a swan"},
    }
    assert read_senses("", NAMES, TEMPLATE) == {}


def test_what_yaml_takes_for_numbers_and_truths_are_words(tmp_path) -> None:
    path = tmp_path / "senses.yaml"
    path.write_text("3: [three]\nyes: [on, 747]\n2020-01-01: [{null: 1.0}]\n")
    assert read_senses(str(path), ("3", "yes", "2020-01-01"), TEMPLATE) == {
        "3": {"three": "a photo of a three"},
        "yes": {"on": "a photo of a on", "747": "a photo of a 747"},
        "2020-01-01": {"null": "1.0"},
    }
    with pytest.raises(PopulationError, match=r"names '2020-01-01', '3', which are no classes"):
        read_senses(str(path), ("yes", "no"), TEMPLATE)


def test_a_file_is_looked_at_before_the_classes_are_known(tmp_path) -> None:
    path = tmp_path / "senses.yaml"
    path.write_text("eleven: [x]\n")
    assert list(read_senses(str(path), None, TEMPLATE)) == ["eleven"]
    path.write_text("eleven: ['']\n")
    with pytest.raises(PopulationError, match=r"a sense of 'eleven' is ''"):
        read_senses(str(path), None, TEMPLATE)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("- one", "holds list: give class name"),
        ("", "holds NoneType"),
        ("eleven: [x]", r"names 'eleven', which is no class of the data set: it has 'zero'"),
        ("one: [[a]]", r"a sense of 'one' is \['a'\]: None; give words"),
        ("one: [{i: [4]}]", r"a sense of 'one' is 'i': \['4'\]"),
        ("one: [{i: }]", r"a sense of 'one' is 'i': ''"),
        ("one:", r"a sense of 'one' is '': None; give words"),
        ("one: ['']", r"a sense of 'one' is ''"),
        ("one: [: :", "cannot be read as YAML"),
    ],
)
def test_senses_of_another_form_are_refused(tmp_path, text, said) -> None:
    path = tmp_path / "senses.yaml"
    path.write_text(text)
    with pytest.raises(PopulationError, match=said):
        read_senses(str(path), NAMES, TEMPLATE)
    with pytest.raises(PopulationError, match="cannot be read as YAML"):
        read_senses(str(tmp_path / "absent.yaml"), NAMES, TEMPLATE)
