import numpy as np

from varifactory.models.builtin.inpainting_score import classical_fill, mean_fill


def stripe() -> tuple[np.ndarray, np.ndarray]:
    image = np.full((12, 12, 3), 40, np.uint8)
    image[:, 6:] = 200
    region = np.zeros((12, 12), bool)
    region[2:6, 7:10] = True
    return image, region


def test_mean_fill_uses_what_is_seen_and_touches_nothing_else():
    image, region = stripe()
    filled = mean_fill(image, region)
    assert np.abs(filled[region].astype(int) - image[~region].mean(0)).max() <= 1
    assert np.array_equal(filled[~region], image[~region])


def test_mean_fill_of_a_wholly_hidden_picture_is_gray():
    image, _ = stripe()
    assert (mean_fill(image, np.ones((12, 12), bool)) == 127).all()


def test_classical_inpainting_continues_its_neighbours():
    image, region = stripe()
    filled = classical_fill(image, region)
    assert np.abs(filled[region].astype(int) - 200).max() < 60
    assert np.array_equal(filled[~region], image[~region])
