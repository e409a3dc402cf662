import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from prefect import flow

from flows.dataset import source_images
from flows.leaks import Leaked, refuse_leaks
from flows.run import FactoryRun
from flows.study import study
from flows.train import train
from tests.flows.conftest import Make
from tests.planted_copies import DISGUISES, disguised
from varifactory import records
from varifactory.decoding import decode_image
from varifactory.images import encode_png, pixel_hash
from varifactory.keys import spec_of
from varifactory.leakage.copies import leakage_spec, plan_check
from varifactory.loading import items_of, read_image
from varifactory.recipe import Recipe
from varifactory.store import Manifest, Store
from varifactory.store.manifest import ManifestPart
from varifactory.world import load_world, render, sample_scene

CLASSES = ("taxi", "apple", "whale")
PICTURES = {"train": 3, "validation": 1, "test": 8}
PLANTED = 3
"""Test images that are planted, one a class."""
CHECKED = "8d817c8064044483e5092e1fd555aeba693ddf094401fcf8ae2f58710329c2c5"
"""Key of a check, as it was before validation images were checked."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A folder of drawn images in three splits, none of them twice."""
    world, place = load_world(), tmp_path_factory.mktemp("images")
    for number, name in enumerate(CLASSES):
        seeds = iter(range(1000 * number, 1000 * number + 100))
        for split, count in PICTURES.items():
            for _ in range(count):
                seed = next(seeds)
                picture = render(world, sample_scene(world, seed, class_name=name), 96).image
                path = place / split / name / f"{seed}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(disguised(picture, "same file"))
    return place


def drawn_test(number: int) -> tuple[int, np.ndarray]:
    """The first test image of a class, by the class's number: its seed and its pixels."""
    seed = 1000 * number + PICTURES["train"] + PICTURES["validation"]
    world = load_world()
    return seed, render(world, sample_scene(world, seed, class_name=CLASSES[number]), 96).image


@pytest.fixture
def planted(folder):
    """Plant a test image of each class among other images; taken out afterwards.

    ``shift`` plants them under another class, so many further in their order.
    """
    written: list[Path] = []

    def plant(disguise: str, split: str = "train", shift: int = 0) -> list[str]:
        for number in range(len(CLASSES)):
            seed, picture = drawn_test(number)
            name = CLASSES[(number + shift) % len(CLASSES)]
            path = folder / split / name / f"planted-{seed}.png"
            path.write_bytes(disguised(picture, disguise, number))
            written.append(path)
        return [path.name for path in written]

    yield plant
    for path in written:
        path.unlink()


@pytest.fixture(scope="module")
def store(tmp_path_factory) -> Path:
    """One for all looks at the folder, which reads its images once."""
    return tmp_path_factory.mktemp("store")


@pytest.fixture(scope="module")
def leaky(tiny, folder) -> Make:
    """A recipe of the folder."""

    def make(leaks: str = "stop", **settings) -> Recipe:
        return tiny(
            name="leaky", sources={"kind": "folder", "uri": str(folder), "size": 96},
            prompts__attributes=["color"], edits__compare={"count": 0}, study={"leaks": leaks},
            **settings,
        )  # fmt: skip

    return make


@pytest.fixture(scope="module")
def chosen(leaky, store, prefect_server):
    """The images that a study, or a data set, goes on with, and what it says of the others."""

    @flow(persist_result=False)
    def look(study: bool, leaks: str) -> tuple[list[dict], list]:
        with FactoryRun.begin("study", leaky(leaks), str(store)) as run:
            return source_images(run, study=study), run.notices

    def choose(*, study: bool, leaks: str = "stop") -> tuple[list[dict], list]:
        return look(study, leaks)

    return choose


def pairs_in(said: str) -> set[tuple[str, str]]:
    """Planted file and test image of every pair that a message names."""
    return set(re.findall(r"planted-(\d+)\.png.* the test image .*?(\d+)\.png", said))


def alike(names: list[str]) -> set[tuple[str, str]]:
    """The pairs that planted files make."""
    seeds = [name.removeprefix("planted-").removesuffix(".png") for name in names]
    return {(seed, seed) for seed in seeds}


@pytest.mark.parametrize("disguise", DISGUISES)
def test_every_planted_leak_stops_a_study(disguise, planted, chosen) -> None:
    names = planted(disguise)
    with pytest.raises(Leaked) as stopped:
        chosen(study=True)
    said = str(stopped.value)
    assert f"{len(names)} of 12 training images show test images" in said
    assert pairs_in(said) == alike(names)
    assert "study.leaks='leave out'" in said


def test_test_images_that_would_choose_weights_stop_a_study(planted, chosen) -> None:
    names = planted("mirrored", "validation")
    with pytest.raises(Leaked, match="3 of 6 validation images show test images") as stopped:
        chosen(study=True)
    assert pairs_in(str(stopped.value)) == alike(names)
    assert "training images" not in str(stopped.value)


def test_test_images_that_would_choose_weights_are_left_out_of_a_data_set(planted, chosen) -> None:
    names = planted("mirrored", "validation")
    rows, notices = chosen(study=False)
    assert [sum(row["split"] == split for row in rows) for split in PICTURES] == [9, 3, 24]
    told = [notice for notice in notices if notice.endswith("left out of validation")]
    assert pairs_in("\n".join(told)) == alike(names)


@pytest.mark.parametrize("split", ["train", "validation"])
def test_test_images_under_another_label_are_told_of(split, planted, chosen) -> None:
    """Neither counts, so that the test image would be gone without a word."""
    names = planted("same file", split, shift=1)
    with pytest.raises(Leaked) as stopped:
        chosen(study=True)
    said = str(stopped.value)
    assert pairs_in(said) == alike(names)
    assert "(apple) is the same file as the test image" in said
    for study_too in (False, True):
        rows, notices = chosen(study=study_too, leaks="leave out")
        assert sum(row["split"] == "test" for row in rows) == 24 - PLANTED
        (told,) = (notice for notice in notices if "under another label" in notice)
        assert pairs_in(told) == alike(names)


def test_a_clean_set_stops_nothing(chosen) -> None:
    rows, notices = chosen(study=True)
    assert len(rows) == len(CLASSES) * sum(PICTURES.values())
    assert not [notice for notice in notices if "test image" in notice]


def test_the_check_of_training_images_is_known_by_these_and_the_test_images_alone() -> None:
    """A store's checks of training images stay good, whatever else is checked."""
    spec = spec_of("leakage", leakage_spec())
    row = {"key": "a", "pixel_sha256": "b"}
    assert plan_check(spec, [row], [row | {"key": "c"}])["key"] == CHECKED


def test_leaks_may_be_left_out(planted, chosen) -> None:
    names = planted("turned")
    rows, notices = chosen(study=True, leaks="leave out")
    assert len(rows) == len(CLASSES) * sum(PICTURES.values())
    assert sum(name in notice and "left out of training" in notice
               for name in names for notice in notices) == PLANTED  # fmt: skip


def test_a_data_set_is_made_as_before(planted, chosen) -> None:
    planted("mirrored")
    rows, notices = chosen(study=False)
    assert len(rows) == len(CLASSES) * sum(PICTURES.values())
    assert sum("is a near copy of the test image" in notice for notice in notices) == PLANTED


def test_a_study_with_a_leak_makes_nothing_and_goes_on_without_it(leaky, planted, store) -> None:
    names = planted("mirrored")
    with pytest.raises(Leaked) as stopped:
        study(leaky(), str(store))
    assert pairs_in(str(stopped.value)) == alike(names)
    kept = Store(str(store))
    assert (list(kept.datasets()), list(kept.studies())) == ([], [])
    assert [kept.specs(stage) for stage in ("prompts", "edits", "training")] == [[], [], []]
    said = study(leaky("leave out"), str(store))
    assert said["study"]["cells"] == 1
    assert sum("left out of training" in notice for notice in said["notices"]) == PLANTED
    shown = items_of(kept, "leaky", said["dataset"]["version"])
    assert not [row for row in shown if "planted" in str(row.get("uri"))]
    assert sum(row["kind"] == "source" and row["split"] == "train" for row in shown) == 9


@pytest.fixture(scope="module")
def made(tiny, generate, tmp_path_factory) -> Path:
    """The store of a small data set."""
    path = tmp_path_factory.mktemp("made") / "store"
    generate(tiny(edits__compare={"count": 0}), path)
    return path


@pytest.fixture
def copy(made, tmp_path) -> Path:
    """Of that store."""
    return shutil.copytree(made, tmp_path / "store")


@pytest.fixture
def strayed(copy) -> Store:
    """The same whose first edit is a test image, in the store before anybody has judged it."""
    kept = Store(str(copy))
    rows = items_of(kept, "tiny", 1)
    test = next(row for row in rows if row["split"] == "test")
    (spec,) = kept.specs("edits")
    edit = next(row for row in kept.rows("edits", spec).to_pylist() if row["attempt"] == 0
                and row["label"] == test["label"] and row["status"] == "ok")  # fmt: skip
    kept.invalidate("edits", spec, [edit["key"]], "strayed")
    shown = {name: test[name] for name in ("image_blob", "pixel_sha256")}
    kept.append("edits", spec, records.table("edits", [{**edit, **shown, "first_part": None}]))
    return kept


@pytest.mark.parametrize("whole", [study, train])
def test_nothing_is_trained_on_an_edit_that_shows_a_test_image(whole, tiny, strayed) -> None:
    recipe = tiny(edits__compare={"count": 0}, training__arms=["unfiltered"])
    with pytest.raises(Leaked, match=r"edits of tiny@2 show test images.*\n.*copy by its pixels"):
        whole(recipe, strayed.url)
    assert (strayed.specs("training"), list(strayed.studies())) == ([], [])


def test_a_probe_is_trained_on_its_own(tiny, copy) -> None:
    recipe = tiny(edits__compare={"count": 0}, training__arms=["real+mixed"],
                  training__trainee="linear-probe")  # fmt: skip
    (cell,) = train(recipe, str(copy))["cells"]
    assert cell["arm"] == "real+mixed"
    assert 0 <= cell["test_top1"] <= 1


def test_an_edit_that_shows_a_test_image_stops_a_study(tiny, copy, prefect_server) -> None:
    """An editor that gives back a test image it was not shown, as one that knows it by heart."""
    recipe, store = tiny(), Store(str(copy))
    manifest = store.dataset("tiny")
    items = items_of(store, manifest.name, manifest.version)
    test = next(row for row in items if row["split"] == "test")
    strayed = next(row for row in items if row["kind"] == "edit" and row["status"] == "ok"
                   and row["label"] == test["label"])  # fmt: skip

    @flow(persist_result=False)
    def refuse(version: Manifest) -> None:
        with FactoryRun.begin("study", recipe, str(copy)) as run:
            refuse_leaks(run, version)

    refuse(manifest)
    for disguise, how in (
        ("same file", "copy by its pixels"),
        ("re-encoded", "embedding neighbour"),
    ):
        picture = decode_image(disguised(read_image(store, test["image_blob"]), disguise), 64)
        sha = store.put_blob(encode_png(picture), "png")
        shown = {"image_blob": f"{sha}.png", "pixel_sha256": pixel_hash(picture)}
        rows = [{**row, **(shown if row is strayed else {}), "first_part": None} for row in items]
        part = store.append("items", manifest.parts[0].spec, records.table("items", rows))
        odd = manifest.model_copy(update={
            "name": f"odd-{disguise.partition(' ')[0]}", "version": 1,
            "parts": (ManifestPart(stage="items", spec=manifest.parts[0].spec, name=part.name,
                                   rows=len(rows), bytes=1),),
        })  # fmt: skip
        store.publish(odd)
        with pytest.raises(Leaked, match=how) as stopped:
            refuse(store.dataset(odd.name, 1))
        assert f"{strayed['edit_key'][:16]} ({test['label']})" in str(stopped.value)
        assert f"decide reject {odd.name}" in str(stopped.value)
