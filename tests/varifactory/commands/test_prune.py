"""``varifactory prune`` as it is typed."""

import json
import shlex

import pytest
from click.testing import CliRunner, Result

from tests.stored_digits import plan_of, real, shifted, stored
from varifactory.command import main
from varifactory.diagnosis.plan import keep_plan
from varifactory.store import Store


@pytest.fixture
def store(tmp_path) -> Store:
    found = Store(str(tmp_path / "store"))
    found.prepare()
    manifest = stored(found, [*real(range(400)), *shifted(range(400, 480), 1, 0.05),
                              *shifted(range(480, 560), 2, 2.0)])  # fmt: skip
    keep_plan(found, plan_of(manifest))
    return found


def typed(store: Store, *words: str) -> Result:
    return CliRunner().invoke(main, ["prune", *words, "--store", store.url])


def test_words_and_json_tell_what_stays(store) -> None:
    done = typed(store, "digits", "--keep", "0.5", "--as", "pruned")
    assert done.exit_code == 0, done.output
    assert "published: pruned@1: 80 synthetic images stay, 80 are left out" in done.output
    assert "overlap: " in done.output
    again = typed(store, "digits@1", "--keep", "0.5", "--as", "pruned", "--json")
    told = json.loads(again.stdout)
    assert (told["dataset"], told["version"], told["of"], told["adopted"]) == (
        "pruned", 1, "digits@1", True,
    )  # fmt: skip
    assert sum(told["left_out"].values()) == sum(told["kept"].values()) == 80
    assert told["overlap"]["before"]["estimate"] < told["overlap"]["after"]["estimate"]


def test_reproduce_says_how_it_is_pruned_again(store: Store) -> None:
    assert typed(store, "digits", "--keep", "0.5", "--as", "pruned").exit_code == 0

    def asked(*words: str) -> Result:
        return CliRunner().invoke(main, ["reproduce", "pruned@1", *words, "--store", store.url])

    done = asked("--json")
    (command,) = json.loads(done.stdout)["commands"]
    assert command.startswith("varifactory prune digits@1 --store /")
    assert "--as pruned --keep 0.5 --plan " in command
    for words in (["--check"], ["--recipe", "r.yaml"]):
        refused = asked(*words)
        assert refused.exit_code == 2
        assert f"leave them out again with `{command}`" in refused.output
        assert "check them with `varifactory reproduce digits@1 --store /" in refused.output
    again = CliRunner().invoke(main, shlex.split(command)[1:])
    assert "there already: pruned@1" in again.output


def test_classes_that_the_target_has_none_of_are_told(store: Store) -> None:
    target = [one for one in real(range(600, 800)) if one.label != "one"]
    held = stored(store, target, "target")
    told = {"name": "target", "version": held.version}
    keep_plan(store, plan_of(store.dataset("digits"), target=told))
    done = typed(store, "digits", "--keep", "0.5", "--as", "pruned")
    assert "note: the target target@1 has no image of 'one': none of what" in done.output
    again = typed(store, "digits", "--keep", "0.5", "--as", "pruned", "--json")
    assert [note[:38] for note in json.loads(again.stdout)["notes"]] == [
        "the target target@1 has no image of 'o"
    ]


def test_wrong_use_says_why(store) -> None:
    for words, said in (
        (("digits", "--as", "pruned"), "varifactory prune: give either --keep"),
        (("digits", "--keep", "0.5", "--as", "../x"), "'../x' cannot be used"),
        (("digits", "--keep", "0.5", "--as", "Half"), "'Half' cannot be used: give 1 to 64 lower"),
        (("cats", "--keep", "0.5", "--as", "pruned"), "no data set 'cats'"),
        (("digits@7", "--keep", "0.5", "--as", "pruned"), "has no version 7"),
        (("digits", "--keep", "2", "--as", "pruned"), "--keep 2: give a share"),
        (("digits", "--keep", "0.5", "--as", "pruned", "--plan", "zz"), "'zz' names 0 of the 1"),
    ):
        done = typed(store, *words)
        assert done.exit_code == 2
        assert said in done.output
    assert [name for name, _ in store.datasets()] == ["digits"]
