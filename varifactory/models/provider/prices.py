"""What a request to a language model costs: tokens, the pictures among them, and the price."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from varifactory.recipe import Price

PICTURES = Path(__file__).parent / "pictures.yaml"
MILLION = 1_000_000
BYTES_A_TOKEN = 4
"""Of English words, about; no tokenizer makes more tokens than bytes."""
Size = tuple[int, int]
"""Width and height of a picture, pixels."""


@dataclass(frozen=True, slots=True)
class Rate:
    """US dollars a token."""

    asked: float
    answered: float

    def cost(self, asked: float, answered: float) -> float:
        """Of a request with so many tokens, US dollars."""
        return self.asked * asked + self.answered * answered


def own_rate(model: str, prices: Sequence[Price]) -> Rate | None:
    """The recipe's price of a model; None where it names none."""
    for price in prices:
        if price.model == model:
            return Rate(price.input / MILLION, price.output / MILLION)
    return None


def listed_rate(litellm: Any, model: str) -> Rate | None:
    """The price in litellm's own table; None for a model that it does not hold.

    Some of litellm's providers answer 0 for a model they have never heard of, so that a price of 0
    is taken for none: what is really free is named so in ``prompts.prices``.
    """
    try:
        # A thousand tokens: beyond 128,000 some models cost more a token.
        asked, answered = litellm.cost_per_token(
            model=model, prompt_tokens=1000, completion_tokens=1000
        )
    except Exception:
        # litellm raises a bare Exception for a model without a price.
        return None
    return Rate(asked / 1000, answered / 1000) if asked or answered else None


def words_bytes(messages: Sequence[Mapping[str, Any]]) -> int:
    """Bytes of all words in messages, as JSON; pictures among them count elsewhere."""
    words = [
        message["content"]
        if isinstance(message["content"], str)
        else [part for part in message["content"] if part["type"] == "text"]
        for message in messages
    ]
    return len(json.dumps(words).encode())


def picture_tokens(model: str, size: Size) -> tuple[int, int]:
    """Tokens a picture counts as: about, and at most. ``pictures.yaml`` tells by which rule."""
    width, height = size
    tiles = math.ceil(width / 512) * math.ceil(height / 512)
    patches = math.ceil(width / 32) * math.ceil(height / 32)
    rules = _rules()
    for rule in rules["models"]:
        if rule["name"] in model:
            found = math.ceil(rule["base"] + rule["tile"] * tiles + rule["patch"] * patches)
            return found, found
    usual = rules["usual"]
    about = usual["base"] + usual["tile"] * tiles
    return about, max(about, math.ceil(usual["most_base"] + usual["most_patch"] * patches))


@cache
def _rules() -> dict[str, Any]:
    rules: dict[str, Any] = yaml.safe_load(PICTURES.read_text(encoding="utf-8"))
    return rules
