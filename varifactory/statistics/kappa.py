"""How well raters agree beyond chance: Fleiss' and Cohen's kappa with bootstrap intervals.

Raters are judges or people. Kappa is computed by statsmodels; here is what it leaves to its
caller: which items count, when a kappa is undefined, and how sure it is.
"""

import itertools
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from varifactory.errors import FactoryError

DRAWS = 1000
"""Resamples of an interval: its bounds then move by about 0.01 from seed to seed."""
MOST_UNDEFINED = 0.05
"""Share of resamples without a kappa above which no interval is told: as large as its tails."""
NOTHING = "no item was answered by all of them"
ALL_THE_SAME = "all answers are the same, so chance agreement is complete and kappa has no value"

Codes = NDArray[np.int64]
"""(ways, raters): every way in which an item was answered, an answer as a number; with how many
times each occurs, which is all that a kappa depends on."""
Answers = Mapping[str, Mapping[str, str]]
"""Rater -> item -> answer; an item that a rater did not answer is absent."""


@dataclass(frozen=True, slots=True)
class Kappa:
    """Agreement of some raters on one question."""

    question: str
    raters: tuple[str, ...]
    method: str
    """``Fleiss`` (1971), of any number of raters, or ``Cohen`` (1960), of two."""
    items: int
    """Answered by all these raters; others are left out."""
    agreed: float | None
    """Share of them on which all say the same, 0 to 1; None without items."""
    value: float | None
    """1 complete agreement, 0 what chance gives; None where it is undefined."""
    low: float | None
    high: float | None
    undefined: str = ""
    """Why there is no value."""


def packed(found: Iterable[Kappa]) -> bytes:
    """Kappas as JSON; ``unpacked`` reads them again."""
    return json.dumps([asdict(kappa) for kappa in found], indent=1).encode()


def unpacked(data: bytes) -> list[Kappa]:
    """What was packed."""
    return [kappa_of(one) for one in json.loads(data)]


def kappa_of(data: Mapping[str, Any]) -> Kappa:
    """A kappa from plain data."""
    return Kappa(**{**data, "raters": tuple(data["raters"])})


def kappas(
    question: str,
    answers: Answers,
    groups: Mapping[str, str] | None = None,
    confidence: float = 0.95,
    seed: int = 0,
) -> list[Kappa]:
    """Fleiss' kappa of all raters, then Cohen's of every pair; empty for fewer than two raters.

    The interval is a percentile bootstrap that draws whole groups anew, with replacement.

    Args:
        question: what was answered.
        answers: of the raters, in the order in which they are named.
        groups: item -> what it was made from, such as its source image: answers on one source
            hang together, and drawing items one by one would look too sure. Without it every item
            is its own group.
        confidence: of the intervals, between 0 and 1.
        seed: the draws follow from it.
    """
    raters = tuple(answers)
    if len(raters) < 2:
        return []
    found = [_kappa(question, "Fleiss", raters, answers, groups, confidence, seed)]
    for pair in itertools.combinations(raters, 2):
        found.append(_kappa(question, "Cohen", pair, answers, groups, confidence, seed))
    return found


def _kappa(
    question: str,
    method: str,
    raters: tuple[str, ...],
    answers: Answers,
    groups: Mapping[str, str] | None,
    confidence: float,
    seed: int,
) -> Kappa:
    items = sorted(set.intersection(*(set(answers[rater]) for rater in raters)))
    if not items:
        return Kappa(question, raters, method, 0, None, None, None, None, NOTHING)
    said = [[answers[rater][item] for rater in raters] for item in items]
    codes = np.unique(np.array(said), return_inverse=True)[1].reshape(len(items), len(raters))
    agreed = float((codes == codes[:, :1]).all(axis=1).mean())
    ways, way_of = np.unique(codes, axis=0, return_inverse=True)
    measure = _cohen if method == "Cohen" else _fleiss
    value = measure(ways, np.bincount(way_of.ravel()))
    if value is None:
        return Kappa(question, raters, method, len(items), agreed, None, None, None, ALL_THE_SAME)
    names = [groups[item] if groups else item for item in items]
    low, high = _interval(ways, way_of.ravel(), names, measure, confidence, seed)
    return Kappa(question, raters, method, len(items), agreed, value, low, high)


def inter_rater() -> Any:
    """The module of statsmodels that knows kappa.

    Raises:
        FactoryError: it is not installed: a reader of data sets does without.
    """
    try:
        from statsmodels.stats import inter_rater
    except ImportError as error:
        raise FactoryError(
            f"kappa needs statsmodels ({error}): pip install 'varifactory[run]'"
        ) from None
    return inter_rater


def _fleiss(ways: Codes, times: Codes) -> float | None:
    counts = np.zeros((len(ways), int(ways.max()) + 1), int)
    np.add.at(counts, (np.arange(len(ways))[:, None], ways), 1)
    if np.count_nonzero(counts[times > 0].any(axis=0)) < 2:
        return None
    return float(inter_rater().fleiss_kappa(np.repeat(counts, times, axis=0)))


def _cohen(ways: Codes, times: Codes) -> float | None:
    table = np.zeros((int(ways.max()) + 1,) * 2)
    np.add.at(table, (ways[:, 0], ways[:, 1]), times)
    if np.count_nonzero(table.any(axis=0) | table.any(axis=1)) < 2:
        return None
    return float(inter_rater().cohens_kappa(table, return_results=False))


def _interval(
    ways: Codes,
    way_of: Codes,
    names: Sequence[str],
    measure: Callable[[Codes, Codes], float | None],
    confidence: float,
    seed: int,
) -> tuple[float | None, float | None]:
    """Bounds; none where too many draws have no kappa, or there is one group alone."""
    group_of = np.unique(np.array(names), return_inverse=True)[1]
    groups = int(group_of.max()) + 1
    if groups < 2:
        return None, None
    random = np.random.default_rng(seed)
    draws = []
    for _ in range(DRAWS):
        drawn = np.bincount(random.integers(groups, size=groups), minlength=groups)
        times = np.bincount(way_of, weights=drawn[group_of], minlength=len(ways))
        found = measure(ways, times.astype(int))
        if found is not None:
            draws.append(found)
    if len(draws) < (1 - MOST_UNDEFINED) * DRAWS:
        return None, None
    tail = (1 - confidence) / 2
    low, high = np.quantile(draws, [tail, 1 - tail])
    return float(low), float(high)
