import numpy as np
import pytest

from varifactory.history.deviations import deviation, on_processor

GRAY = np.full((8, 8, 3), 100, np.uint8)


def moved(by: int, rows: int = 8) -> np.ndarray:
    image = GRAY.copy()
    image[:rows] += np.uint8(by)
    return image


@pytest.mark.parametrize(
    ("by", "word"), [(0, "identical"), (1, "within tolerance"), (2, "different")]
)
def test_a_mean_of_one_level_is_tolerated(by: int, word: str) -> None:
    assert deviation(GRAY, moved(by)).word == word


def test_one_pixel_may_move_by_32_levels() -> None:
    for by, word in ((32, "within tolerance"), (33, "different")):
        image, source = GRAY.copy(), np.zeros_like(GRAY)
        image[0, 0] += np.uint8(by)
        assert deviation(GRAY, image, source).word == word


def test_what_was_pasted_back_does_not_make_a_difference_small() -> None:
    """An eighth was edited; a change there counts as if the image were no larger."""
    kept, new = GRAY.copy(), GRAY.copy()
    kept[0], new[0] = 50, 54
    found = deviation(kept, new, source=GRAY)
    assert (found.mean, found.largest, found.word) == (4.0, 4.0, "different")


def test_another_size_is_different() -> None:
    assert deviation(GRAY, GRAY[:4]).word == "different"
    assert "different: mean" in deviation(GRAY, GRAY[:4]).told()


def test_processors_are_known_by_what_a_row_says_of_its_device() -> None:
    assert on_processor({"device": "x86_64"})
    assert on_processor({"device": "AMD64"})
    assert on_processor({"device": None})
    assert not on_processor({"device": "NVIDIA H200"})
