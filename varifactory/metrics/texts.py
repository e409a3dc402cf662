"""How well images fit texts, by vectors of one encoder of both."""

import numpy as np

from varifactory.metrics.vectors import Numbers, Vectors, shared_width, unit


def clip_scores(images: Vectors, texts: Vectors) -> Numbers:
    """(n,) CLIPScores (Hessel et al., 2021) of images with their own texts, 0 to 100.

    Their level is the encoder's: only the difference to real images of the class says anything.

    Args:
        images: (n, width).
        texts: (n, width), or (width,) for one text of all.
    """
    texts = np.broadcast_to(texts, images.shape) if texts.ndim == 1 else texts
    shared_width(images, texts)
    if len(images) != len(texts):
        raise ValueError(f"{len(images)} images and {len(texts)} texts: give one each, or one text")
    cosines = np.einsum("nw,nw->n", unit(images), unit(texts), dtype=np.float64)
    scores: Numbers = 100 * np.maximum(cosines, 0.0)
    return scores


def posterior(images: Vectors, class_texts: Vectors, scale: float = 100.0) -> Numbers:
    """(n, classes) probabilities of the classes by their texts; rows add up to 1.

    Args:
        images: (n, width).
        class_texts: (classes, width).
        scale: the encoder's logit scale.
    """
    shared_width(images, class_texts)
    logits = scale * (unit(images) @ unit(class_texts).T).astype(np.float64)
    odds = np.exp(logits - logits.max(axis=1, keepdims=True))
    shares: Numbers = odds / odds.sum(axis=1, keepdims=True)
    return shares
