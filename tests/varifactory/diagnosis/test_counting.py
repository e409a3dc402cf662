"""The right flag in the faulted class and none in the others; ``bench.faults`` takes 20 seeds."""

from dataclasses import replace

import numpy as np
import pytest

from tests.injected_faults import FAULTS, cut, issue_of, showing, spoiled
from varifactory.diagnosis.counting import diagnose, flags
from varifactory.diagnosis.likeness import realism_of
from varifactory.diagnosis.population import Images, Population
from varifactory.embeddings import Vectors
from varifactory.recipe.diagnosis import Diagnosis
from varifactory.report.diagnosis.opening import headline, inside

QUICK = Diagnosis(resamples=20)
SEEDS = (200, 201)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_raises_its_flag_in_its_class_alone(fault: str, seed: int) -> None:
    population = spoiled(fault, seed)
    found = flags(population, QUICK)
    assert {flag.label for flag in found} == {population.class_names[1]}
    assert issue_of(fault) in {flag.issue for flag in found}


@pytest.mark.parametrize("seed", SEEDS)
def test_a_clean_set_raises_none(seed: int) -> None:
    assert flags(spoiled("clean", seed), QUICK) == ()


def test_a_flag_comes_with_its_figures_its_images_and_what_to_change() -> None:
    population = spoiled("diversity", 203, classes=5)
    found = diagnose(population, QUICK)
    (flag,) = found.flags
    assert (flag.issue, flag.kind) == ("diversity", "few-modes")
    shown = {measure.name for measure in flag.evidence}
    # Diversity is never told without what the images show.
    assert {"vendi", "coverage", "precision", "r2s"} <= shown
    assert "lie among real ones" in flag.sentence
    assert flag.advice
    assert 0 < len(flag.images) <= 8
    assert {seen.pixels for seen in flag.images} <= set(population.synthetic.pixels)


def test_the_same_vectors_give_the_same_diagnosis() -> None:
    population = spoiled("ambiguity", 204, n=30, classes=4)
    assert diagnose(population, QUICK) == diagnose(population, QUICK)


def test_resamples_and_confidence_move_no_flag() -> None:
    population = spoiled("blurred", 205, classes=4)
    sentences = {
        tuple(flag.sentence for flag in diagnose(population, settings, confidence).flags)
        for settings, confidence in ((QUICK, 0.95), (Diagnosis(resamples=5), 0.8))
    }
    assert len(sentences) == 1


def test_a_set_too_small_is_measured_nowhere_and_flagged_nowhere() -> None:
    population = spoiled("absent", 206, n=12, classes=4)
    found = diagnose(population, QUICK)
    assert found.flags == ()
    whys = {one.why for group in found.groups for one in group.measures.values() if not one.value}
    assert "n too small: 12 images, at least 20" in whys
    assert any("4 of 4 groups have fewer than 20" in note for note in found.notes)


def test_against_few_real_images_no_class_is_called_clean() -> None:
    population = spoiled("absent", 500, classes=4, real=19)
    found = diagnose(population, QUICK)
    assert found.flags == ()
    assert headline(found) == (
        "Nothing can be said of 4 classes: fewer than 20 synthetic or real images."
    )


def test_a_reference_without_spread_judges_nothing() -> None:
    population = spoiled("clean", 211, n=30, classes=3)
    real, made = population.real, population.synthetic
    same = np.broadcast_to(made.vectors[0], made.vectors.shape).copy()
    flat = replace(
        population,
        real=replace(real, vectors=np.broadcast_to(same[0], real.vectors.shape).copy()),
        synthetic=replace(made, vectors=same),
    )
    found = diagnose(flat, QUICK)
    assert found.flags == ()
    assert headline(found).startswith("Nothing can be said of 3 classes: real images that are all")
    assert any("The reference has no spread" in note for note in found.notes)


@pytest.mark.parametrize("count", [1, 2, 4])
def test_a_class_of_few_wrong_pictures_is_told_as_what_it_is(count: int) -> None:
    """Of seeds in which realism does not call one picture absent."""
    population = spoiled("clean", 301, classes=5)
    wrong = showing(population, [80 + at % count for at in range(40)])
    found = [flag for flag in flags(wrong, QUICK) if flag.issue == "adherence"]
    assert [(flag.label, flag.kind) for flag in found] == [(population.class_names[1], "few-wrong")]
    assert f"{count} distinct picture" in found[0].sentence


@pytest.mark.parametrize("row", [40, 80])
def test_half_a_class_of_one_picture_is_flagged_and_is_no_sense(row: int) -> None:
    population = spoiled("clean", 302, classes=5)
    (flag,) = flags(showing(population, [row] * 20), QUICK)
    assert flag.label == population.class_names[1]
    assert flag.kind in ("few-pictures", "few-modes")
    assert flag.kind != "few-pictures" or "20 times" in flag.sentence


def test_realism_is_told_of_every_image_and_not_of_every_picture() -> None:
    """A third of the set is one picture of noise, and another picture is in two classes."""
    population = spoiled("absent", 305, classes=3)
    noise = showing(population, [40] * 40)
    names = list(noise.synthetic.pixels)
    names[40:80], names[80] = ["noise"] * 40, names[0]
    named = replace(noise, synthetic=replace(noise.synthetic, pixels=tuple(names)))
    found = diagnose(named, QUICK)
    assert [(one.pixels, one.label) for one in found.realism] == list(
        zip(names, named.synthetic.labels, strict=True)
    )
    scores = [one.realism for one in found.realism]
    assert scores == realism_of(named).tolist()
    share = inside(found)
    assert share == sum(score >= 1 for score in scores) / 120
    assert share < 2 / 3 < sum(scores[at] >= 1 for at in (*range(41), *range(81, 120))) / 80


def test_a_clip_score_is_told_and_flags_nothing() -> None:
    population = spoiled("clean", 300, n=30, classes=3)
    assert population.class_vectors is not None
    against = np.repeat(-population.class_vectors, 30, axis=0).astype(np.float32)
    found = diagnose(replace(population, prompts=("x",) * 90, prompt_vectors=against), QUICK)
    score = found.groups[0].measures["clip_score"]
    assert score.value is not None
    assert score.value.estimate == 0
    assert score.reference is not None
    assert score.reference > 10
    assert found.flags == ()


def test_a_class_of_which_nothing_was_made_is_flagged() -> None:
    population = cut(spoiled("clean", 207, classes=4), 0, place=2)
    found = diagnose(population, QUICK)
    assert [(flag.label, flag.kind) for flag in found.flags] == [
        (population.class_names[2], "nothing")
    ]
    assert found.groups[2].n == 0


def test_without_texts_less_is_measured_and_said_so() -> None:
    population = replace(spoiled("clean", 208, classes=4), class_vectors=None)
    found = diagnose(population, QUICK)
    assert "posterior" not in found.groups[0].measures
    assert any("no vectors of texts" in note for note in found.notes)


def test_a_fault_of_one_attribute_is_flagged_there_and_not_again_for_the_class() -> None:
    clean, bad = spoiled("clean", 209, classes=5), spoiled("absent", 209, classes=5)
    both = _together(clean, _moved(bad), ("color", "texture"))
    found = diagnose(both, QUICK)
    assert [(flag.label, flag.attribute, flag.kind) for flag in found.flags] == [
        (clean.class_names[1], "texture", "absent")
    ]
    own = [group.attribute for group in found.groups if group.label == clean.class_names[1]]
    assert own == ["color", "texture", ""]


def test_a_look_that_all_classes_share_is_noted_and_no_fault_of_each() -> None:
    population = spoiled("clean", 210, classes=5)
    real, made = population.real, population.synthetic
    apart = replace(
        population,
        real=replace(real, vectors=_marked(real.vectors, 0.0)),
        synthetic=replace(made, vectors=_marked(made.vectors, 0.6)),
        class_vectors=None,
    )
    found = diagnose(apart, QUICK)
    assert found.flags == ()
    assert any("Most classes lie apart" in note for note in found.notes)


def _marked(vectors: Vectors, mark: float) -> Vectors:
    """One component more, in which all images of a side are alike."""
    wide = np.pad(vectors, ((0, 0), (0, 1)), constant_values=mark)
    return wide / np.linalg.norm(wide, axis=1, keepdims=True)


def _moved(population: Population) -> Population:
    """Each synthetic image a little elsewhere: no picture of another set again."""
    vectors = population.synthetic.vectors
    moved = vectors + np.random.default_rng(1).normal(scale=0.04, size=vectors.shape)
    moved = (moved / np.linalg.norm(moved, axis=1, keepdims=True)).astype(np.float32)
    return replace(population, synthetic=replace(population.synthetic, vectors=moved))


def _together(one: Population, other: Population, attributes: tuple[str, str]) -> Population:
    first, second = one.synthetic, other.synthetic
    return replace(
        one,
        synthetic=Images(
            (*first.pixels, *(f"other {name}" for name in second.pixels)),
            (*first.labels, *second.labels),
            np.concatenate([first.vectors, second.vectors]),
        ),
        attributes=(attributes[0],) * len(first) + (attributes[1],) * len(second),
        own=np.concatenate([one.own, other.own]),
    )
