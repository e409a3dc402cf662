import json
import os
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tests.drawn_items import Drawn
from varifactory import command, keys
from varifactory.command import main
from varifactory.doctor import checks
from varifactory.store import Manifest, Store, dataset_hash

SPEC = keys.spec_of("items", {})
OFFLINE_HELP = "Look after a store"


@pytest.fixture(scope="module")
def drawn() -> Drawn:
    return Drawn(classes=("kettle", "owl"), sources=1)


@pytest.fixture
def place(tmp_path: Path, drawn: Drawn) -> Store:
    """A store with one version of one data set."""
    store = Store(str(tmp_path / "store"))
    store.prepare()
    store.put_blobs([(data, "png") for data in drawn.blobs.values()])
    part = store.append("items", SPEC, drawn.items)
    listed = {"stage": "items", "spec": SPEC, "name": part.name, "rows": part.rows,
              "bytes": part.bytes}  # fmt: skip
    store.publish(Manifest.model_validate({
        "name": "toys", "version": 1, "created_at": datetime.now(UTC), "actor": "ada",
        "recipe": {"edits": {"editor": "compositor"}}, "recipe_fingerprint": "f" * 64,
        "dataset_hash": dataset_hash(drawn.items), "counts": {"edits": {"ok": 3}},
        "parts": [listed], "run_id": "run-1",
    }))  # fmt: skip
    store.write_run("run-1", {"actor": "ada", "recipe": {"name": "toys"}})
    return store


def ask(*words: str) -> Result:
    return CliRunner().invoke(main, list(words))


@pytest.fixture
def beside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another installed package that names two commands, one of a module that is not there."""
    about = tmp_path / "beside-1.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: beside\nVersion: 1\n")
    (about / "entry_points.txt").write_text(
        f"[{command.GROUP}]\nhello = beside_us:hello\ngone = beside_nobody.at_all:gone\n"
    )
    (tmp_path / "beside_us.py").write_text(
        "import click\n@click.command()\ndef hello():\n    'Greet.'\n    click.echo('hi')\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    command._others.cache_clear()
    monkeypatch.setattr(command, "_others", command._others.__wrapped__)


@pytest.mark.usefixtures("beside")
def test_others_may_add_commands_and_absent_ones_are_not_listed() -> None:
    assert ask("hello").stdout == "hi\n"
    told = ask("--help").stdout
    assert "hello" in told
    assert "Greet." in told
    assert "gone" not in told
    assert ask("gone").exit_code == 2


def test_help_is_there_at_once_and_imports_nothing_heavy() -> None:
    start = time.perf_counter()
    code = ("import sys; from varifactory.command import main as m\n"
            "try: m(['--help'])\nexcept SystemExit: pass\n"
            "heavy = {'torch', 'pyarrow', 'numpy', 'prefect', 'matplotlib', 's3fs', 'pydantic'}\n"
            "sys.exit(str(found) if (found := heavy & set(sys.modules)) else 0)")  # fmt: skip
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert OFFLINE_HELP in done.stdout
    # The goal is 0.5 s; a busy machine is given more before a test fails on it.
    assert time.perf_counter() - start < 3


def test_the_gallery_is_written_into_the_store_and_its_path_said(place: Store) -> None:
    done = ask("gallery", "toys", "--store", place.url, "--page-size", "20")
    assert done.exit_code == 0, done.output
    path = Path(done.stdout.strip().splitlines()[-1].removeprefix("gallery: "))
    assert path.name == "index.html"
    assert "toys, version 1" in path.read_text(encoding="utf-8")
    assert (path.parent / "page-2.html").exists()
    exact = ask("gallery", "toys@1", "--store", place.url, "--json")
    assert json.loads(exact.stdout) == {
        "dataset": "toys", "version": 1,
        "gallery": str(place.export_path("toys", 1, "gallery/index.html")),
    }  # fmt: skip


def test_status_tells_data_sets_runs_and_counts(place: Store, drawn: Drawn) -> None:
    done = ask("status", "--store", place.url, "--json")
    assert done.exit_code == 0
    found = json.loads(done.stdout)
    accepted = sum(row["status"] == "ok" for row in drawn.rows)
    assert found["stages"]["items"]["statuses"]["ok"] == accepted
    assert found["datasets"]["toys"]["1"]["hash"] == dataset_hash(drawn.items)
    run = {"run": "run-1", "recipe": "toys", "actor": "ada", "estimate": ""}
    assert found["latest_runs"] == [run]
    words = ask("status", "--store", place.url)
    assert "toys@1" in words.stdout
    assert f"ok {accepted}" in words.stdout


def test_status_tells_the_latest_runs_whatever_they_are_called(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    called = [f"{number:x}-run" for number in (9, 3, 15, 1, 12, 0, 7, 10, 2, 14, 5, 8)]
    for age, name in enumerate(called):
        store.write_run(name, {})
        os.utime(tmp_path / f"runs/{name}.json", (1e9 - age, 1e9 - age))
    found = json.loads(ask("status", "--store", store.url, "--json").stdout)
    assert found["runs"] == 12
    assert [run["run"] for run in found["latest_runs"]] == called[:10]


def test_status_of_an_empty_store(tmp_path: Path) -> None:
    done = ask("status", "--store", str(tmp_path / "none"))
    assert done.exit_code == 0
    assert "no data set yet" in done.stdout


def test_verify_finds_a_flipped_byte_and_says_so_by_its_exit_code(place: Store) -> None:
    assert ask("verify", "--store", place.url).exit_code == 0
    blob = next(Path(place.url).glob("blobs/sha256/*/*.png"))
    blob.chmod(0o644)
    data = bytearray(blob.read_bytes())
    data[len(data) // 2] ^= 1
    blob.write_bytes(bytes(data))
    done = ask("verify", "--store", place.url, "--json", "--no-heal")
    assert done.exit_code == 1
    found = json.loads(done.stdout)
    assert found["counts"] == {"blob corrupt": 1}
    assert not found["whole"]
    assert blob.exists()
    assert "blob corrupt" in done.stderr


def test_invalidate_hides_an_item_by_the_first_digits_of_its_key(
    place: Store, drawn: Drawn
) -> None:
    key = drawn.rows[3]["key"]
    done = ask("invalidate", "items", key[:12], "--reason", "looks wrong", "--store", place.url)
    assert done.exit_code == 0, done.output
    assert key not in place.rows("items", SPEC)["key"].to_pylist()
    assert len(place.rows("items", SPEC)) == len(drawn.rows) - 1


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("gallery", "other"), "no data set 'other'"),
        (("gallery", "toys@9"), "no version 9"),
        (("gallery", "toys@x"), "version 'x'"),
        (("invalidate", "masks", "a" * 64, "--reason", "r"), "no items of a stage 'masks'"),
        (("invalidate", "items", "0" * 64, "--reason", "r"), "names 0 items"),
        (("invalidate", "items", "0", "--reason", "r"), "at least its first 8 digits"),
    ],
)
def test_wrong_use_is_a_text_and_exit_code_2(
    place: Store, words: tuple[str, ...], told: str
) -> None:
    done = ask(*words, "--store", place.url)
    assert done.exit_code == 2
    assert told in done.stderr
    assert "Traceback" not in done.output
    as_json = ask(*words, "--store", place.url, "--json")
    assert told in json.loads(as_json.stdout)["error"]


@pytest.mark.parametrize(
    "words", [("gallery",), ("nothing",), ("verify", "--sample", "2"), ("invalidate", "items", "k")]
)
def test_what_click_refuses_is_exit_code_2_too(words: tuple[str, ...]) -> None:
    assert ask(*words).exit_code == 2


def test_a_store_that_is_no_url_is_said(tmp_path: Path) -> None:
    done = ask("status", "--store", "ftp://x/y")
    assert done.exit_code == 2
    assert "give a folder or s3://bucket/prefix" in done.stderr


def test_doctor_checks_everything_it_names(tmp_path: Path) -> None:
    done = ask("doctor", "--store", str(tmp_path / "store"), "--json")
    found = {check["name"]: check for check in json.loads(done.stdout)["checks"]}
    assert found["python"]["state"] == "ok"
    assert found["pyarrow"]["state"] == "ok"
    assert found["store"]["state"] == "ok"
    assert done.exit_code == (1 if json.loads(done.stdout)["trouble"] else 0)
    file = tmp_path / "file"
    file.write_text("")
    broken = {check.name: check for check in checks(str(file / "store"))}
    assert broken["store"].state == "trouble"
    assert broken["store"].advice


def test_doctor_sees_weights_that_are_not_those_of_their_card(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "small-x").mkdir()
    (tmp_path / "small-x" / "x.safetensors").write_bytes(b"weights")
    (tmp_path / "small-x" / "card.json").write_text(json.dumps({"sha256": "0" * 64}))
    (tmp_path / "small-y").mkdir()
    (tmp_path / "small-y" / "card.json").write_text("{")
    monkeypatch.setattr("varifactory.doctor.BUILTIN", tmp_path)
    found = {check.name: check for check in checks(str(tmp_path / "store"))}
    assert found["model small-x"].state == "trouble"
    assert "its card says 0000" in found["model small-x"].found
    assert found["model small-y"].state == "trouble"
