"""The synthetic images that are diagnosed, and the real ones they are held against, as vectors."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from varifactory.embeddings import Vectors
from varifactory.errors import FactoryError


class PopulationError(FactoryError):
    """Images that cannot be diagnosed as they are given."""


@dataclass(frozen=True, slots=True)
class Images:
    """Labelled images, row by row."""

    pixels: tuple[str, ...]
    """Hash of the decoded pixels, or a user's own name of the image."""
    labels: tuple[str, ...]
    vectors: Vectors
    """(n, width), of length 1."""
    blobs: tuple[str, ...] = ()
    """PNGs in the store, for strips of evidence; empty where there are none."""

    def __len__(self) -> int:
        return len(self.pixels)


@dataclass(frozen=True, slots=True)
class Population:
    """All that a diagnosis rests on; validated by whoever makes one."""

    name: str
    """``pets@3``, or a file's."""
    encoder: str
    class_names: tuple[str, ...]
    real: Images
    """The reference."""
    synthetic: Images
    attributes: tuple[str, ...]
    """A synthetic image each; empty text where the whole image is synthetic."""
    own: NDArray[np.int64]
    """Place in ``real`` of the image that each synthetic one was made from; -1: of none there. Left
    out of its neighbours, so that an edit is not praised for its own source."""
    prompts: tuple[str, ...] = ()
    """A synthetic image each; empty without prompts."""
    prompt_vectors: Vectors | None = None
    """(synthetic images, width); None without an encoder of texts."""
    class_vectors: Vectors | None = None
    """(classes, width): texts of the class names; None without an encoder of texts."""
    senses: Mapping[str, Mapping[str, Vectors]] = field(default_factory=dict)
    """Class name -> other sense -> (width,)."""
    logit_scale: float = 100.0
    target: Images | None = None
    """Images of another domain that synthetic ones should overlap with, labels may be empty; None:
    the reference."""
