"""What must hold of images before anything is said of them, in words that say what to do."""

from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from varifactory.embeddings import Vectors
from varifactory.errors import FactoryError

SHOWN = 5
"""Names that a message lists; the count tells of the others."""
LONGEST = 60
"""Letters of a name in a message."""
ROUNDING = 1e-5
"""How far the length of a float32 vector may be from 1 after it was divided by it."""


class PopulationError(FactoryError):
    """Images that cannot be diagnosed as they are given."""


def check_sides(name: str, real: Sequence[str], synthetic: Sequence[str]) -> None:
    """Refuse images of which no figure can be made.

    A class without synthetic images passes: that nothing was made of it is a finding.

    Args:
        name: of the images, for the message.
        real: the label of each real image.
        synthetic: the label of each synthetic image.

    Raises:
        PopulationError: one side is empty, there is one synthetic image, a label is empty, there is
            one class, or a class of synthetic images has no real one.
    """
    if not synthetic:
        raise PopulationError(f"{name} holds no synthetic image: there is nothing to diagnose")
    if not real:
        raise PopulationError(
            f"{name} holds {len(synthetic)} synthetic images and no real one to hold them against: "
            "add labelled real images of the same classes"
        )
    if len(synthetic) == 1:
        raise PopulationError(
            f"{name} holds 1 synthetic image: nothing is said of one; give at least 20 a class"
        )
    _check_labels(name, real, synthetic)
    classes = sorted({*real, *synthetic})
    if len(classes) == 1:
        raise PopulationError(
            f"{name} holds one class, {shown(classes[0])}: a diagnosis compares a class with the "
            "others; add images of at least one more"
        )
    if empty := sorted(set(synthetic) - set(real)):
        counts = Counter(synthetic)
        told = listed([f"{shown(one)} ({counts[one]} synthetic)" for one in empty])
        raise PopulationError(
            f"{len(empty)} of {len(classes)} classes of {name} have no real image to be held "
            f"against: {told}; add real images of them, leave their synthetic ones out, or mend "
            "the labels"
        )


def _check_labels(name: str, real: Sequence[str], synthetic: Sequence[str]) -> None:
    for side, labels in (("real", real), ("synthetic", synthetic)):
        if bare := [at for at, label in enumerate(labels) if not label.strip()]:
            raise PopulationError(
                f"{len(bare)} of {len(labels)} {side} images of {name} have no label, the first is "
                f"the {ordinal(bare[0] + 1)} {side} one: give every image its class, or leave it "
                "out"
            )


def target_labels(
    name: str, labels: Sequence[str], synthetic: Sequence[str]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The labels by which a target is compared, and notes on them.

    None at all where an image has none: a target is compared class by class, or as a whole.

    Args:
        name: of the target, for the messages.
        labels: of each image of the target; any may be empty.
        synthetic: of each synthetic image.

    Raises:
        PopulationError: every image has one, and none is a synthetic image's. Nothing would be near
            anything, and pruning would drop whole classes.
    """
    if bare := sum(not label for label in labels):
        some = f"{bare} of {len(labels)} images of {name} have no label: it is compared as a whole"
        return ("",) * len(labels), () if bare == len(labels) else (some,)
    there, made = sorted(set(labels)), sorted(set(synthetic))
    if not set(there) & set(made):
        raise PopulationError(
            f"{name} and the synthetic images share no class: it has {listed(map(shown, there))}, "
            f"they {listed(map(shown, made))}; give both the same names, letter by letter (a "
            "target among vectors of your own may have no classes: it is compared as a whole)"
        )
    notes = []
    if lone := sorted(set(made) - set(there)):
        notes.append(f"{name} has no image of {listed(map(shown, lone))}: none of what was made of "
                     "it lies near, and pruning leaves it out first")  # fmt: skip
    if bare_of := sorted(set(there) - set(made)):
        notes.append(f"no synthetic image of {listed(map(shown, bare_of))}, which {name} has: "
                     "they stay uncovered")  # fmt: skip
    return tuple(labels), tuple(notes)


def of_length_one(name: str, images: Sequence[str], vectors: Vectors) -> Vectors:
    """The vectors (n, width), each divided by its length; one of length 1 stays as it is.

    Args:
        name: of the images, for the message.
        images: their names.
        vectors: of any length above zero.

    Raises:
        PopulationError: a vector holds a number that is not finite, or is zero.
    """
    vectors = np.asarray(vectors, np.float32)
    _refuse(
        name,
        images,
        np.logical_not(np.isfinite(vectors).all(axis=1)),
        "holds NaN, or a number beyond float32",
    )
    # Of float64: squares of large components would overflow, those of small ones vanish.
    lengths = np.linalg.norm(vectors.astype(np.float64), axis=1, keepdims=True)
    _refuse(name, images, lengths[:, 0] == 0, "is zero and points nowhere")
    lengths[abs(lengths - 1) < ROUNDING] = 1
    found: Vectors = (vectors / lengths).astype(np.float32)
    return found


def _refuse(name: str, images: Sequence[str], wrong: NDArray[np.bool_], what: str) -> None:
    if wrong.any():
        first = shown(images[int(np.argmax(wrong))])
        raise PopulationError(
            f"{int(wrong.sum())} of {len(images)} vectors of {name} cannot be used: that of the "
            f"image {first} {what}; embed these images again, or leave them out"
        )


def listed(names: Iterable[str]) -> str:
    """The first names, and how many more there are."""
    every = list(names)
    more = f" and {len(every) - SHOWN} more" if len(every) > SHOWN else ""
    return ", ".join(every[:SHOWN]) + more


def shown(name: str) -> str:
    """A user's own word in a message: quoted, and cut where it is long."""
    return repr(name if len(name) <= LONGEST else f"{name[: LONGEST - 3]}...")


def ordinal(number: int) -> str:
    """``1st``, ``2nd``, ``11th``."""
    last = "th" if number % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10)
    return f"{number:,}{last or 'th'}"
