"""Which of several masks is taken, and in which words that is told."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from varifactory.models import Candidate, Region, Segmentation
from varifactory.models.masks.prompting import Box

NOT_FINITE = "its numbers are not finite: set masks.checkpoint.dtype=float32"
EMPTY = "an empty mask"


@dataclass(frozen=True, slots=True)
class Found:
    """A mask that a model found."""

    mask: Region
    method: str
    score: float | None
    """Its own estimate of its IoU, 0 to 1."""
    prompt_score: float | None = None
    """How sure the finder of its box is, 0 to 1; None where the box was not looked for."""
    box: Box | None = None

    @property
    def trust(self) -> float | None:
        """Both estimates multiplied: a fine mask of an unlikely box is as poor as the reverse."""
        known = [one for one in (self.score, self.prompt_score) if one is not None]
        return math.prod(known) if known else None

    @property
    def fault(self) -> str:
        """Why it cannot be taken; empty where it can."""
        if self.trust is not None and not math.isfinite(self.trust):
            return NOT_FINITE
        return "" if self.mask.any() else EMPTY

    @property
    def candidate(self) -> Candidate:
        trust = None if self.fault == NOT_FINITE else self.trust
        return Candidate(self.method, trust, float(self.mask.mean()), self.box, self.fault)


def chosen(found: Sequence[Found], rule: str, method: str, note: str = "") -> Segmentation:
    """The mask that ``rule`` takes; with the others beside it where there are several.

    Args:
        found: of one image, at least one.
        rule: ``best-score``, ``largest`` or ``most-central``; the first of equals is taken.
        method: told of an empty segmentation, where none can be taken.
        note: what else there is to tell of how they were found.
    """
    fit = [one for one in found if not one.fault]
    told = len(found) > 1 or found[0].prompt_score is not None
    candidates = tuple(one.candidate for one in found) if told else ()
    if not fit:
        faults = ", ".join(sorted({one.fault for one in found}))
        return nothing(found[0].mask.shape, method, faults, candidates)
    values = [_value(one, rule) for one in fit]
    best = fit[int(np.argmax(values))]
    why = _why(best, rule, len(fit), len(found)) if told else ""
    choice = "; ".join(part for part in (why, note) if part)
    score = None if best.score is None else float(np.clip(best.score, 0, 1))
    return Segmentation(best.mask, score, best.method, best.box, candidates, choice)


def nothing(
    shape: tuple[int, ...], method: str, why: str, candidates: tuple[Candidate, ...] = ()
) -> Segmentation:
    """An empty segmentation, with the way that was tried and why it found nothing."""
    tried = candidates or (Candidate(method, None, 0.0, None, why),)
    return Segmentation(np.zeros(shape[:2], bool), None, method, None, tried, f"{method}: {why}")


def _value(found: Found, rule: str) -> float:
    if rule == "largest" or (rule == "best-score" and found.trust is None):
        return float(found.mask.mean())
    return found.trust or 0.0 if rule == "best-score" else -_off_centre(found.mask)


def _off_centre(mask: Region) -> float:
    """Distance of the mask's middle from the image's, in half diagonals."""
    rows, columns = np.nonzero(mask)
    y, x = rows.mean() / max(1, mask.shape[0] - 1), columns.mean() / max(1, mask.shape[1] - 1)
    return math.hypot(y - 0.5, x - 0.5) / math.sqrt(0.5)


def _why(best: Found, rule: str, fit: int, of: int) -> str:
    if fit == 1:
        said = "the only one" if of == 1 else f"the only one of {of} that could be taken"
    else:
        said = f"{rule} of {fit}"
    measured = {
        "largest": f"area {best.mask.mean():.3f}",
        "most-central": f"{_off_centre(best.mask):.3f} half diagonals off the middle",
        "best-score": "no scores, so the largest" if best.trust is None else "",
    }[rule]
    return ", ".join(part for part in (f"{said}: {_score(best)}".rstrip(": "), measured) if part)


def _score(found: Found) -> str:
    if found.trust is None:
        return ""
    both = found.score is not None and found.prompt_score is not None
    parts = f" = box {found.prompt_score:.3f} x mask {found.score:.3f}" if both else ""
    return f"score {found.trust:.3f}{parts}"
