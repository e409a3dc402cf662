from collections.abc import Sequence

import numpy as np
import pytest

from tests.planted_copies import disguised
from varifactory.decoding import decode_image
from varifactory.images import phash
from varifactory.leakage.neighbours import (
    BITS,
    alike_hashes,
    find_neighbours,
    nearest,
    neighbour_spec,
)
from varifactory.world import load_world, render, sample_scene


@pytest.fixture(scope="module")
def scenes() -> list[np.ndarray]:
    world = load_world()
    names = ("taxi", "apple", "whale")
    return [render(world, sample_scene(world, 40 + n, class_name=names[n % 3]), 96).image
            for n in range(30)]  # fmt: skip


class Pictures:
    """Rows, pixels and made-up vectors of pictures by name."""

    def __init__(self) -> None:
        self.pixels: dict[str, np.ndarray] = {}
        self.vectors: dict[str, np.ndarray] = {}

    def row(self, name: str, pixels: np.ndarray, vector: Sequence[float], **more: str) -> dict:
        self.pixels[name] = pixels
        self.vectors[name] = np.float32(vector) / np.linalg.norm(vector)
        return {"key": name, "pixel_sha256": name, **more}

    def of(self, names: Sequence[str]) -> np.ndarray:
        return np.stack([self.vectors[name] for name in names])

    def load(self, row: dict) -> np.ndarray:
        return self.pixels[row["key"]]


def far(number: int) -> list[float]:
    """A direction that lies far from the first three."""
    return [0.0, 0.0, 0.0, *np.random.default_rng(number).normal(size=20)]


def test_a_turned_copy_is_found_though_its_embedding_lies_far_away(scenes) -> None:
    pictures = Pictures()
    test = [pictures.row(f"test {n}", scene, [1, n / 40, 0, *[0.0] * 20])
            for n, scene in enumerate(scenes)]  # fmt: skip
    copy = decode_image(disguised(scenes[20], "turned", 2), 96)
    train = [pictures.row("copy", copy, [1, 0, 0, *[0.0] * 20])]
    (leak,) = find_neighbours(train, test, pictures.of, pictures.load)
    assert (leak.train_key, leak.test_key, leak.how) == ("copy", "test 20", "turned copy")


def test_an_embedding_neighbour_counts_only_if_it_shows_the_scene(scenes) -> None:
    pictures = Pictures()
    grey = scenes[0].mean(axis=2, keepdims=True).repeat(3, axis=2).astype(np.uint8)
    cut = decode_image(disguised(grey[:70, 20:], "same file"), 96)
    train = [pictures.row("cut and grey", cut, [1, 0, 0, *[0.0] * 20]),
             pictures.row("another", scenes[1], [0, 1, 0, *[0.0] * 20])]  # fmt: skip
    test = [pictures.row("its original", scenes[0], [1, 0.1, 0, *[0.0] * 20]),
            pictures.row("near by chance", scenes[4], [0, 1, 0.1, *[0.0] * 20])]  # fmt: skip
    test += [pictures.row(f"test {n}", scene, far(n)) for n, scene in enumerate(scenes[6:])]
    leaks = find_neighbours(train, test, pictures.of, pictures.load)
    assert [(leak.train_key, leak.test_key, leak.how) for leak in leaks] == [
        ("cut and grey", "its original", "embedding neighbour")
    ]
    assert leaks[0].score > 0.83


def test_an_edit_is_looked_at_where_it_left_its_source_for_a_test_image(scenes) -> None:
    pictures = Pictures()
    copy = decode_image(disguised(scenes[3], "cropped", 4), 96)
    pictures.row("source", scenes[9], [0, 1, 0, *[0.0] * 20])
    edits = [
        pictures.row("strayed", copy, [1, 0.2, 0, *[0.0] * 20], source_pixels="source"),
        pictures.row("stayed", scenes[9], [0.1, 1, 0, *[0.0] * 20], source_pixels="source"),
    ]
    test = [pictures.row("test", scenes[3], [1, 0, 0, *[0.0] * 20]),
            pictures.row("twin of stayed", scenes[9], [0.8, 1, 0, *[0.0] * 20])]  # fmt: skip
    leaks = find_neighbours(edits, test, pictures.of, pictures.load)
    assert [(leak.train_key, leak.test_key) for leak in leaks] == [("strayed", "test")]


def test_perceptual_hashes(scenes) -> None:
    rows = [{"phash": phash(scene)} for scene in scenes[:6]]
    copy = decode_image(disguised(scenes[2], "re-encoded"), 96)
    assert list(alike_hashes([{"phash": phash(copy)}, {}], rows)) == [(0, 2)]
    assert BITS < 16


def test_the_nearest_are_found_block_by_block() -> None:
    rng = np.random.default_rng(2)
    first, second = (rng.normal(size=(n, 8)).astype(np.float32) for n in (1300, 40))
    found = dict.fromkeys(range(1300), ())
    for (one, other), cosine in nearest(first, second, 3):
        assert cosine == pytest.approx(float(first[one] @ second[other]), abs=1e-5)
        found[one] = (*found[one], other)
    expected = np.argsort(-(first @ second.T), axis=1)[:, :3]
    assert all(set(found[at]) == set(row) for at, row in enumerate(expected))
    assert len(list(nearest(first[:2], second[:2], 6))) == 4


def test_nothing_is_near_nothing(scenes) -> None:
    pictures = Pictures()
    row = pictures.row("one", scenes[0], [1, 0, 0])
    assert find_neighbours([], [row], pictures.of, pictures.load) == []
    assert find_neighbours([row], [], pictures.of, pictures.load) == []


def test_what_a_check_says_follows_from_its_spec() -> None:
    assert neighbour_spec("a") != neighbour_spec("b")
