import hashlib
import json
from collections import Counter
from dataclasses import asdict, replace

import numpy as np
import pytest

from varifactory.errors import TrainingError
from varifactory.images import pixel_hash
from varifactory.models import LoraSettings
from varifactory.models.clip.adapter import read_manifest
from varifactory.models.clip.lora import LoraClip
from varifactory.models.trainees.linear_probe import LinearProbe
from varifactory.training.cells import CellData, CellSettings, Examples, Progress
from varifactory.training.making import train_cell
from varifactory.training.schedules import batches, phases
from varifactory.world import load_world, render, sample_scene

CLASSES = ("apple", "taxi", "whale")
LORA = LoraSettings(rank=2, alpha=4.0, dropout=0.2, learning_rate=0.02, weight_decay=0.1, steps=7,
                    warmup_share=0.1, augmentation="flip", seed=5)  # fmt: skip
BRIDGED = CellSettings(LORA, 4, 2, 0.5, CLASSES, schedule="bridged")


@pytest.fixture(scope="module")
def data() -> CellData:
    world = load_world()

    def examples(first: int, count: int) -> Examples:
        labels = [name for name in CLASSES for _ in range(count)]
        scenes = [sample_scene(world, first + at, class_name=name)
                  for at, name in enumerate(labels)]  # fmt: skip
        return Examples([render(world, scene).image for scene in scenes], labels,
                        [f"source {first + at}" for at in range(len(labels))])  # fmt: skip

    return CellData(*(examples(1000 * at, count) for at, count in enumerate((3, 3, 2, 4))))


def row(settings: CellSettings, data: CellData, arm: str = "real+mixed") -> dict:
    return {
        "key": "cell", "label": "", "arm": arm, "seed": 3, "steps": settings.lora.steps,
        "train_real": len(data.real.labels), "train_edits": len(data.edits.labels),
        "settings": json.dumps(asdict(settings)),
    }  # fmt: skip


class Watched(LoraClip):
    """A trainee that notes how it was begun and what it was shown."""

    def __init__(self) -> None:
        super().__init__(batch=12)
        self.begun: list[tuple[LoraSettings, bytes]] = []
        self.shown: list[list[str]] = []

    def begin(self, settings, class_names, adapter=b""):
        self.begun.append((settings, adapter))
        super().begin(settings, class_names, adapter)

    def step(self, images, labels, weights, following=()):
        assert sum(weights) == pytest.approx(1)
        self.shown.append([pixel_hash(image) for image in images])
        return super().step(images, labels, weights, following)


@pytest.fixture(scope="module")
def crossed(data):
    """A bridged cell, who was trained, and what was saved."""
    trainee, saved = Watched(), []
    made, predictions = train_cell(
        row(BRIDGED, data), data, trainee, save=lambda step, kept: saved.append((step, kept))
    )
    return made, predictions, trainee, saved


def test_the_steps_of_both_phases_are_as_many_as_of_one():
    (whole,) = phases(replace(BRIDGED, schedule="mixed"))
    assert (whole.settings, whole.takes, whole.last) == (LORA, ("real", "edits"), True)
    first, second = phases(BRIDGED)
    assert [(each.start, each.end) for each in (first, second)] == [(0, 3), (3, 7)]
    assert (first.takes, second.takes) == (("edits",), ("real",))
    with pytest.raises(TrainingError, match=r"training\.steps is 1, and the schedule 'bridged'"):
        phases(replace(BRIDGED, lora=replace(LORA, steps=1)))


def test_the_edits_come_first_and_the_real_images_then(crossed, data):
    _, _, trainee, _ = crossed
    edits, real = ({pixel_hash(image) for image in part.images} for part in (data.edits, data.real))
    kinds = [{"edit" if each in edits else "real" if each in real else "?" for each in shown}
             for shown in trainee.shown]  # fmt: skip
    assert kinds == [{"edit"}] * 3 + [{"real"}] * 4
    assert {len(shown) for shown in trainee.shown} == {4}
    # Nine real images in sixteen places: whole passes, as everywhere.
    assert set(Counter(each for shown in trainee.shown[3:] for each in shown).values()) == {1, 2}


def test_the_second_phase_begins_from_the_weights_of_the_first_and_else_anew(crossed):
    made, _, trainee, _ = crossed
    (first, fresh), (second, carried) = trainee.begun[:2]
    assert (first.steps, second.steps, fresh) == (3, 4, b"")
    assert carried == made.blobs["bridge_blob"]
    assert first.seed != second.seed
    assert made.row["bridge_step"] == 3
    begun = read_manifest(made.blobs["adapter_blob"])["begun_from"]
    assert begun == hashlib.sha256(carried).hexdigest()
    assert "begun_from" not in read_manifest(carried)


def test_weights_cross_the_bridge_unchanged(crossed, data):
    made, _, _, _ = crossed
    before, after = LoraClip(batch=12), LoraClip(batch=12)
    before.load_adapter(made.blobs["bridge_blob"])
    after.begin(LORA, CLASSES, made.blobs["bridge_blob"])
    assert np.array_equal(before.logits(data.test.images), after.logits(data.test.images))
    after.begin(LORA, CLASSES)
    assert not np.array_equal(before.logits(data.test.images), after.logits(data.test.images))


def test_validation_chooses_among_the_weights_of_the_second_phase_alone(crossed):
    made, _, _, _ = crossed
    curve = json.loads(made.row["curve"])
    assert [point["step"] for point in curve] == [2, 3, 4, 6, 7]
    after = [point for point in curve if point["step"] > 3]
    best = max(point["validation_top1"] for point in after)
    assert made.row["validation_top1"] == best
    assert made.row["chosen_step"] == next(
        point["step"] for point in after if point["validation_top1"] == best
    )


def test_a_broken_off_cell_resumes_to_the_same_bits_on_either_side(crossed, data):
    made, predictions, _, saved = crossed
    assert [step for step, _ in saved] == [2, 3, 4, 6, 7]
    for step, kept in saved:
        trainee = Watched()
        again, other = train_cell(row(BRIDGED, data), data, trainee, resume=kept)
        assert again == made
        assert other == predictions
        assert len(trainee.shown) == 7 - step


def test_what_was_saved_of_one_phase_is_read_as_before():
    plain = Progress(step=2, chosen_step=2, chosen_top1=0.5, best=b"best", trainee=b"trainee")
    assert b"bridge" not in plain.pack()
    assert Progress.unpack(plain.pack()) == plain
    plain.crossed(b"weights")
    assert Progress.unpack(plain.pack()) == plain


def test_a_batch_goes_on_where_a_break_was(data):
    _, second = phases(BRIDGED)
    whole, later = (list(batches(3, data, BRIDGED, second, start)) for start in (3, 5))
    assert [batch.labels for batch in whole[2:]] == [batch.labels for batch in later]


def test_a_trainee_is_given_cells_of_its_own_alone(data):
    other = replace(BRIDGED, trainee="linear-probe")
    with pytest.raises(ValueError, match="planned for 'linear-probe', not 'clip-lora'"):
        train_cell(row(other, data), data, Watched())


def test_vectors_cross_the_bridge_and_resume_as_pictures_do():
    random = np.random.default_rng(1)

    def examples(count: int) -> Examples:
        labels = [name for name in CLASSES for _ in range(count)]
        vectors = random.normal(size=(len(labels), 8)) + 2 * np.repeat(np.eye(3, 8), count, axis=0)
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        return Examples(list(vectors.astype(np.float32)), labels, [f"s{at}" for at in
                                                                  range(len(labels))])  # fmt: skip

    cell = CellData(*(examples(count) for count in (6, 6, 4, 20)))
    lora = replace(LORA, learning_rate=0.3, steps=20, augmentation="none")
    settings = replace(BRIDGED, lora=lora, trainee="linear-probe", validate_every=4)

    def probe() -> LinearProbe:
        return LinearProbe({"name": "random", "weights": "none"})

    saved: list[bytes] = []
    made, predictions = train_cell(
        row(settings, cell), cell, probe(), save=lambda step, kept: saved.append(kept)
    )
    assert made.row["bridge_step"] == 10
    assert made.row["test_top1"] > 0.6
    for kept in saved:
        assert train_cell(row(settings, cell), cell, probe(), resume=kept) == (made, predictions)
