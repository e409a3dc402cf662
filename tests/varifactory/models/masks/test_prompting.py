"""Where to look without looking."""

import numpy as np
import pytest

from varifactory.models.masks.prompting import Middle, Prompt, Shown, middle_box


@pytest.mark.parametrize(
    ("height", "width", "box"),
    [(96, 96, (9, 9, 87, 87)), (50, 100, (10, 5, 90, 45)), (1, 1, (0, 0, 1, 1))],
)
def test_the_middle_box_leaves_a_tenth_on_each_side(height, width, box):
    assert middle_box(np.zeros((height, width, 3), np.uint8)) == box


def test_the_middle_is_shown_whatever_the_class():
    image = np.zeros((50, 100, 3), np.uint8)
    assert Middle("box").show([image], ["cup"]) == [Shown((Prompt(box=(10, 5, 90, 45)),))]
    assert Middle("point").show([image], ["dog"]) == [Shown((Prompt(point=(50, 25)),))]
    assert Middle("point").identity == {"prompt": "middle point", "reads_class_name": False}
