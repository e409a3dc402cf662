"""Prices: the recipe's before litellm's, pictures by size, unknown ones told."""

import json
import os

import pytest

from varifactory.models.provider import Provider
from varifactory.models.provider.budget import Budget
from varifactory.models.provider.prices import (
    Rate,
    listed_rate,
    own_rate,
    picture_tokens,
    words_bytes,
)
from varifactory.recipe import Price

# litellm's own models and its background work warn while they are built and torn down.
pytestmark = [
    pytest.mark.filterwarnings("ignore::UserWarning:pydantic"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]

TABLE = (Price(model="openai/ours", input=0.5, output=1.5), Price(model="free", input=0, output=0))


@pytest.fixture(scope="module")
def litellm() -> object:
    os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
    import litellm

    return litellm


def test_the_recipes_table_is_per_million_tokens() -> None:
    assert own_rate("openai/ours", TABLE) == Rate(0.5e-6, 1.5e-6)
    assert own_rate("free", TABLE) == Rate(0, 0)
    assert own_rate("ours", TABLE) is None, "to the letter"


def test_the_listed_price_and_none(litellm: object) -> None:
    assert listed_rate(litellm, "openai/gpt-4o-mini") == Rate(0.15e-6, 0.6e-6)
    assert listed_rate(litellm, "openai/some-model-of-ours") is None
    assert listed_rate(litellm, "anthropic/claude-of-next-year") is None, "litellm says 0"


def test_the_recipes_price_comes_before_the_listed_one() -> None:
    def provider(*prices: Price) -> Provider:
        budget = Budget(max_usd=1, max_requests=1)
        return Provider("openai/gpt-4o-mini", budget=budget, prices=prices)

    dear = Price(model="openai/gpt-4o-mini", input=100, output=100)
    assert provider(dear).rate() == Rate(1e-4, 1e-4)
    assert provider(TABLE[0]).rate() == Rate(0.15e-6, 0.6e-6)


@pytest.mark.parametrize(
    ("model", "size", "tokens"),
    [
        ("openai/gpt-4o-mini", (128, 64), 8500),
        ("openai/gpt-4o-mini", (768, 768), 2833 + 4 * 5667),
        ("azure/gpt-4o", (512, 512), 255),
        ("gpt-4.1-mini", (1024, 1024), 1659),
    ],
)
def test_pictures_count_as_the_provider_counts_them(
    model: str, size: tuple[int, int], tokens: int
) -> None:
    assert picture_tokens(model, size) == (tokens, tokens)


def test_an_unknown_model_has_a_bound_above_the_guess() -> None:
    for size in ((64, 64), (768, 768), (2048, 100)):
        about, most = picture_tokens("somebody/else", size)
        assert 0 < about <= most
    assert picture_tokens("somebody/else", (768, 768)) == (765, 1540)


def test_words_are_counted_without_pictures() -> None:
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 10**6}}
    words = {"type": "text", "text": "wörds"}
    with_picture = words_bytes([{"role": "user", "content": [words, picture]}])
    assert with_picture == len(json.dumps([[words]]))
    assert words_bytes([{"role": "user", "content": "plain"}]) == len('["plain"]')
