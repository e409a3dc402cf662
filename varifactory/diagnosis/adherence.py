"""Adherence: whether images show what was asked for, and what they show where they do not."""

import numpy as np

from varifactory.diagnosis import by_texts
from varifactory.diagnosis.chance import FEWEST
from varifactory.diagnosis.examining import Examined
from varifactory.diagnosis.figures import Flag
from varifactory.diagnosis.measuring import share
from varifactory.diagnosis.raising import examples, pictured, raised
from varifactory.diagnosis.strays import Strays, confusers
from varifactory.metrics import Measure
from varifactory.report.wording import percent

NAMED = 3
"""Other classes that a sentence names."""
MOST = 0.5
"""Share of wrong images above which most of them are."""


def measures(one: Examined) -> list[Measure]:
    """Recognition by a judge trained on real images, and, with texts, by the encoder."""
    right = share("r2s", one, one.given == one.side.number, one.real_given == one.side.number)
    return [right, *by_texts.measures(one)]


def flag(one: Examined, strays: Strays, evidence: tuple[Measure, ...]) -> Flag | None:
    """Raised where strays are many and no one thing."""
    if not strays.significant or strays.one_mode:
        return None
    told = {"share": percent(strays.share), "n": len(one.side.at), "confusers": _confusers(one)}
    return raised(one, "scattered", told, evidence, examples(one, strays.at))


def few_wrong(one: Examined, evidence: tuple[Measure, ...]) -> Flag | None:
    """Raised where a class is a handful of pictures again and again, and most of them are wrong.

    Wrong is who is taken for another class, or lies farther out than every real image of its own.
    They are too few to tell a sense of the name, or chance, by: that is what can be said.
    """
    count = len(np.unique(one.pictures))
    if count >= FEWEST:
        return None
    elsewhere = (one.given >= 0) & (one.given != one.side.number)
    made, real = one.depth
    off = ~elsewhere & ~one.manifold.inside & (made > real.max())
    wrong = elsewhere | off
    if wrong.mean() <= MOST:
        return None
    told = {
        "n": len(wrong), "pictures": pictured(count), "elsewhere": percent(elsewhere.mean()),
        "confusers": _confusers(one), "off": percent(off.mean()),
    }  # fmt: skip
    return raised(one, "few-wrong", told, evidence, examples(one, wrong))


def _confusers(one: Examined) -> str:
    named = [f"{name} ({percent(part)})" for name, part in confusers(one)[:NAMED]]
    return ", ".join(named) or "no class at all"
