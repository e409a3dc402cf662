"""What is refused before anything is measured, in words that say what to do."""

import numpy as np
import pytest

from varifactory.diagnosis.checking import (
    PopulationError,
    check_sides,
    listed,
    of_length_one,
    ordinal,
    shown,
)


@pytest.mark.parametrize(("real", "synthetic", "said"), [
    (["cat"], [], "pets@3 holds no synthetic image: there is nothing to diagnose"),
    ([], ["cat"] * 3, "pets@3 holds 3 synthetic images and no real one to hold them against: add "
     "labelled real images of the same classes"),
    (["cat", "dog"], ["cat"], "pets@3 holds 1 synthetic image: nothing is said of one; give at "
     "least 20 a class"),
    (["cat", " ", ""], ["cat", "dog"], "2 of 3 real images of pets@3 have no label, the first is "
     "the 2nd real one: give every image its class, or leave it out"),
    (["cat", "dog"], ["cat", "dog", ""], "1 of 3 synthetic images of pets@3 have no label, the "
     "first is the 3rd synthetic one: give every image its class, or leave it out"),
    (["cat"], ["cat", "cat"], "pets@3 holds one class, 'cat': a diagnosis compares a class with "
     "the others; add images of at least one more"),
    (["cat"], ["cat", "dog", "dog", "owl"], "2 of 3 classes of pets@3 have no real image to be "
     "held against: 'dog' (2 synthetic), 'owl' (1 synthetic); add real images of them, leave their "
     "synthetic ones out, or mend the labels"),
])  # fmt: skip
def test_sides_of_which_no_figure_can_be_made_are_refused(real, synthetic, said) -> None:
    with pytest.raises(PopulationError) as refused:
        check_sides("pets@3", real, synthetic)
    assert str(refused.value) == said


def test_a_class_may_lack_synthetic_images_but_not_real_ones() -> None:
    check_sides("pets@3", ["cat", "dog"], ["cat", "cat"])
    with pytest.raises(PopulationError, match=r"1 of 2 classes of pets@3 have no real image"):
        check_sides("pets@3", ["cat", "cat"], ["cat", "dog"])


@pytest.mark.parametrize(("bad", "said"), [
    ([np.nan, 1], "1 of 3 vectors of pets@3 cannot be used: that of the image 'b' holds NaN, or a "
     "number beyond float32; embed these images again, or leave them out"),
    ([1, -np.inf], "1 of 3 vectors of pets@3 cannot be used: that of the image 'b' holds NaN, or a "
     "number beyond float32; embed these images again, or leave them out"),
    ([0, 0], "1 of 3 vectors of pets@3 cannot be used: that of the image 'b' is zero and points "
     "nowhere; embed these images again, or leave them out"),
])  # fmt: skip
def test_vectors_that_have_no_direction_are_refused(bad, said) -> None:
    with pytest.raises(PopulationError) as refused:
        of_length_one("pets@3", ["a", "b", "c"], np.array([[1, 2], bad, [3, 4]], np.float32))
    assert str(refused.value) == said


def test_vectors_are_divided_by_their_lengths() -> None:
    given = np.array([[3, 4], [1e30, 0], [-1e-30, 1e-30]], np.float32)
    found = of_length_one("pets@3", ["a", "b", "c"], given)
    half = 0.5**0.5
    np.testing.assert_allclose(found, [[0.6, 0.8], [1, 0], [-half, half]], rtol=1e-6)
    assert found.dtype == np.float32


def test_vectors_of_length_one_stay_as_they_are() -> None:
    some = np.random.default_rng(1).normal(size=(200, 64)).astype(np.float32)
    once = of_length_one("pets@3", [""] * 200, some)
    assert of_length_one("pets@3", [""] * 200, once).tobytes() == once.tobytes()


def test_long_lists_and_names_are_cut() -> None:
    assert listed("abcde") == "a, b, c, d, e"
    assert listed("abcdefg") == "a, b, c, d, e and 2 more"
    assert shown("a b") == "'a b'"
    assert shown("x" * 60) == repr("x" * 60)
    assert shown("x" * 61) == repr("x" * 57 + "...")


def test_places_are_counted_as_people_do() -> None:
    told = [ordinal(one) for one in (1, 2, 3, 4, 11, 12, 13, 21, 102, 113, 1001)]
    assert told == ["1st", "2nd", "3rd", "4th", "11th", "12th", "13th", "21st", "102nd", "113th",
                    "1,001st"]  # fmt: skip
