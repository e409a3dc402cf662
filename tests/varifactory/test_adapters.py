"""The stage of adapters: which shots, which keys, and what becomes of each."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from varifactory import records
from varifactory.adapters import (
    adapter_spec,
    album,
    by_class,
    choose_shots,
    mean_of,
    plan_adapters,
    read_album,
    shown,
    tune_adapters,
)
from varifactory.errors import RecipeError, TrainingError
from varifactory.keys import spec_of
from varifactory.models.tuning import Shot, Tuned, TuningSettings
from varifactory.recipe import Adaptation, Recipe
from varifactory.stages import Row

LABELS = ("cat", "dog")


@dataclass
class Recorder:
    """A tuner that writes down what it was given."""

    weights: str = "w"
    asked: list[tuple[list[Shot], TuningSettings]] = field(default_factory=list)

    @property
    def identity(self) -> dict[str, Any]:
        return {"name": "recorder", "weights": self.weights}

    def tune(self, shots: Sequence[Shot], settings: TuningSettings) -> Tuned:
        self.asked.append((list(shots), settings))
        losses = tuple(1 - step / 100 for step in range(settings.steps))
        return Tuned(b"adapter", losses, 0.9, 0.5)


def recipe(**changed: Any) -> Recipe:
    adaptation = {"scope": "class", "shots": 2, "steps": 40} | changed
    return Recipe.parse({"name": "r", "sources": {"kind": "world"}, "adaptation": adaptation})


def source(label: str, number: int, split: str = "train", **changed: Any) -> Row:
    pixels = f"{label}-{split}-{number}"
    return {"key": f"k-{pixels}", "label": label, "split": split, "uri": f"{pixels}.png",
            "pixel_sha256": pixels, "bytes_sha256": f"b-{pixels}",
            "image_blob": f"{pixels}.png"} | changed  # fmt: skip


TRAINING = [source(label, number) for label in LABELS for number in range(4)]
TEST = [source(label, number, "test") for label in LABELS for number in range(3)]


def planned(training: Sequence[Row] = TRAINING, test: Sequence[Row] = TEST,
            labels: Sequence[str] = LABELS, tuner: Recorder | None = None,
            **changed: Any) -> list[Row]:  # fmt: skip
    asked = recipe(**changed)
    spec = spec_of("adapters", adapter_spec(asked, tuner or Recorder()))
    return plan_adapters(spec, training, test, labels, asked)


def keys(**changed: Any) -> set[str]:
    return {row["key"] for row in planned(**changed)}


def test_a_class_has_an_adapter_of_its_own_images_alone():
    rows = planned()
    assert [row["label"] for row in rows] == list(LABELS)
    for row in rows:
        shots = json.loads(row["shots"])
        assert len(shots) == 2
        assert all(pixels.startswith(f"{row['label']}-train") for pixels, _ in shots)
        assert {said for _, said in shots} == {f"a photo of a {row['label']}"}


def test_a_data_set_has_one_with_the_shots_of_every_class():
    (row,) = planned(scope="dataset")
    assert row["label"] == ""
    apart = [shot for each in planned() for shot in json.loads(each["shots"])]
    assert json.loads(row["shots"]) == sorted(apart)


def test_planned_rows_fit_the_table():
    table = records.table("adapters", [{**row, "status": "ok"} for row in planned()])
    assert len(table) == 2


def test_shots_are_the_same_in_any_order_and_grow():
    few = Adaptation(shots=2)
    cats = TRAINING[:4]
    two = [row["key"] for row in choose_shots(cats, few)]
    assert [row["key"] for row in choose_shots(cats[::-1], few)] == two
    assert [row["key"] for row in choose_shots(cats, Adaptation(shots=3))][:2] == two
    assert len(choose_shots(cats, Adaptation(shots=16))) == 4
    assert len({tuple(r["key"] for r in choose_shots(cats, Adaptation(shots=2, seed=seed)))
                for seed in range(20)}) > 1  # fmt: skip


def test_a_picture_that_lies_there_twice_is_one_shot():
    twice = [source("cat", 0), source("cat", 0, key="copy"), source("cat", 1)]
    assert len(choose_shots(twice, Adaptation(shots=3))) == 2


@pytest.mark.parametrize(
    "change",
    [
        {"scope": "dataset"},
        {"shots": 3},
        {"rank": 4},
        {"alpha": 4.0},
        {"learning_rate": 0.5},
        {"steps": 41},
        {"batch_size": 3},
        {"warmup_share": 0.5},
        {"seed": 2},
        {"template": "{class_name}"},
        {"text_encoder": False},
        {"tuner": Recorder("other")},
        {"training": [source(label, number + 9) for label in LABELS for number in range(4)]},
    ],
    ids=lambda change: next(iter(change)),
)
def test_all_that_reaches_an_adapter_is_in_its_key(change: dict[str, Any]):
    assert not keys() & keys(**change)


def test_nothing_else_is_in_its_key():
    assert keys(shots=4) == keys(shots=16), "the same four images"
    assert keys(test=TEST[:1]) == keys()
    moved = [row | {"uri": "elsewhere", "key": "k", "image_blob": "b"} for row in TRAINING]
    assert keys(training=moved) == keys()
    assert keys(training=TRAINING[::-1], labels=LABELS[::-1]) == keys()
    assert keys(labels=["cat"]) < keys()


@pytest.mark.parametrize("column", ["pixel_sha256", "bytes_sha256"])
def test_a_test_image_is_never_a_shot(column: str):
    leaked = [*TRAINING, source("cat", 9) | {column: TEST[0][column]}]
    with pytest.raises(TrainingError, match=r"cat-train-9\.png has the same .* cat-test-0\.png"):
        planned(training=leaked)


@pytest.mark.parametrize("split", ["test", "validation"])
def test_an_image_of_another_split_is_refused(split: str):
    with pytest.raises(TrainingError, match=f"is a {split} image: .* training images alone"):
        planned(training=[*TRAINING, source("cat", 9, split)], test=[])


def test_a_class_without_shots_is_skipped_with_the_way_out():
    rows = planned(training=TRAINING[:4])
    tuner = Recorder()
    made = tune_adapters(rows, lambda pixels: np.zeros((8, 8, 3), np.uint8), tuner, Adaptation())
    ended = {one.row["label"]: one.row for one in made}
    assert ended["cat"]["status"] == "ok"
    assert ended["dog"]["status"] == "skipped"
    assert "'dog' has no training image" in ended["dog"]["reason"]
    assert "adaptation.scope=dataset" in ended["dog"]["reason"]
    assert len(tuner.asked) == 1
    assert by_class([{**one.row, "adapter_blob": "a" if one.blobs else None} for one in made],
                    LABELS) == {"cat": "a"}  # fmt: skip


def test_a_tuner_is_given_its_shots_with_their_words_and_a_seed_of_its_own():
    tuner, asked = Recorder(), recipe()
    images = {
        row["pixel_sha256"]: np.full((8, 8, 3), n, np.uint8) for n, row in enumerate(TRAINING)
    }
    (cat, dog) = tune_adapters(planned(), images.__getitem__, tuner, asked.adaptation)
    shots, settings = tuner.asked[0]
    assert [shot.pixel_sha256 for shot in shots] == [p for p, _ in json.loads(cat.row["shots"])]
    assert all(shot.image is images[shot.pixel_sha256] for shot in shots)
    assert settings.steps == 40
    assert settings.seed != tuner.asked[1][1].seed
    assert 0 <= settings.seed < 2**63
    assert cat.blobs == dog.blobs == {"adapter_blob": b"adapter"}


def test_the_row_tells_how_the_loss_went():
    (cat, _) = tune_adapters(
        planned(), lambda pixels: np.zeros((8, 8, 3), np.uint8), Recorder(), recipe().adaptation
    )
    assert cat.row["first_loss"] == pytest.approx(np.mean([1, 0.99, 0.98, 0.97]))
    assert cat.row["last_loss"] == pytest.approx(np.mean([0.64, 0.63, 0.62, 0.61]))
    curve = json.loads(cat.row["curve"])
    assert (curve["before"], curve["after"], len(curve["loss"])) == (0.9, 0.5, 40)
    told = shown({**cat.row, "adapter_blob": "a.safetensors"})
    assert (told["class"], told["shots"], told["loss after"]) == ("cat", 2, 0.5)


def test_a_tenth_is_one_step_at_least():
    assert mean_of((3.0, 1.0), first=True) == 3.0
    assert mean_of((3.0, 1.0), first=False) == 1.0


def test_one_adapter_serves_every_class():
    row = {"label": "", "status": "ok", "adapter_blob": "a"}
    assert by_class([row], LABELS) == {"cat": "a", "dog": "a"}
    assert by_class([{**row, "status": "failed"}], LABELS) == {}


def test_the_album_names_the_blob_of_every_picture():
    assert read_album(album(TRAINING))["cat-train-0"] == "cat-train-0.png"


@pytest.mark.parametrize("template", ["a {class}", "a {}", "a {class_name.x}", "a {class_name"])
def test_a_template_with_other_words_in_braces_is_refused(template: str):
    with pytest.raises(RecipeError, match=r"adaptation\.template.*only \{class_name\} may stand"):
        recipe(template=template)
