import itertools
import json
from collections import Counter

import numpy as np
import pytest

from bench.learning import scores
from varifactory import keys, records
from varifactory.errors import TrainingError
from varifactory.images import pixel_hash
from varifactory.models.clip.lora import LoraClip
from varifactory.recipe import ARMS as ARM_NAMES
from varifactory.recipe import Recipe
from varifactory.training.arms import held_out, mixture
from varifactory.training.cells import CellData, Examples
from varifactory.training.making import train_cell
from varifactory.training.planning import plan_cells, training_spec
from varifactory.world import load_world, render, sample_scene

CLASSES = ("taxi", "apple", "whale")
COUNTS = {"train": 3, "validation": 2, "test": 4}


@pytest.fixture(scope="module")
def pictures() -> dict[str, np.ndarray]:
    """Pixel hash -> image, of the sources and of edits (which here are other scenes)."""
    world = load_world()
    scenes = (
        sample_scene(world, 100 * number + seed, class_name=name)
        for number, name in enumerate(CLASSES)
        for seed in range(30)
    )
    found = (render(world, scene).image for scene in scenes)
    return {pixel_hash(image): image for image in found}


@pytest.fixture(scope="module")
def sources(pictures) -> list[dict]:
    hashes = iter(pictures)
    rows = []
    for label in CLASSES:
        own = list(itertools.islice(hashes, 30))[: sum(COUNTS.values())]
        splits = [split for split, count in COUNTS.items() for _ in range(count)]
        rows += [
            {"key": f"source {each}", "status": "ok", "label": label, "split": split,
             "pixel_sha256": each}
            for each, split in zip(own, splits, strict=True)
        ]  # fmt: skip
    return rows


@pytest.fixture(scope="module")
def items(sources, pictures) -> list[dict]:
    """Two pairs of edits a training source; of the last source's one partner was not accepted."""
    rest = {label: iter(list(pictures)[30 * at + 12 : 30 * at + 30])
            for at, label in enumerate(CLASSES)}  # fmt: skip
    rows = []
    train = held_out(sources, "train")
    for source, index in itertools.product(train, range(2)):
        lost = source is train[-1] and index == 1
        for side in ("feasible", "infeasible"):
            first = next(rest[source["label"]])
            rows.append({
                "key": f"item {len(rows)}", "kind": "edit", "split": "train",
                "status": "rejected" if lost and side == "feasible" else "ok",
                "label": source["label"], "source_key": source["key"], "attribute": "background",
                "feasibility": side, "editor": "compositor", "index": index, "attempt": 0,
                "paired": not lost, "pixel_sha256": first, "first_sha256": first,
                "image_blob": f"{first}.png", "first_blob": f"{first}.png",
            })  # fmt: skip
        if not lost:
            rows.append(rows[-1] | {
                "key": f"item {len(rows)}", "feasibility": "unchanged", "paired": False,
                "pixel_sha256": next(rest[source["label"]]),
                "first_sha256": None, "first_blob": None,
            })  # fmt: skip
    return rows


def recipe(**training) -> Recipe:
    settings = {"arms": list(ARM_NAMES), "steps": 6, "batch_size": 8, "validate_every": 2,
                "rank": 2, "alpha": 4, "augmentation": "flip"}  # fmt: skip
    return Recipe.parse(
        {
            "name": "tiny",
            "sources": {"kind": "world"},
            "edits": {"unchanged": True},
            "training": settings | training,
        }
    )


def planned(sources, items, **training) -> list[dict]:
    made = recipe(**training)
    spec = keys.spec_of("training", training_spec(made, LoraClip(template=made.training.template)))
    return plan_cells(spec, made, sources, items)


def cell_data(row, sources, items, pictures) -> CellData:
    found = mixture(row["arm"], sources, items, row["seed"])
    parts = [found.real, found.edits, held_out(sources, "validation"), held_out(sources, "test")]
    return CellData(*(
        Examples([pictures[each["pixel_sha256"]] for each in rows],
                 [each["label"] for each in rows], [each["key"] for each in rows],
                 [each["pixel_sha256"] for each in rows])
        for rows in parts
    ))  # fmt: skip


class Watched(LoraClip):
    """A trainee that notes what it was given."""

    def __init__(self) -> None:
        super().__init__(batch=12)
        self.batches: list[tuple] = []
        self.told: list[list[str]] = []
        self.scored: list[int] = []

    def step(self, images, labels, weights, following=()):
        self.batches.append(([pixel_hash(image) for image in images], labels, weights))
        self.told.append([pixel_hash(image) for image in following])
        return super().step(images, labels, weights, following)

    def logits(self, images):
        self.scored.append(len(images))
        return super().logits(images)


def trained(arm, sources, items, pictures, **training):
    row = next(row for row in planned(sources, items, **training) if row["arm"] == arm)
    trainee = Watched()
    made, predictions = train_cell(row, cell_data(row, sources, items, pictures), trainee)
    return made, predictions, trainee


def test_cells_are_planned_an_arm_and_seed_with_one_key_each(sources, items):
    rows = planned(sources, items, seeds=[1, 2])
    assert [(row["arm"], row["seed"]) for row in rows] == list(itertools.product(ARM_NAMES, (1, 2)))
    assert len({row["key"] for row in rows}) == 28
    assert {row["steps"] for row in rows if row["arm"] != "zero-shot"} == {6}
    assert planned(sources[::-1], items[::-1], seeds=[1, 2]) == rows
    records.table("training", rows)


def test_the_key_follows_pixels_labels_splits_and_settings(sources, items):
    def keys_of(some_sources=sources, some_items=items, **training):
        return {row["arm"]: row["key"] for row in planned(some_sources, some_items, **training)}

    before = keys_of()
    edit = [row | {"pixel_sha256": "other"} if row["key"] == "item 0" else row for row in items]
    changed = {arm for arm, key in keys_of(some_items=edit).items() if key != before[arm]}
    assert {"feasible", "real+feasible"} <= changed <= {"feasible", "real+feasible", "mixed",
                                                        "real+mixed"}  # fmt: skip
    for split in ("validation", "test"):
        at = next(at for at, row in enumerate(sources) if row["split"] == split)
        moved = [row | {"pixel_sha256": "other"} if at == n else row
                 for n, row in enumerate(sources)]  # fmt: skip
        assert not set(keys_of(moved).values()) & set(before.values())
    assert not set(keys_of(learning_rate=0.01).values()) & set(before.values())
    assert keys_of(arms=["real"], seeds=[1, 3])["real"] not in before.values()
    assert keys_of(arms=["real"])["real"] == before["real"]


def test_batches_are_half_real_half_edits_weighted_by_lambda(sources, items, pictures):
    made, _, trainee = trained("real+feasible", sources, items, pictures, real_weight=0.8)
    real = {row["pixel_sha256"] for row in held_out(sources, "train")}
    label_of = {row["pixel_sha256"]: row["label"] for row in [*sources, *items]}
    assert len(trainee.batches) == made.row["steps"] == 6
    for hashes, labels, weights in trainee.batches:
        assert [each in real for each in hashes] == [True] * 4 + [False] * 4
        assert weights == pytest.approx([0.2] * 4 + [0.05] * 4)
        assert [sorted(CLASSES)[label] for label in labels] == [label_of[each] for each in hashes]
    shown = Counter(each for hashes, _, _ in trainee.batches for each in hashes[:4])
    assert set(shown.values()) == {2, 3}


def test_every_arm_takes_the_same_steps_with_the_same_batch(sources, items, pictures):
    orders = {}
    for arm in ("real", "copy-real", "infeasible", "real+feasible", "real+infeasible"):
        _, _, trainee = trained(arm, sources, items, pictures)
        orders[arm] = [hashes for hashes, _, _ in trainee.batches]
        assert {len(hashes) for hashes in orders[arm]} == {8}
        assert len(orders[arm]) == 6
        for _, _, weights in trainee.batches:
            assert sum(weights) == pytest.approx(1)
    partner = {}
    for one, other in zip(mixture("feasible", sources, items, 1).edits,
                          mixture("infeasible", sources, items, 1).edits, strict=True):  # fmt: skip
        partner[one["pixel_sha256"]] = other["pixel_sha256"]
    for one, other in zip(orders["real+feasible"], orders["real+infeasible"], strict=True):
        assert one[:4] == other[:4]
        assert [partner[each] for each in one[4:]] == other[4:]


def test_a_step_is_told_the_images_of_the_next(sources, items, pictures):
    _, _, trainee = trained("real+feasible", sources, items, pictures)
    shown = [hashes for hashes, _, _ in trainee.batches]
    assert trainee.told == [*shown[1:], []]


def test_weights_are_chosen_on_validation_and_test_is_looked_at_once(sources, items, pictures):
    made, predictions, trainee = trained("real", sources, items, pictures, learning_rate=0.01)
    assert trainee.scored == [6, 6, 6, 12]
    curve = json.loads(made.row["curve"])
    assert [point["step"] for point in curve] == [2, 4, 6]
    best = max(point["validation_top1"] for point in curve)
    first = next(point["step"] for point in curve if point["validation_top1"] == best)
    assert (made.row["validation_top1"], made.row["chosen_step"]) == (best, first)
    right = [row["truth"] == row["predicted"] for row in predictions]
    assert made.row["test_top1"] == np.mean(right)

    again = LoraClip(batch=12)
    again.load_adapter(made.blobs["adapter_blob"])
    test = held_out(sources, "test")
    logits = again.logits([pictures[row["pixel_sha256"]] for row in test])
    stored = np.array([row["logits"] for row in predictions], np.float32)
    assert np.array_equal(stored, logits)
    assert [(row["source_key"], row["pixel_sha256"]) for row in predictions] == [
        (row["key"], row["pixel_sha256"]) for row in test
    ]
    assert all(row["predicted"] == row["class_names"][int(np.argmax(row["logits"]))]
               for row in predictions)  # fmt: skip
    assert len({row["key"] for row in predictions}) == 12
    records.table("training", [made.row])
    records.table("predictions", predictions)


def test_of_equal_validations_the_earliest_is_kept(sources, items, pictures):
    made, _, _ = trained("real", sources, items, pictures, learning_rate=1e-9)
    assert len({point["validation_top1"] for point in json.loads(made.row["curve"])}) == 1
    assert made.row["chosen_step"] == 2


def test_zero_shot_trains_nothing_and_still_predicts(sources, items, pictures):
    made, predictions, trainee = trained("zero-shot", sources, items, pictures)
    assert not trainee.batches
    assert made.blobs == {}
    assert (made.row["steps"], made.row["chosen_step"], made.row["train_real"]) == (0, 0, 0)
    assert len(predictions) == 12


def test_the_control_of_standard_augmentation_says_so(sources, items):
    rows = {row["arm"]: json.loads(row["settings"]) for row in planned(sources, items)}
    assert rows["real"]["lora"]["augmentation"] == "flip"
    assert rows["real-standard"]["lora"]["augmentation"] == "standard"


def test_a_broken_off_cell_resumes_to_the_same_bits(sources, items, pictures):
    row = next(row for row in planned(sources, items, dropout=0.2) if row["arm"] == "real+mixed")
    data = cell_data(row, sources, items, pictures)
    saved: list[tuple[int, bytes]] = []
    made, predictions = train_cell(
        row, data, LoraClip(batch=12), save=lambda step, progress: saved.append((step, progress))
    )
    assert [step for step, _ in saved] == [2, 4, 6]
    for _, progress in saved:
        trainee = Watched()
        again, other = train_cell(row, data, trainee, resume=progress)
        assert again == made
        assert other == predictions
    assert len(trainee.batches) == 0
    with pytest.raises(TrainingError, match="remove it to start that cell anew"):
        train_cell(row, data, LoraClip(), resume=b"torn")


def test_what_cannot_be_trained_says_what_to_change(sources, items, pictures):
    with pytest.raises(TrainingError, match=r"arm 'real\+mixed' needs edits, but none of the 0"):
        planned(sources, [], arms=["real+mixed"])
    assert len(planned(sources, [], arms=["real", "copy-real", "zero-shot"])) == 3
    with pytest.raises(TrainingError, match="no training images of 'apple'"):
        planned([row for row in sources if (row["label"], row["split"]) != ("apple", "train")],
                items)  # fmt: skip
    with pytest.raises(TrainingError, match="at least 2 classes, the sources have 1"):
        planned([row for row in sources if row["label"] == "apple"], items)
    for split in ("validation", "test"):
        with pytest.raises(TrainingError, match=f"no {split} images"):
            planned([row for row in sources if row["split"] != split], items)
    row = planned(sources, items, arms=["real"])[0]
    data = cell_data(row, sources, items, pictures)
    with pytest.raises(ValueError, match="planned with 8 real images"):
        train_cell(row | {"train_real": 8}, data, LoraClip())


@pytest.mark.slow
def test_the_shots_of_the_quickstart_teach_something_and_leave_room():
    # `python -m bench.learning` measures five seeds; here one, with room for other processors.
    found = scores(seed=1, settings=[])
    zero, real = found["zero-shot"][0], found["real"][0]
    assert real >= zero + 0.10
    assert 0.40 <= real <= 0.85
