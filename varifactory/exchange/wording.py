"""Pools, ratios and multiples in words, the same all over the page of an exchange rate."""

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from math import isfinite
from typing import Any

import yaml

from varifactory.report.wording import NBSP
from varifactory.statistics import Interval


@cache
def words() -> Mapping[str, Any]:
    """The texts of ``page_words.yaml``."""
    path = files("varifactory").joinpath("exchange/page_words.yaml")
    found: Mapping[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return found


def pool_name(pool: str) -> str:
    """A pool in words; its name where there are none."""
    return str(words()["pools"].get(pool, {"name": pool})["name"])


def pool_told(pool: str) -> str:
    """What its images are; empty of a pool that is not known."""
    return str(words()["pools"].get(pool, {"told": ""})["told"])


def ratio(value: float) -> str:
    """A rate with about three digits; no end is ∞."""
    if not isfinite(value):
        return "∞"
    size = abs(value)
    decimals = 2 if size < 9.995 else 1 if size < 99.95 else 0
    return f"{round(value, decimals) + 0.0:,.{decimals}f}".replace("-", "−")


def ratio_bounds(interval: Interval) -> str:
    """``0.62 to 1.40``."""
    return f"{ratio(interval.low)}{NBSP}to{NBSP}{ratio(interval.high)}"


def multiple(value: float) -> str:
    """A multiple as it was given: 0.5, 2, 16."""
    return f"{value:g}"


def gain_name(gain: float) -> str:
    """Real images added, in percent of the base: ``+50 %``."""
    return f"+{100 * gain:g}{NBSP}%"


def share_name(share: float) -> str:
    """A share of the base: ``half``, ``all``, ``30 %``."""
    return {0.25: "a quarter", 0.5: "half", 0.75: "three quarters", 1.0: "all"}.get(
        share, f"{100 * share:g}{NBSP}%"
    )


def many(count: int, noun: str) -> str:
    """``1 seed``, ``5 seeds``."""
    return f"{count:,}{NBSP}{noun}{'' if count == 1 else 's'}"


def listed(parts: list[str]) -> str:
    """``a``, ``a and b``, ``a, b and c``; nothing of none."""
    return "".join(parts) if len(parts) < 2 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def figure(value: float) -> str:
    """A parameter of any size, with three digits or all before the point."""
    if not isfinite(value):
        return "∞"
    text = f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
    return text.replace("-", "−")


def more_words(more: int | None) -> str:
    """Further seeds that would halve an interval."""
    told = words()["more_seeds"]
    return str(told["none"]) if more is None else str(told["some"]).format(count=f"{more:,}")
