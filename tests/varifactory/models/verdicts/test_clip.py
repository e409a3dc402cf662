"""The judge that is CLIP alone, with the built-in CLIP on drawn pictures it knows."""

import numpy as np
import pytest

from varifactory.catalog import load_catalog
from varifactory.models import JudgeCase
from varifactory.models.clip.bases import find_base
from varifactory.models.clip.embedder import Embedder
from varifactory.models.verdicts.clip import ClipJudge, object_crop, softmax
from varifactory.models.verdicts.questions import object_box
from varifactory.world import load_world, render, sample_scene

WORLD = load_world()
CATALOG = load_catalog()
TEMPLATE = "a photo of a {class_name}"
CLASSES = tuple(WORLD.pretraining_classes)
COLORS = tuple(sorted(CATALOG.attribute("color").values))


@pytest.fixture(scope="module")
def clip() -> Embedder:
    return Embedder(find_base("small-clip"))


@pytest.fixture(scope="module")
def judge(clip: Embedder) -> ClipJudge:
    return ClipJudge(clip, TEMPLATE)


def drawn(count: int, attribute: str = "color") -> list[tuple[str, JudgeCase]]:
    """Class names, and pictures of these classes."""
    found = []
    for index in range(count):
        scene = sample_scene(WORLD, index, classes=CLASSES)
        picture = render(WORLD, scene, 96)
        case = JudgeCase(picture.image, picture.mask, CATALOG.attribute(attribute), COLORS, CLASSES)
        found.append((scene.class_name, case))
    return found


def test_it_tells_classes_that_its_clip_knows(judge: ClipJudge) -> None:
    pictures = drawn(40)
    answers = judge.judge([case for _, case in pictures])
    right = sum(
        max(answer.classes, key=lambda name: answer.classes[name]) == label
        for (label, _), answer in zip(pictures, answers, strict=True)
    )
    assert right >= 32, "96 % by its card, 5 % by chance"


def test_scores_are_posteriors_over_what_may_be_shown(judge: ClipJudge) -> None:
    (answer,) = judge.judge([drawn(1)[0][1]])
    assert (tuple(answer.values), tuple(answer.classes)) == (COLORS, CLASSES)
    for scores in (answer.values, answer.classes):
        assert sum(scores.values()) == pytest.approx(1)
        assert min(scores.values()) >= 0
    assert answer.possible is None
    assert answer.cost_usd is None


def test_the_temperature_is_the_models_own(judge: ClipJudge, clip: Embedder) -> None:
    case = drawn(1)[0][1]
    (answer,) = judge.judge([case])
    image = clip.embed_images([case.image])[0]
    texts = clip.embed_texts([TEMPLATE.replace("{class_name}", name) for name in CLASSES])
    expected = np.exp((texts @ image).astype(np.float64) * clip.logit_scale)
    assert list(answer.classes.values()) == pytest.approx(list(expected / expected.sum()), rel=1e-4)
    assert answer.raw["logit_scale"] == pytest.approx(clip.logit_scale, abs=1e-3)
    assert clip.logit_scale > 1


def test_a_value_is_compared_in_all_templates_without_the_class(
    judge: ClipJudge, clip: Embedder
) -> None:
    case = drawn(1)[0][1]
    (answer,) = judge.judge([case])
    entry = CATALOG.attribute("color")
    crop = clip.embed_images([object_crop(case.image, object_box(case.object_mask))])[0]
    cosines = []
    for value in COLORS:
        words = [entry.render(index, "object", entry.values[value].phrase)
                 for index in range(len(entry.templates))]  # fmt: skip
        mean = clip.embed_texts(words).mean(axis=0)
        cosines.append(mean / np.linalg.norm(mean) @ crop)
    expected = softmax(np.array(cosines) * clip.logit_scale)
    assert list(answer.values.values()) == pytest.approx(expected, rel=1e-4)


def test_an_answer_does_not_depend_on_its_batch(judge: ClipJudge) -> None:
    cases = [case for _, case in drawn(5)]
    cases[2] = JudgeCase(
        cases[2].image, cases[2].object_mask, CATALOG.attribute("background"), (), CLASSES
    )
    together = judge.judge(cases)
    assert together[2].values.keys() == CATALOG.attribute("background").values.keys()
    assert [judge.judge([case])[0] for case in cases] == together
    assert judge.judge(cases[::-1])[::-1] == together
    assert judge.judge([]) == []


def test_words_are_embedded_once(clip: Embedder) -> None:
    asked = []

    class Counting:
        identity = clip.identity
        logit_scale = 10.0
        embed_images = staticmethod(clip.embed_images)

        def embed_texts(self, texts: list[str]) -> np.ndarray:
            asked.append(len(texts))
            return clip.embed_texts(texts)

    judge = ClipJudge(Counting(), TEMPLATE)
    for _ in range(2):
        judge.judge([case for _, case in drawn(3)])
    assert sorted(asked) == [len(CLASSES), len(COLORS) * 3]


def test_the_crop_holds_the_object_and_stays_inside() -> None:
    image = np.zeros((60, 90, 3), np.uint8)
    image[40:60, 70:90] = 200
    crop = object_crop(image, (70, 40, 90, 60))
    assert crop.shape == (26, 26, 3)
    assert (crop == 200).all(axis=2).sum() == 400
    assert object_crop(image, (5, 0, 85, 60)).shape == (60, 60, 3)


def test_a_picture_made_anew_is_compared_as_a_whole(judge: ClipJudge) -> None:
    case = drawn(1)[0][1]
    corner = np.zeros((96, 96), bool)
    corner[:20, :20] = True
    case = JudgeCase(case.image, corner, case.attribute, COLORS, CLASSES)
    anew = JudgeCase(case.image, None, case.attribute, COLORS, CLASSES)
    empty = JudgeCase(case.image, np.zeros((96, 96), bool), case.attribute, COLORS, CLASSES)
    framed, whole, seen = judge.judge([case, anew, empty])
    assert whole.values != framed.values
    assert whole.values == seen.values
    assert whole.classes == framed.classes


def test_unknown_words_and_no_classes_are_no_trouble(judge: ClipJudge) -> None:
    case = drawn(1)[0][1]
    strange = JudgeCase(case.image, case.object_mask, case.attribute, ("red", "{class_name} jelly"))
    (answer,) = judge.judge([strange])
    assert set(answer.values) == {"red", "{class_name} jelly"}
    assert answer.classes == {}


def test_identity_holds_clip_and_words(judge: ClipJudge, clip: Embedder) -> None:
    identity = dict(judge.identity)
    assert identity["reads_choices"] is True
    assert identity["clip_weights"] == clip.identity["weights"]
    assert ClipJudge(clip, "a {class_name}").identity != identity
