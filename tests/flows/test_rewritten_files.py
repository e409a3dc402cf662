"""Cells that are used again after the files of test images were written anew, pixels the same."""

from pathlib import Path

from PIL import Image

from flows.study import study
from tests.flows.conftest import Make
from varifactory.store import Store
from varifactory.study.predictions import read_predictions
from varifactory.world import load_world, render, sample_scene

SPLITS = {"train": 2, "validation": 1, "test": 2}


def test_cells_of_before_and_of_now_answer_the_same_images(
    tiny: Make, prefect_server: str, tmp_path: Path
) -> None:
    folder, path = tmp_path / "images", tmp_path / "store"
    world, written = load_world(), []
    for number, name in enumerate(("taxi", "apple")):
        for at, split in enumerate(split for split, many in SPLITS.items() for _ in range(many)):
            scene = sample_scene(world, 100 * number + at, class_name=name)
            file = folder / split / name / f"{at}.png"
            file.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(render(world, scene, 64).image).save(file)
            written.append(file)

    def studied(seeds: list[int]) -> None:
        sources = {"kind": "folder", "uri": str(folder), "size": 64}
        study(
            tiny(sources=sources, prompts__attributes=["color"], edits__compare={"count": 0},
                 training__seeds=seeds), str(path)
        )  # fmt: skip

    studied([1, 2])
    for file in written:
        if "test" in file.parts:
            before = file.read_bytes()
            Image.open(file).save(file, compress_level=0)
            assert file.read_bytes() != before
    studied([1, 2, 3])
    store = Store(str(path))
    found = read_predictions(store, store.study("tiny"))
    assert [one.cell.seed for one in found.cells] == [1, 2, 3]
    assert found.notes == ()
    (spec,) = store.specs("predictions")
    answers = store.rows("predictions", spec, ["seed", "source_key", "pixel_sha256"]).to_pylist()
    keys, hashes = ({seed: {row[name] for row in answers if row["seed"] == seed}
                     for seed in (1, 2, 3)} for name in ("source_key", "pixel_sha256"))  # fmt: skip
    assert keys[1] == keys[2]
    assert not keys[1] & keys[3]
    assert len(hashes[1]) == 4
    assert hashes[1] == hashes[2] == hashes[3]
