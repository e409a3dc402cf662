"""How different the edits of a class are from each other."""

from varifactory.metrics import pairwise_distance, vendi
from varifactory.study.measures import Measured


def diversity(edits: Measured) -> dict[str, float]:
    """Class name -> mean pairwise cosine distance of its edits, 0 to 2; empty without vectors."""
    vectors = edits.vectors
    if vectors is None:
        return {}
    return edits.by_class(lambda at: pairwise_distance(vectors[at]))


def effective(edits: Measured, at_most: int) -> dict[str, float]:
    """Class name -> how many wholly different edits its edits are worth; empty without vectors.

    The Vendi score grows with their number, so the first ``at_most`` edits of a class count in
    every arm.
    """
    vectors = edits.vectors
    if vectors is None:
        return {}
    return edits.by_class(lambda at: vendi(vectors[at[:at_most]]))


def prompts(edits: Measured) -> dict[str, float]:
    """Class name -> different prompts among its edits."""
    rows = edits.rows
    return edits.by_class(lambda at: float(len({rows[place]["prompt"] for place in at})))
