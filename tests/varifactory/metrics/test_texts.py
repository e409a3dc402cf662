"""Scores of images with texts against the published score, and by hand."""

import numpy as np
import pytest
import torch
from torch.nn.functional import cosine_similarity

from tests.simulated_vectors import vectors
from varifactory.metrics import clip_scores, posterior


def test_a_clip_score_is_a_hundred_times_the_cosine_never_below_zero() -> None:
    images, texts = vectors(40, 1), np.random.default_rng(2).normal(size=(40, 32))
    texts = texts.astype(np.float32)
    cosines = cosine_similarity(torch.from_numpy(images), torch.from_numpy(texts))
    expected = 100 * cosines.clamp(min=0).numpy()
    assert (expected == 0).any()
    np.testing.assert_allclose(clip_scores(images, texts), expected, atol=1e-3)
    np.testing.assert_allclose(clip_scores(images, texts[0])[0], expected[0], atol=1e-3)


def test_a_posterior_is_a_softmax_over_the_class_texts() -> None:
    images, texts = vectors(30, 1), vectors(5, 2)
    expected = torch.softmax(20 * torch.from_numpy(images @ texts.T), dim=1).numpy()
    found = posterior(images, texts, 20)
    np.testing.assert_allclose(found, expected, atol=1e-5)
    np.testing.assert_allclose(found.sum(axis=1), 1)
    assert posterior(images, images, 1e4).argmax(axis=1).tolist() == list(range(30))


def test_a_vector_of_no_length_fits_nothing() -> None:
    images = np.concatenate([vectors(3, 1), np.zeros((1, 32), np.float32)])
    assert clip_scores(images, vectors(4, 2))[3] == 0
    np.testing.assert_allclose(posterior(images, vectors(4, 2))[3], 0.25)


def test_texts_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="9 images and 5 texts"):
        clip_scores(vectors(9, 1), vectors(5, 2))
    with pytest.raises(ValueError, match="one width"):
        posterior(vectors(9, 1), vectors(5, 2, width=8))
