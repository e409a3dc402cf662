import numpy as np
import pytest

from varifactory.catalog import load_catalog
from varifactory.models.builtin.inpainting_lessons import grown, hole, lessons, words
from varifactory.world import Scene, load_world


def test_the_same_seed_gives_the_same_lessons_of_both_places():
    classes = load_world().pretraining_classes
    once, again = lessons(classes, 6, 5), lessons(classes, 6, 5)
    for one, other in zip(once, again, strict=True):
        assert np.array_equal(one.image, other.image)
        assert np.array_equal(one.region, other.region)
        assert one.prompts == other.prompts
    assert all(each.region.any() and each.image.shape == (96, 96, 3) for each in once)
    assert len({len(each.prompts) for each in once}) == 2


@pytest.mark.parametrize(
    ("place", "true", "untrue"),
    [
        ("object", ("jet black", "parallel stripes"), ("dry sand", "bright red")),
        ("surroundings", ("dry sand",), ("black", "stripes")),
    ],
)
def test_the_words_are_those_of_the_catalog_for_what_is_seen_there(place, true, untrue):
    found = words(load_catalog(), Scene("cat", "black", "striped", "beach", 1), place)
    assert all("cat" in text for text in found)
    assert all(any(phrase in text for text in found) for phrase in true)
    assert not any(phrase in text for phrase in untrue for text in found)


def test_holes_are_a_tenth_to_a_third_of_the_picture():
    shares = [hole(np.random.default_rng(seed)).mean() for seed in range(200)]
    assert min(shares) >= 0.1
    assert max(shares) <= 0.35


def test_a_grown_region_holds_the_region_and_at_most_two_pixels_more():
    region = np.zeros((20, 20), bool)
    region[8:12, 8:12] = True
    for seed in range(20):
        wider = grown(region, np.random.default_rng(seed))
        assert wider[region].all()
        assert wider.sum() in (4 * 4, 6 * 6, 8 * 8)
