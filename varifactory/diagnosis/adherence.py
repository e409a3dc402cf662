"""Adherence: whether images show what was asked for, and what they show where they do not."""

from varifactory.diagnosis import by_texts
from varifactory.diagnosis.examining import Examined
from varifactory.diagnosis.figures import Flag
from varifactory.diagnosis.measuring import share
from varifactory.diagnosis.raising import examples, raised
from varifactory.diagnosis.strays import Strays, confusers
from varifactory.metrics import Measure

NAMED = 3
"""Other classes that a sentence names."""


def measures(one: Examined) -> list[Measure]:
    """Recognition by a judge trained on real images, and, with texts, by the encoder."""
    right = share("r2s", one, one.given == one.side.number, one.real_given == one.side.number)
    return [right, *by_texts.measures(one)]


def flag(one: Examined, strays: Strays, evidence: tuple[Measure, ...]) -> Flag | None:
    """Raised where strays are many and no one thing."""
    if not strays.significant or strays.one_mode:
        return None
    named = [f"{name} ({part:.0%})" for name, part in confusers(one)[:NAMED]]
    told = {
        "share": f"{strays.share:.0%}", "n": len(one.side.at),
        "confusers": ", ".join(named) or "no class at all",
    }  # fmt: skip
    return raised(one, "scattered", told, evidence, examples(one, strays.at))
