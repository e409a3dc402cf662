"""What a judge of real against synthetic says of one set, of two, and of edits of what it knows."""

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.metrics import roc_auc_score

from tests.simulated_vectors import vectors
from varifactory.metrics import TooFew, area, domain, domain_auc


def test_halves_of_one_set_cannot_be_told_apart() -> None:
    found = [domain_auc(vectors(400, 10 + at), vectors(400, 50 + at)).auc for at in range(5)]
    assert np.mean(found) == pytest.approx(0.5, abs=0.05)
    digits = np.random.default_rng(1).permutation(load_digits().data.astype(np.float32))
    assert domain_auc(digits[:898], digits[898:]).auc == pytest.approx(0.5, abs=0.05)


def test_inverted_images_are_told_apart() -> None:
    digits = np.random.default_rng(1).permutation(load_digits().data.astype(np.float32))[:400]
    assert domain_auc(digits[:200], 16 - digits[200:]).auc > 0.9
    assert domain_auc(vectors(100, 1), vectors(100, 2, shift=1.0)).auc > 0.9


def test_scores_are_of_held_out_images_and_make_the_value() -> None:
    real, synthetic = vectors(90, 1), vectors(60, 2, shift=0.2)
    found = domain_auc(real, synthetic, seed=3)
    both = np.concatenate([found.real, found.synthetic])
    assert found.auc == pytest.approx(roc_auc_score(np.repeat([0, 1], [90, 60]), both))
    again, other = domain_auc(real, synthetic, seed=3), domain_auc(real, synthetic, seed=4)
    np.testing.assert_array_equal(again.synthetic, found.synthetic)
    assert other.auc != found.auc
    # A judge that had seen them would part 60 images a side in 64 dimensions wholly.
    wide = domain_auc(vectors(60, 1, width=64), vectors(60, 2, width=64))
    assert wide.auc < 0.7


def test_an_edit_is_not_known_by_its_source() -> None:
    """Faint edits: a judge that has learned the source is sure that its edit is real, too."""
    real = vectors(100, 1, width=128, noise=3.0)
    edits = real + 0.01 * vectors(100, 2, width=128)
    known = domain_auc(real, edits)
    fair = domain_auc(real, edits, own=np.arange(100))
    assert known.auc < 0.4
    assert fair.auc == pytest.approx(0.5, abs=0.1)


def test_what_was_made_of_one_source_is_judged_by_others_alone() -> None:
    """As fresh as the real ones, ten near-copies each, of sources that are not among them."""
    learned, fair = [], []
    for seed in range(4):
        real, sources = vectors(300, seed, width=64), np.repeat(np.arange(30), 10)
        made = vectors(30, 100 + seed, width=64)[sources] + 0.02 * vectors(
            300, 200 + seed, width=64
        )
        nowhere = np.full(300, -1)
        learned.append(domain_auc(real, made, seed, own=nowhere).auc)
        fair.append(domain_auc(real, made, seed, own=nowhere, sources=sources).auc)
    assert np.mean(learned) > 0.7
    assert np.mean(fair) == pytest.approx(0.5, abs=0.1)


def test_sets_without_any_overlap_and_sets_without_any_difference() -> None:
    """Neither ends in a warning of the judge's."""
    apart = domain_auc(vectors(40, 1, width=256), -vectors(300, 2, width=256))
    assert apart.auc == 1
    same = np.repeat(vectors(1, 1), 20, axis=0)
    assert domain_auc(same, same).auc == 0.5


def test_only_some_images_teach_and_all_are_scored(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sorted by class, as tables come: a judge of the first rows would know nothing of the rest."""
    monkeypatch.setattr(domain, "MOST", 60)
    dice = np.random.default_rng(1)
    real, synthetic = dice.normal(size=(2, 300, 8)).astype(np.float32)
    synthetic[:150, 0] += 3  # one class shows it here,
    synthetic[150:, 1] += 3  # the other there
    found = domain_auc(real, synthetic)
    for rows in (slice(150), slice(150, 300)):
        assert area(found.real[rows], found.synthetic[rows]) > 0.8


def test_sources_of_a_single_fold_are_refused() -> None:
    with pytest.raises(TooFew, match="sources in one of 5 folds"):
        domain_auc(vectors(40, 1), vectors(20, 2), own=np.zeros(20, np.int64))
    with pytest.raises(TooFew, match="all 20 synthetic images are of sources in one of 5 folds"):
        domain_auc(vectors(40, 1), vectors(20, 2), sources=np.zeros(20, np.int64))


def test_ties_count_as_half() -> None:
    assert area(np.array([0.0, 1.0]), np.array([1.0, 2.0])) == pytest.approx(0.875)
    assert area(np.zeros(5), np.zeros(3)) == 0.5


def test_fewer_images_than_folds_are_refused() -> None:
    with pytest.raises(ValueError, match="5 folds of 4 and 9 images"):
        domain_auc(vectors(4, 1), vectors(9, 2))
