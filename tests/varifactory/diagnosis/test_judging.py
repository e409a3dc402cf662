"""No judge meets what it learned from."""

from dataclasses import replace

import numpy as np

from tests.injected_faults import spoiled
from varifactory.diagnosis.judging import judged
from varifactory.diagnosis.population import Images


def test_digits_are_told_apart_by_judges_of_either_kind() -> None:
    population = spoiled("clean", 230, classes=5)
    found = judged(population, 1)
    names = np.array(population.class_names)
    made, real = np.array(population.synthetic.labels), np.array(population.real.labels)
    assert (names[found.synthetic] == made).mean() > 0.9
    for given in (found.real, found.transferred, found.matched):
        assert (names[given] == real).mean() > 0.85
    assert ((found.sure > 0.2) & (found.sure <= 1)).all()


def test_an_edit_is_not_judged_by_who_learned_from_its_source() -> None:
    """Real images of random labels can be learned by heart; copies of them then seem right."""
    clean = spoiled("clean", 231, classes=4)
    dice = np.random.default_rng(1)
    labels = tuple(dice.permutation(np.array(clean.real.labels)).tolist())
    real = replace(clean.real, labels=labels)
    count = len(real)
    copies = replace(
        clean,
        real=real,
        synthetic=Images(tuple(f"copy {one}" for one in range(count)), labels, real.vectors),
        attributes=("",) * count,
        own=np.arange(count),
    )
    names, wanted = np.array(clean.class_names), np.array(labels)

    def right(population: type(copies)) -> float:
        return float((names[judged(population, 1).synthetic] == wanted).mean())

    # The spoiled labels tell nothing, so chance is a quarter; who knows the source does better.
    assert right(copies) < 0.33
    assert right(replace(copies, own=np.full(count, -1))) > 0.4
    # And a classifier that learned from the copies is not asked about their sources.
    assert (names[judged(copies, 1).transferred] == wanted).mean() < 0.33


def test_a_real_image_is_not_judged_by_who_learned_from_its_twin() -> None:
    """Labels that tell nothing: who knows the twin does better than a quarter."""
    clean = spoiled("clean", 231, classes=4)
    labels = tuple(np.random.default_rng(1).permutation(np.array(clean.real.labels)).tolist())
    real = clean.real
    often = Images(real.pixels * 4, labels * 4, np.concatenate([real.vectors] * 4))
    found = judged(replace(clean, real=often), 1)
    names, wanted = np.array(clean.class_names), np.array(often.labels)
    assert (names[found.real] == wanted).mean() < 0.33


def test_a_set_of_one_synthetic_class_teaches_nothing() -> None:
    population = spoiled("clean", 232, classes=4)
    name = population.class_names[0]
    kept = [at for at, label in enumerate(population.synthetic.labels) if label == name]
    made = population.synthetic
    one = replace(
        population,
        synthetic=Images(
            tuple(made.pixels[at] for at in kept), (name,) * len(kept), made.vectors[kept]
        ),
        attributes=("",) * len(kept),
        own=population.own[kept],
    )
    assert (judged(one, 1).transferred == -1).all()
