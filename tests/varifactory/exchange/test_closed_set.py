import numpy as np
import pytest
from sklearn.datasets import load_digits

from tests.plain_stock import items
from varifactory.exchange.closed_set import (
    ClassGaussian,
    closed_spec,
    make_closed,
    plan_closed,
    read_bases,
)
from varifactory.exchange.estimators import fitted_predictions, shrunk
from varifactory.images import decode_png
from varifactory.keys import spec_of
from varifactory.recipe import Recipe

DIGITS = load_digits()


def images(count: int, start: int = 0) -> tuple[list[np.ndarray], list[str]]:
    """So many digits of every class, as RGB images."""
    found, labels = [], []
    for number in range(10):
        for image in DIGITS.images[DIGITS.target == number][start : start + count]:
            found.append(np.repeat((image[:, :, None] * 15).astype(np.uint8), 3, axis=2))
            labels.append(str(number))
    return found, labels


def recipe(**exchange) -> Recipe:
    asked = {"base": [1, 3, 6], "real": [1], "synthetic": [1, 2], "gains": [1], "seeds": [1, 2],
             "generators": ["closed-set"], "trainee": "estimator"}  # fmt: skip
    return Recipe.parse({"name": "x", "sources": {"kind": "world"}, "exchange": asked | exchange})


def test_samples_are_of_their_class_and_vary() -> None:
    base, labels = images(12)
    generator = ClassGaussian.trained(base, labels)
    drawn = [generator.image(label, seed) for label in labels for seed in (5, 6)]
    assert all(each.shape == (8, 8, 3) and each.dtype == np.uint8 for each in drawn)
    assert len({each.tobytes() for each in drawn}) == 20 * 1, "a class and seed is one image"
    real, truth = images(60, start=12)
    judged = fitted_predictions(
        "svc", [shrunk(each, 8) for each in real], [int(each) for each in truth],
        [shrunk(generator.image(str(number), seed), 8) for number in range(10)
         for seed in range(20)], 1,
    )  # fmt: skip
    assert (judged == np.repeat(np.arange(10), 20)).mean() > 0.85
    assert np.std([generator.image("3", seed) for seed in range(20)], axis=0).mean() > 5


def test_two_images_a_class_are_enough() -> None:
    base, labels = images(2)
    generator = ClassGaussian.trained(base, labels)
    assert generator.directions.shape == (19, 768)
    assert generator.image("7", 1).shape == (8, 8, 3)
    alike = [np.full((5, 7, 3), shade, np.uint8) for shade in (10, 10, 200, 200)]
    flat = ClassGaussian.trained(alike, ["a", "a", "b", "b"])
    assert flat.size == (7, 5)
    assert np.abs(flat.image("b", 3).astype(int) - 200).max() <= 1, "no spread, no variation"


def test_every_base_and_seed_has_a_generator_of_its_own() -> None:
    spec = spec_of("closed", closed_spec())
    plan = plan_closed(spec, recipe(), items())
    assert set(plan.generators) == {(base, seed) for base in (3, 6) for seed in (1, 2)}, (
        "of one image a class no spread can be learned"
    )
    assert len(set(plan.generators.values())) == 4
    assert len(plan.rows) == 3 * 2 * (6 + 12)
    name = plan.generators[3, 1]
    assert len(plan.bases[name]) == 9
    assert read_bases(plan.pack()) == (plan.bases, plan.blobs)
    wider = plan_closed(spec, recipe(synthetic=[1, 2, 4]), items())
    assert {row["key"] for row in plan.rows} < {row["key"] for row in wider.rows}


def test_another_base_makes_other_keys() -> None:
    spec = spec_of("closed", closed_spec())
    one = plan_closed(spec, recipe(seeds=[1], base=[3]), items())
    rows = items()
    named = plan_closed(spec, recipe(seeds=[1], base=[3]), [
        row | {"pixel_sha256": f"other {row['pixel_sha256']}"} for row in rows
    ])  # fmt: skip
    assert not {row["key"] for row in one.rows} & {row["key"] for row in named.rows}
    assert not {row["seed"] for row in one.rows} & {row["seed"] for row in named.rows}


def test_rows_come_back_by_base_and_seed() -> None:
    plan = plan_closed(spec_of("closed", closed_spec()), recipe(), items())
    base, labels = images(3)
    names = {str(at): label for at, label in enumerate(("apple", "taxi", "whale"))}
    chosen = [at for at, label in enumerate(labels) if label in names]
    generator = ClassGaussian.trained(
        [base[at] for at in chosen], [names[labels[at]] for at in chosen]
    )
    made = make_closed(plan.rows, dict.fromkeys(plan.bases, generator))
    image = decode_png(made[0].blobs["image_blob"])
    assert (image == generator.image(made[0].row["label"], made[0].row["seed"])).all()
    made[0].row["status"] = "failed"
    sets = plan.sets(each.row for each in made)
    counts = {at: len(rows) for at, rows in sets.items()}
    first = next(at for at, name in plan.generators.items() if name == made[0].row["generator"])
    assert counts.pop(first) == 3 * 2 * first[0] - 1
    assert counts == {at: 3 * 2 * at[0] for at in counts}


@pytest.mark.parametrize("seeds", [[1], [2]])
def test_a_generator_sees_nothing_but_its_base(seeds) -> None:
    plan = plan_closed(spec_of("closed", closed_spec()), recipe(seeds=seeds), items())
    for name, base in plan.bases.items():
        assert all("/train/" in pixels for pixels, _ in base)
        assert len({pixels for pixels, _ in base}) == len(base)
        assert name in plan.generators.values()
