"""Scores of images with texts against the published score, and by hand."""

import numpy as np
import pytest
import torch
from torch.nn.functional import cosine_similarity
from torchmetrics.multimodal.clip_score import CLIPScore
from transformers import CLIPConfig, CLIPImageProcessor, CLIPModel, CLIPProcessor, CLIPTokenizer

from tests.simulated_vectors import vectors
from varifactory.metrics import clip_scores, posterior

WORDS = ("cat", "mug", "owl", "a", "photo", "of", "red", "old")


class TinyClip(CLIPModel):
    """Random weights; answers features as bare tensors, as torchmetrics expects them."""

    def get_image_features(self, pixel_values):
        return super().get_image_features(pixel_values).pooler_output

    def get_text_features(self, input_ids, attention_mask):
        return super().get_text_features(input_ids, attention_mask).pooler_output


def tiny_clip() -> tuple[TinyClip, CLIPProcessor]:
    """A CLIP that tells its few words and pictures apart."""
    ends = ["<|startoftext|>", "<|endoftext|>"]
    letters = [chr(code) for code in range(ord("a"), ord("z") + 1)]
    symbols = [*letters, *(f"{letter}</w>" for letter in letters), *ends]
    tokens = CLIPTokenizer(
        {symbol: at for at, symbol in enumerate(symbols)}, [], model_max_length=24
    )
    tower = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2,
             "num_attention_heads": 2}  # fmt: skip
    start, end = len(symbols) - 2, len(symbols) - 1
    torch.manual_seed(3)
    model = TinyClip(CLIPConfig(
        text_config={**tower, "vocab_size": len(symbols), "max_position_embeddings": 24,
                     "bos_token_id": start, "eos_token_id": end, "pad_token_id": end},
        vision_config={**tower, "image_size": 32, "patch_size": 8}, projection_dim=16,
    )).eval()  # fmt: skip
    side = {"height": 32, "width": 32}
    pictures = CLIPImageProcessor(size={"shortest_edge": 32}, crop_size=side)
    return model, CLIPProcessor(image_processor=pictures, tokenizer=tokens)


def test_a_clip_score_is_a_hundred_times_the_cosine_never_below_zero() -> None:
    images, texts = vectors(40, 1), np.random.default_rng(2).normal(size=(40, 32))
    texts = texts.astype(np.float32)
    cosines = cosine_similarity(torch.from_numpy(images), torch.from_numpy(texts))
    expected = 100 * cosines.clamp(min=0).numpy()
    assert (expected == 0).any()
    np.testing.assert_allclose(clip_scores(images, texts), expected, atol=1e-3)
    np.testing.assert_allclose(clip_scores(images, texts[0])[0], expected[0], atol=1e-3)


def test_clip_scores_are_those_of_torchmetrics() -> None:
    model, processor = tiny_clip()
    shown = torch.randint(0, 256, (12, 3, 32, 32), generator=torch.Generator().manual_seed(1))
    texts = [f"a {WORDS[at % 8]} {WORDS[at // 2]}" for at in range(12)]
    published = CLIPScore(lambda: (model, processor))
    with torch.inference_mode():
        expected = []
        for picture, text in zip(shown, texts, strict=True):  # else a mean is cut off at 0, once
            published.update([picture], [text])
            expected.append(float(published.compute()))
            published.reset()
        seen = processor(images=list(shown), text=texts, return_tensors="pt", padding=True)
        images = model.get_image_features(seen["pixel_values"]).numpy()
        read = model.get_text_features(seen["input_ids"], seen["attention_mask"]).numpy()
    assert len({round(one, 1) for one in expected}) > 6
    assert min(expected) == 0 < max(expected)
    np.testing.assert_allclose(clip_scores(images, read), expected, atol=1e-3)


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
