"""``varifactory exchange-rate``: counted anew from its store, without training or models."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tests.stored_exchange import data_set, stored_plan
from varifactory.command import main
from varifactory.exchange.plan import ExchangePlan
from varifactory.store import Store

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, ExchangePlan]:
    """Where a store with one exchange rate is, and its plan."""
    url = str(tmp_path_factory.mktemp("store"))
    store = Store(url)
    return url, stored_plan(store, data_set(store))


def ask(*words: str) -> Result:
    return CliRunner().invoke(main, ["exchange-rate", *words])


def test_the_verdict_is_said_and_the_page_lies_beside_the_data_set(
    plan: tuple[str, ExchangePlan],
) -> None:
    url, kept = plan
    done = ask(url, "toys")
    assert done.exit_code == 0, done.output
    assert done.output.startswith("Edits: ")
    page = Path(url) / "exports/toys/1/exchange" / kept.hash12 / "exchange-rate.html"
    assert done.output.splitlines()[-1] == f"exchange rate: {page}"
    assert page.read_bytes().startswith(b"<!doctype html>")


def test_a_version_goes_into_a_folder_and_answers_programs(
    plan: tuple[str, ExchangePlan], tmp_path: Path
) -> None:
    url, kept = plan
    words = ("toys@1", "--store", url, "--to", str(tmp_path / "out"), "--plan", kept.hash12[:5])
    done = ask(*words, "--json")
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert told["page"] == str(tmp_path / "out" / "exchange-rate.html")
    assert (told["dataset"], told["version"], told["plan"]) == ("toys", 1, kept.hash12)
    assert told["verdict"][0].startswith("Edits: ")
    assert {one["pool"] for one in told["rates"]} == {"edits", "identity"}
    page = (tmp_path / "out" / "exchange-rate.html").read_bytes()
    ask(*words)
    assert (tmp_path / "out" / "exchange-rate.html").read_bytes() == page


def test_nothing_that_trains_is_imported(plan: tuple[str, ExchangePlan], tmp_path: Path) -> None:
    code = (
        "import sys\nfrom varifactory.command import main\n"
        f"sys.argv[1:] = ['exchange-rate', {plan[0]!r}, 'toys', '--to', {str(tmp_path)!r}]\n"
        "try:\n    main()\nexcept SystemExit as error:\n    assert not error.code, error.code\n"
        "heavy = {'torch', 'prefect', 'open_clip', 'diffusers', 'transformers', 'sklearn'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("words", "told"),
    [((), "name a data set"), (("nothing",), "no data set 'nothing'"),
     (("toys@7",), "no version 7"), (("toys", "--plan", "zz"), "'zz' names 0 of the 1"),
     (("a", "toys", "more"), "exchange-rate: a toys more: give a store and one data set")],
)  # fmt: skip
def test_wrong_names_are_told(
    plan: tuple[str, ExchangePlan], words: tuple[str, ...], told: str
) -> None:
    done = ask("--store", plan[0], *words)
    assert done.exit_code == 2
    assert told in done.output
