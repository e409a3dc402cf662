"""What ``flags.yaml`` holds: when a flag is raised, and in which words."""

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any, cast

import yaml

from varifactory.diagnosis.figures import Issue


@cache
def _data() -> Mapping[str, Mapping[str, Mapping[str, Any]]]:
    text = files("varifactory").joinpath("diagnosis/flags.yaml").read_text(encoding="utf-8")
    found: Mapping[str, Mapping[str, Mapping[str, Any]]] = yaml.safe_load(text)
    return found


def limit(name: str) -> float:
    """A threshold by its name."""
    return float(_data()["thresholds"][name]["value"])


def reasons() -> dict[str, tuple[float, str]]:
    """Name of each threshold -> its value, and why it is that."""
    return {
        name: (float(one["value"]), str(one["reason"]))
        for name, one in _data()["thresholds"].items()
    }


def issue_of(kind: str) -> Issue:
    """The issue that a kind of flag is of."""
    return cast(Issue, _data()["kinds"][kind]["issue"])


def sentence(kind: str, **told: object) -> str:
    """What a flag says, with its figures put in."""
    text = str(_data()["kinds"][kind]["sentence"]).format(**told)
    return f"{text[0].upper()}{text[1:]}."


def advice(kind: str, label: str, other: str = "") -> str:
    """What to change."""
    return str(_data()["kinds"][kind]["advice"]).format(label=label, other=other)
