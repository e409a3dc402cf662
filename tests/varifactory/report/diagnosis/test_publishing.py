import json
import re
import shlex
from datetime import timedelta
from html import unescape
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from tests.stored_digits import Given, digits, keep_texts, plan_of, real, shifted, stored
from varifactory.command import main
from varifactory.diagnosis.plan import DiagnosisPlan, keep_plan
from varifactory.diagnosis.population import PopulationError
from varifactory.errors import FactoryError
from varifactory.recipe.diagnosis import Diagnosis as Settings
from varifactory.report.diagnosis.publishing import (
    PAGE,
    diagnose_vectors,
    publish_diagnosis,
    recounted_diagnosis,
    write_diagnosis,
    write_vectors_diagnosis,
)
from varifactory.report.diagnosis.tables import ALL
from varifactory.store import Store

CLASSES = ("one", "two", "seven")
FEW = {"resamples": 4}


def images() -> list[Given]:
    """Real and foreign digits of three classes, by the same hands; every seven is one of two."""
    places = {label: list(digits().of(label)) for label in CLASSES}
    first = [at for label in CLASSES for at in places[label][:80:2]]
    fresh = [at for label in ("one", "two") for at in places[label][1:81:2]]
    sevens = [places["seven"][70 + at % 2] for at in range(40)]
    return [*real(first), *shifted(fresh, 1), *shifted(sevens, 2, 0.02)]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> tuple[Store, DiagnosisPlan]:
    store = Store(str(tmp_path_factory.mktemp("store")))
    store.prepare()
    manifest = stored(store, given := images())
    keep_texts(store, given, ["a sloppy two"])
    plan = plan_of(manifest, settings=FEW, senses={"seven": {"two": "a sloppy two"}})
    keep_plan(store, plan)
    store.put_export("digits", 1, "gallery/index.html", b"pictures")
    return store, plan


def test_a_page_with_its_pictures_and_tables_lies_beside_the_plan(place) -> None:
    store, plan = place
    where = publish_diagnosis(store, recounted_diagnosis(store, "digits"))
    assert where == store.export_path("digits", 1, f"{plan.folder}/{PAGE}")
    there = store.export_files("digits", 1, plan.folder)
    assert {PAGE, ALL, "plan.json", "tables/flags.csv", "tables/measures.parquet"} <= set(there)
    page = store.get_export("digits", 1, f"{plan.folder}/{PAGE}").decode()
    assert "Of 3 classes one has an issue: seven (lack of diversity)." in page
    assert "data:image/webp" in page
    assert 'href="../../gallery/index.html"' in page
    assert f"varifactory diagnose {store.backend.show('')} digits@1 --plan {plan.hash12}" in page
    assert plan.embeddings in page


def test_counting_again_gives_the_same_bytes(place) -> None:
    store, plan = place
    pages = []
    for _ in range(2):
        publish_diagnosis(store, recounted_diagnosis(store, "digits", 1, plan.hash12[:5]))
        pages.append(store.get_export("digits", 1, f"{plan.folder}/{PAGE}"))
    assert pages[0] == pages[1]


def test_into_a_folder_the_page_leads_to_the_gallery_in_the_store(place, tmp_path: Path) -> None:
    store, _ = place
    found = recounted_diagnosis(store, "digits")
    where = write_diagnosis(store, found, str(tmp_path / "out"))
    page = Path(where).read_text()
    gallery = Path(store.export_path("digits", 1, "gallery/index.html")).resolve().as_uri()
    assert f'href="{gallery}"' in page
    assert (tmp_path / "out" / "tables" / "whole.csv").is_file()
    (tmp_path / "file").write_text("")
    with pytest.raises(FactoryError, match=r"--to .*file.* give a folder that can be written"):
        write_diagnosis(store, found, str(tmp_path / "file"))


def test_commands_on_a_page_mean_its_own_diagnosis_in_any_store(tmp_path: Path) -> None:
    """Of two plans the newer one would prune otherwise; a store's path may hold a space."""
    store = Store(str(tmp_path / "my store"))
    store.prepare()
    manifest = stored(store, images())
    newer = plan_of(manifest, settings={**FEW, "neighbours": 7})
    older = plan_of(manifest, settings=FEW, made_at=newer.made_at - timedelta(days=1))
    for plan in (older, newer):
        keep_plan(store, plan)
    for plan in (older, newer):
        where = publish_diagnosis(store, recounted_diagnosis(store, "digits", plan=plan.hash12))
        page = unescape(Path(where).read_text())
        (prune,) = re.findall("varifactory prune [^<]+", page)
        (again,) = re.findall("varifactory diagnose [^<]+", page)
        done = typed(prune.replace("NAME", f"few-{plan.hash12}"))
        assert done["diagnosis"] == plan.hash12
        assert typed(again)["page"] == where


def typed(command: str) -> dict[str, Any]:
    """What a command says as it stands on a page."""
    done = CliRunner().invoke(main, [*shlex.split(command)[1:], "--json"])
    assert done.exit_code == 0, done.output
    said: dict[str, Any] = json.loads(done.stdout)
    return said


def test_what_was_never_diagnosed_says_what_to_do(place) -> None:
    store, _ = place
    stored(store, images(), "other")
    with pytest.raises(PopulationError, match=r"other@1 was never diagnosed: .*flows.diagnose"):
        recounted_diagnosis(store, "other")


def user_table(path: Path) -> Path:
    rows = [
        {"image": f"{one.kind}-{at}.png", "class": one.label, "encoder": "mine",
         "source": "real" if one.kind == "source" else "synthetic", "vector": one.vector.tolist()}
        for at, one in enumerate(images())
    ]  # fmt: skip
    pq.write_table(pa.Table.from_pylist(rows), path)
    return path


def test_a_table_of_a_user_s_own_is_diagnosed_without_pictures(tmp_path: Path) -> None:
    table = user_table(tmp_path / "mine.parquet")
    found = diagnose_vectors(str(table), Settings(**FEW))
    assert {(flag.label, flag.issue) for flag in found.flags} == {("seven", "diversity")}
    page = Path(write_vectors_diagnosis(found, str(tmp_path / "out"))).read_text()
    assert "foreign-" in page
    assert "<img" not in page
    assert "varifactory prune" not in page
    assert (tmp_path / "out" / ALL).is_file()
