"""Which class an image shows: by its likeness to the real training images of each class."""

import threading
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from varifactory.keys import digest
from varifactory.models import ClipModel, Pixels

SCALES: tuple[float, ...] = tuple(np.geomspace(2, 200, 41).tolist())
BATCH = 64


class Prototypes:
    """The mean embedding of each class's examples; made at first use, safe among threads.

    Args:
        clip: what embeds; the examples and the judged images alike.
        examples: pixel hash and label of every real training image.
        load: the image of a pixel hash; called at first use only, so that a cached run reads none.
    """

    def __init__(
        self, clip: ClipModel, examples: Sequence[tuple[str, str]], load: Callable[[str], Pixels]
    ) -> None:
        self._clip, self._examples, self._load = clip, sorted(set(examples)), load
        self._lock = threading.Lock()
        self._made: tuple[tuple[str, ...], NDArray[np.float32], float] | None = None

    @property
    def identity(self) -> Mapping[str, str | int | float | bool | None]:
        """The model's own, and the hash of the set of examples."""
        of_clip = {f"clip {name}": value for name, value in self._clip.identity.items()}
        return {**of_clip, "examples": digest([list(pair) for pair in self._examples])}

    def classify(self, images: Sequence[Pixels]) -> list[dict[str, float]]:
        """Probability of every class for each image; empty with fewer than two classes."""
        names, means, scale = self._prototypes()
        if len(names) < 2:
            return [{} for _ in images]
        logits = (self._clip.embed_images(images) @ means.T).astype(np.float64) * scale
        chances = np.exp(logits - logits.max(axis=1, keepdims=True))
        chances /= chances.sum(axis=1, keepdims=True)
        return [dict(zip(names, row.tolist(), strict=True)) for row in chances]

    def _prototypes(self) -> tuple[tuple[str, ...], NDArray[np.float32], float]:
        with self._lock:
            if self._made is None:
                self._made = self._make()
            return self._made

    def _make(self) -> tuple[tuple[str, ...], NDArray[np.float32], float]:
        names = tuple(sorted({label for _, label in self._examples}))
        if len(names) < 2:
            return names, np.zeros((0, 0), np.float32), 1.0
        hashes = [pixels for pixels, _ in self._examples]
        truth = np.array([names.index(label) for _, label in self._examples])
        parts = [self._clip.embed_images([self._load(one) for one in hashes[at : at + BATCH]])
                 for at in range(0, len(hashes), BATCH)]  # fmt: skip
        embedded = np.concatenate(parts).astype(np.float64)
        sums = np.stack([embedded[truth == place].sum(axis=0) for place in range(len(names))])
        return names, _unit(sums).astype(np.float32), _scale(embedded, truth, sums)


def _unit(vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.asarray(vectors / np.maximum(lengths, 1e-9), np.float64)


def _scale(
    embedded: NDArray[np.float64], truth: NDArray[np.intp], sums: NDArray[np.float64]
) -> float:
    """Of a grid, the scale of cosines under which the examples' own labels are likeliest.

    Each example is held against prototypes made without it; one that is alone in its class is left
    out, as nothing would stand for its class.
    """
    counts = np.bincount(truth, minlength=len(sums))
    cosines = embedded @ _unit(sums).T
    own = _unit(sums[truth] - embedded)
    cosines[np.arange(len(truth)), truth] = (embedded * own).sum(axis=1)
    cosines, kept = cosines[counts[truth] > 1], truth[counts[truth] > 1]
    if not len(kept):
        return SCALES[0]

    def surprise(scale: float) -> float:
        logits = cosines * scale
        top = logits.max(axis=1)
        total = top + np.log(np.exp(logits - top[:, None]).sum(axis=1))
        return float((total - logits[np.arange(len(kept)), kept]).mean())

    return min(SCALES, key=surprise)
