"""Strong changes of colour: each in its share of pictures, as strong as it is said to be."""

import colorsys

import numpy as np
import pytest

from varifactory.models.clip import recoloring
from varifactory.models.clip.augmentation import DRAWS
from varifactory.models.clip.recoloring import recolored

NEVER = np.array([1, 0, 0.5, 0.5, 0.5, 0.5, 1, 1, 0, 1], np.float32)
"""Draws that change nothing."""
ORANGE = np.array([200, 120, 40], np.uint8)


def picture(color: np.ndarray = ORANGE, side: int = 32) -> np.ndarray:
    return np.broadcast_to(color[:, None, None], (3, side, side)).copy()


def drawn(**changes: float) -> np.ndarray:
    draw = NEVER.copy()
    for place, value in changes.items():
        draw[int(place.removeprefix("at"))] = value
    return draw


def test_nothing_is_changed_where_no_change_is_drawn() -> None:
    assert len(NEVER) == recoloring.DRAWS == DRAWS["strong"] - 8
    assert np.array_equal(recolored(picture(), NEVER), picture())
    still = drawn(at0=0.0)
    # Jitter by nothing: the hue goes there and back through whole numbers.
    assert np.abs(recolored(picture(), still).astype(int) - picture()).max() <= 2


@pytest.mark.parametrize(
    ("place", "expected"), [(2, [280, 168, 56]), (4, [213, 117, 21])],
    ids=["brightness", "saturation"],
)  # fmt: skip
def test_jitter_reaches_its_largest_change(place: int, expected: list[int]) -> None:
    found = recolored(picture(), drawn(**{"at0": 0.0, f"at{place}": 1.0}))[:, 0, 0].astype(int)
    assert np.abs(found - np.clip(expected, 0, 255)).max() <= 4


def test_contrast_spreads_about_the_mean() -> None:
    halves = picture(np.array([100, 100, 100], np.uint8))
    halves[:, :, 16:] = 160
    found = recolored(halves, drawn(at0=0.0, at3=1.0)).astype(int)
    assert found[0, 0, 0] == pytest.approx(130 - 1.4 * 30, abs=2)
    assert found[0, 0, -1] == pytest.approx(130 + 1.4 * 30, abs=2)


@pytest.mark.parametrize("amount", [0.0, 1.0])
def test_the_hue_turns_by_a_tenth_of_its_circle(amount: float) -> None:
    found = recolored(picture(), drawn(at0=0.0, at5=amount))[:, 0, 0] / 255
    before, after = (colorsys.rgb_to_hsv(*color) for color in (ORANGE / 255, found))
    turned = (after[0] - before[0] + 0.5) % 1 - 0.5
    assert turned == pytest.approx(0.1 * (2 * amount - 1), abs=0.01)
    assert after[1:] == pytest.approx(before[1:], abs=0.02)


def test_the_order_of_jitter_is_drawn() -> None:
    noise = np.random.default_rng(1).integers(0, 256, (3, 16, 16)).astype(np.uint8)
    strongest = {"at0": 0.0, "at2": 1.0, "at3": 1.0, "at4": 0.0, "at5": 1.0}
    found = {recolored(noise, drawn(**strongest, at1=order)).tobytes()
             for order in np.linspace(0, 1, 24, endpoint=False, dtype=np.float32)}  # fmt: skip
    assert len(found) > 8


def test_grey_blur_and_solarisation_are_what_they_are_called() -> None:
    grey = recolored(picture(), drawn(at6=0.0))
    assert np.ptp(grey, axis=0).max() == 0
    assert grey[0, 0, 0] == pytest.approx(0.299 * 200 + 0.587 * 120 + 0.114 * 40, abs=1)
    assert recolored(picture(), drawn(at9=0.0))[:, 0, 0].tolist() == [55, 120, 40]
    edge = picture(np.zeros(3, np.uint8), 224)
    edge[:, :, 112:] = 255
    (sharp, soft) = (recolored(edge, drawn(at7=0.0, at8=amount))[0, 0] for amount in (0.0, 1.0))
    assert ((sharp > 20) & (sharp < 235)).sum() <= 2
    # Of a deviation of 2 pixels 16 and 84 % lie 2 pixels to either side.
    assert soft[110] / 255 == pytest.approx(0.2, abs=0.08)
    assert soft[113] / 255 == pytest.approx(0.8, abs=0.08)


def test_shares_are_those_of_the_source() -> None:
    noise = np.random.default_rng(1).integers(0, 256, (3, 48, 48)).astype(np.uint8)
    for place, share in ((0, 0.8), (6, 0.2), (7, 0.2), (9, 0.2)):
        changed = 0
        for chance in np.random.default_rng(2).random(500, np.float32):
            draw = drawn(at2=1.0, at3=1.0, at4=1.0, at5=1.0, at8=1.0, **{f"at{place}": chance})
            changed += not np.array_equal(recolored(noise, draw), noise)
        assert changed / 500 == pytest.approx(share, abs=0.05), place
