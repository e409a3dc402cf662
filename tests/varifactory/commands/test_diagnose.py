"""``varifactory diagnose``: a diagnosis counted anew, of a data set or of a user's own vectors."""

import json
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result

from tests.stored_digits import Given, digits, plan_of, real, shifted, stored
from varifactory.command import main
from varifactory.diagnosis.plan import keep_plan
from varifactory.store import Store

ROOT = Path(__file__).parents[3]


def images() -> list[Given]:
    """Two classes, one of which shows one image again and again."""
    places = {label: list(digits().of(label)) for label in ("zero", "one")}
    first = [at for label in places for at in places[label][:80:2]]
    return [*real(first), *shifted(places["zero"][1:61:2], 1), *shifted([places["one"][7]] * 30, 2)]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    url = tmp_path_factory.mktemp("store")
    store = Store(str(url))
    store.prepare()
    manifest = stored(store, images())
    keep_plan(store, plan_of(manifest, settings={"resamples": 2}))
    return url


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("mine") / "mine.parquet"
    pq.write_table(pa.Table.from_pylist(rows_of(images())), path)
    return path


def rows_of(given: list[Given]) -> list[dict[str, object]]:
    """As a table of a user's own has them."""
    return [
        {"image": str(at), "class": one.label, "encoder": "mine", "vector": one.vector.tolist(),
         "source": "real" if one.kind == "source" else "synthetic"}
        for at, one in enumerate(given)
    ]  # fmt: skip


def ask(*words: object) -> Result:
    return CliRunner().invoke(main, ["diagnose", *map(str, words)])


def test_the_verdict_comes_first_then_the_flags_and_where_the_page_lies(place: Path) -> None:
    done = ask(place, "digits")
    assert done.exit_code == 0, done.output
    lines = done.output.splitlines()
    assert lines[0] == "Of 2 classes one has an issue: one (lack of diversity)."
    assert any(line.startswith("one: diversity (") for line in lines)
    page = Path(lines[-1].removeprefix("diagnosis: "))
    assert page.is_relative_to(place / "exports" / "digits" / "1" / "diagnosis")
    assert "lack of diversity" in page.read_text()


def test_programs_get_one_object(place: Path, tmp_path: Path) -> None:
    done = ask("digits@1", "--store", place, "--to", tmp_path / "out", "--json")
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert told["page"] == str(tmp_path / "out" / "diagnosis.html")
    assert told["verdict"].startswith("Of 2 classes one has")
    assert told["flags"][0]["evidence"]


def test_a_table_of_vectors_is_diagnosed_beside_itself(table: Path) -> None:
    done = ask("--vectors", table, "--set", "resamples=2", "--set", "diagnosis.neighbours=3")
    assert done.exit_code == 0, done.output
    page = table.parent / "mine-diagnosis" / "diagnosis.html"
    assert f"diagnosis: {page}" in done.output
    everything = json.loads((page.parent / "diagnosis.json").read_bytes())
    assert everything["settings"]["neighbours"] == "3"


def test_four_images_a_class_are_too_few_for_a_curve_and_have_a_page(tmp_path: Path) -> None:
    places = [at for label in ("zero", "one") for at in digits().of(label)[:8]]
    few = [*real(places[::2]), *shifted(places[1::2], 1)]
    store = Store(str(tmp_path / "store"))
    store.prepare()
    keep_plan(store, plan_of(stored(store, few)))
    path = tmp_path / "few.parquet"
    pq.write_table(pa.Table.from_pylist(rows_of(few)), path)
    for words in ((store.url, "digits"), ("--vectors", path)):
        done = ask(*words)
        assert done.exit_code == 0, done.output
        page = Path(done.output.splitlines()[-1].removeprefix("diagnosis: ")).read_text()
        assert "n too small: " in page
        assert "give k" not in page
    assert "<h1>digits, version 1</h1>" in (
        next((tmp_path / "store").rglob("diagnosis.html")).read_text()
    )


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "varifactory diagnose: name a data set, or a table of vectors with --vectors FILE"),
        (("a", "b", "c"), "diagnose: a b c: give a store and one data set, or a data set alone"),
        (("nothing",), "no data set 'nothing'"),
        (("digits@7",), "has no version 7"),
        (("digits", "--plan", "zz"), "'zz' names 0 of the 1 diagnoses of digits@1"),
        (("digits", "--set", "least=30"), "flows.diagnose RECIPE --set diagnosis.least=30"),
        (("digits", "--vectors", "x.parquet"), "give a table or a data set, not both"),
        (("--vectors", "x.parquet", "--plan", "ab"), "--plan ab: give a table or a data set"),
        (("--vectors", "x.parquet"), "no table at x.parquet"),
        (("--vectors", "x.parquet", "--set", "least=1"), "key 'least' has the value 1"),
        (("--vectors", "x.parquet", "--set", "lest=1"), "unknown key 'lest'"),
        (
            ("--vectors", "x.parquet", "--set", "senses=/nowhere.yaml"),
            "--vectors takes no --set senses: a table has no vectors of texts",
        ),
        (
            ("--vectors", "x.parquet", "--set", "diagnosis.target=pets@3"),
            "no --set target: give the target's vectors as rows of source 'target'",
        ),
        (
            ("--vectors", "x.parquet", "--set", "dataset=a", "--set", "reference=[train]"),
            "no --set dataset: the table itself is what is diagnosed; no reference: the rows of",
        ),
        (("--vectors", "x.parquet", "--set", "least"), "write it as key=value"),
    ],
)
def test_wrong_use_says_what_to_do(place: Path, words: tuple[str, ...], said: str) -> None:
    done = ask(*words, "--store", place)
    assert done.exit_code == 2
    assert said in done.output


def test_it_needs_no_model(place: Path) -> None:
    code = (
        "import sys\nfrom varifactory.command import main\n"
        f"try:\n    main(['diagnose', {str(place)!r}, 'digits'])\n"
        "finally:\n    assert not {'torch', 'open_clip', 'transformers'} & sys.modules.keys()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("Of 2 classes")
