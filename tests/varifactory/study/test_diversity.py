"""Diversity against sums over all pairs, and the Vendi score at its known ends."""

import numpy as np
import pytest

from varifactory.study.diversity import diversity, effective, prompts
from varifactory.study.measures import Measured


def edits(vectors: np.ndarray, labels: list[str]) -> Measured:
    vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    rows = [{"label": label, "prompt": f"{label} {at % 3}"} for at, label in enumerate(labels)]
    return Measured(rows, {}, vectors.astype(np.float32))


def test_the_mean_over_all_pairs_is_that_of_a_double_loop() -> None:
    dice = np.random.default_rng(1)
    labels = ["a"] * 9 + ["b"] * 5 + ["lone"]
    some = edits(dice.normal(size=(15, 8)), labels)
    assert some.vectors is not None
    found = diversity(some)
    assert set(found) == {"a", "b"}
    for label, at in (("a", range(9)), ("b", range(9, 14))):
        pairs = [
            1 - some.vectors[one] @ some.vectors[two] for one in at for two in at if one != two
        ]
        assert found[label] == pytest.approx(np.mean(pairs), abs=1e-6)


def test_copies_are_worth_one_and_what_is_square_to_each_other_its_number() -> None:
    assert effective(edits(np.ones((6, 4)), ["a"] * 6), 10)["a"] == pytest.approx(1, abs=1e-6)
    assert effective(edits(np.eye(6), ["a"] * 6), 10)["a"] == pytest.approx(6, abs=1e-6)
    two_kinds = np.repeat(np.eye(4)[:2], 5, axis=0)
    assert effective(edits(two_kinds, ["a"] * 10), 10)["a"] == pytest.approx(2, abs=1e-6)
    assert effective(edits(np.eye(6), ["a"] * 6), 3)["a"] == pytest.approx(3, abs=1e-6)


def test_more_edits_than_dimensions_have_the_same_score_by_the_smaller_matrix() -> None:
    vectors = np.random.default_rng(2).normal(size=(20, 5))
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    shares = np.linalg.eigvalsh(unit @ unit.T / 20)
    shares = shares[shares > 1e-12]
    expected = np.exp(-(shares * np.log(shares)).sum())
    assert effective(edits(vectors, ["a"] * 20), 20)["a"] == pytest.approx(expected, rel=1e-5)


def test_without_vectors_nothing_is_said_but_prompts_are_counted() -> None:
    some = edits(np.eye(4), ["a"] * 4)
    bare = Measured(some.rows, {}, None)
    assert (diversity(bare), effective(bare, 5)) == ({}, {})
    assert prompts(bare) == {"a": 3.0}
