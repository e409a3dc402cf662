"""Measures, issues and numbers of a diagnosis in words, the same all over its page."""

import math
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any

import yaml

from varifactory.diagnosis.figures import Flag
from varifactory.report.wording import NBSP
from varifactory.statistics import Interval

DECIMALS = {"share": 1, "count": 1, "plain": 2, "fine": 4}
"""Of a figure by how it is told; a share is told in percent."""


@cache
def words() -> Mapping[str, Any]:
    """The texts of ``words.yaml``."""
    text = files("varifactory").joinpath("report/diagnosis/words.yaml").read_text(encoding="utf-8")
    found: Mapping[str, Any] = yaml.safe_load(text)
    return found


def head(name: str) -> str:
    """A measure as a column is headed; its name where there are no words for it."""
    known = words()["measures"].get(name)
    return str(known["head"]) if known else name.replace("_", " ").capitalize()


def meaning(name: str) -> str:
    """What a measure means; empty where there are no words for it."""
    return str(words()["measures"].get(name, {}).get("told", ""))


def told_as(name: str) -> str:
    """One of ``DECIMALS``."""
    return str(words()["measures"].get(name, {}).get("as", "plain"))


def figure(name: str, value: float | None) -> str:
    """A value of a measure; a dash where there is none."""
    if value is None:
        return "–"
    if told_as(name) == "share":
        return f"{_number(100 * value, 1)}{NBSP}%"
    return _number(value, DECIMALS[told_as(name)])


def bounds(name: str, interval: Interval) -> str:
    """``52.0 to 71.0``, in the unit of its measure, as far as that measure can go."""
    share, decimals = told_as(name) == "share", DECIMALS[told_as(name)]
    least = -math.inf if name in words()["signed"] else 0.0
    most = 1.0 if share else math.inf
    low, high = (
        _number((100 if share else 1) * min(most, max(least, bound)), decimals)
        for bound in (interval.low, interval.high)
    )
    return f"{low}{NBSP}to{NBSP}{high}"


def _number(value: float, decimals: int) -> str:
    """Of large numbers fewer decimals; nothing is minus zero."""
    kept = max(0, decimals - 2) if abs(value) >= 1000 else decimals
    return f"{round(value, kept) + 0.0:,.{kept}f}".replace("-", "−")


def signed(margin: float) -> str:
    """A difference of two cosines with its sign; nothing is minus zero."""
    value = round(margin, 3) + 0.0
    return f"{'+' if value > 0 else '−' if value < 0 else ''}{abs(value):.3f}"


def issue_name(issue: str) -> str:
    """An issue in a word or two."""
    return str(words()["issues"][issue]["name"])


def kind_name(kind: str) -> str:
    """What fired in a word or three; its own name where there are no words for it."""
    return str(words()["kinds"].get(kind, kind.replace("-", " ")))


def joined(parts: Sequence[str]) -> str:
    """``mug, owl and kettle``."""
    return " and ".join(filter(None, [", ".join(parts[:-1]), *parts[-1:]]))


def sentence(flag: Flag) -> str:
    """What a flag says, as a sentence; a class name that it begins with stays as it is."""
    text = flag.sentence.strip()
    begins = text[:1] if flag.label and text.startswith(flag.label) else text[:1].upper()
    return f"{begins}{text[1:]}{'' if text.endswith(('.', '!', '?')) else '.'}"
