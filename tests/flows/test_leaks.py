import re
from pathlib import Path

import pytest
from prefect import flow

from flows.dataset import source_images
from flows.leaks import Leaked, refuse_leaks
from flows.run import FactoryRun
from tests.planted_copies import DISGUISES, disguised
from varifactory import records
from varifactory.decoding import decode_image
from varifactory.images import encode_png, pixel_hash
from varifactory.loading import items_of, read_image
from varifactory.recipe import Recipe
from varifactory.store import Manifest, Store
from varifactory.store.manifest import ManifestPart
from varifactory.world import load_world, render, sample_scene

CLASSES = ("taxi", "apple", "whale")
PICTURES = {"train": 3, "validation": 1, "test": 8}
PLANTED = 3
"""Test images that are planted, one a class."""


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


@pytest.fixture
def planted(folder):
    """Plant a test image of each class among its training images; taken out afterwards."""
    written: list[Path] = []

    def plant(disguise: str) -> list[str]:
        world = load_world()
        for number, name in enumerate(CLASSES):
            seed = 1000 * number + PICTURES["train"] + PICTURES["validation"]
            picture = render(world, sample_scene(world, seed, class_name=name), 96).image
            path = folder / "train" / name / f"planted-{seed}.png"
            path.write_bytes(disguised(picture, disguise, number))
            written.append(path)
        return [path.name for path in written]

    yield plant
    for path in written:
        path.unlink()


def chosen(folder: Path, store: Path, *, study: bool, **settings: str) -> tuple[list[dict], list]:
    recipe = Recipe.parse({
        "name": "leaky", "sources": {"kind": "folder", "uri": str(folder), "size": 96},
        "study": settings, "run": {"retries": 0},
    })  # fmt: skip

    @flow(persist_result=False)
    def look() -> tuple[list[dict], list]:
        with FactoryRun.begin("study", recipe, str(store)) as run:
            return source_images(run, study=study), run.notices

    return look()


@pytest.mark.parametrize("disguise", DISGUISES)
def test_every_planted_leak_stops_a_study(
    disguise, folder, planted, tmp_path, prefect_server
) -> None:
    names = planted(disguise)
    with pytest.raises(Leaked) as stopped:
        chosen(folder, tmp_path, study=True)
    said = str(stopped.value)
    assert f"{len(names)} of 12 training images show test images" in said
    pairs = re.findall(r"(planted-\d+)\.png is a .* of the test image .*?(\d+)\.png", said)
    assert sorted(copy for copy, _ in pairs) == sorted(name.removesuffix(".png") for name in names)
    assert all(copy == f"planted-{original}" for copy, original in pairs)
    assert "study.leaks='leave out'" in said


def test_a_clean_set_stops_nothing_and_is_checked_once(folder, tmp_path, prefect_server) -> None:
    rows, notices = chosen(folder, tmp_path, study=True)
    assert len(rows) == len(CLASSES) * sum(PICTURES.values())
    assert not [notice for notice in notices if "test image" in notice]


def test_leaks_may_be_left_out(folder, planted, tmp_path, prefect_server) -> None:
    names = planted("turned")
    rows, notices = chosen(folder, tmp_path, study=True, leaks="leave out")
    assert len(rows) == len(CLASSES) * sum(PICTURES.values())
    assert sum(name in notice and "left out of training" in notice
               for name in names for notice in notices) == PLANTED  # fmt: skip


def test_a_data_set_is_made_as_before(folder, planted, tmp_path, prefect_server) -> None:
    planted("mirrored")
    rows, notices = chosen(folder, tmp_path, study=False)
    assert len(rows) == len(CLASSES) * sum(PICTURES.values())
    assert sum("is a near copy of the test image" in notice for notice in notices) == PLANTED


def test_an_edit_that_shows_a_test_image_stops_a_study(
    tiny, generate, tmp_path, prefect_server
) -> None:
    """An editor that gives back a test image it was not shown, as one that knows it by heart."""
    recipe, store = tiny(), Store(str(tmp_path))
    generate(recipe, tmp_path)
    manifest = store.dataset("tiny")
    items = items_of(store, manifest.name, manifest.version)
    test = next(row for row in items if row["split"] == "test")
    strayed = next(row for row in items if row["kind"] == "edit" and row["status"] == "ok"
                   and row["label"] == test["label"])  # fmt: skip

    @flow(persist_result=False)
    def refuse(version: Manifest) -> None:
        with FactoryRun.begin("study", recipe, str(tmp_path)) as run:
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
