"""What is to be changed, and who writes the words for it."""

from typing import Annotated

from pydantic import Field, model_validator

from varifactory.recipe.part import Count, Part

Dollars = Annotated[float, Field(ge=0)]


class Price(Part):
    """What a provider asks for a model, or what a server of one's own costs."""

    model: Annotated[str, Field(min_length=1)] = Field(description="litellm name, to the letter")
    input: Dollars = Field(description="US $ per million tokens asked")
    output: Dollars = Field(description="US $ per million tokens answered")


class Prompts(Part):
    """What is to be changed, and the words for it."""

    writer: str = Field("catalog", description="catalog, or any litellm model name")
    attributes: Annotated[tuple[str, ...], Field(min_length=1)] = ("background", "color", "texture")
    per_pool: Count = Field(4, description="prompts a class, attribute and feasibility")
    catalog: str = Field("", description="folder of attribute files; empty is the built-in one")
    taxonomy: str = Field("world", description="world, photos, or a YAML file of pools a class")
    key_variable: str = Field("", description="name of the variable that holds the writer's key")
    base_url: str = Field("", description="address of a local or proxied model server")
    max_usd: Dollars = Field(1.0, description="budget of the writer, US $ a run")
    max_requests: Count = Field(1000, description="most requests of one run")
    prices: tuple[Price, ...] = Field(
        (), description="prices of models that litellm's own table lacks or has wrong; judges too"
    )

    @model_validator(mode="after")
    def _each_price_stands_once(self) -> "Prompts":
        models = [price.model for price in self.prices]
        twice = sorted({model for model in models if models.count(model) > 1})
        if twice:
            raise ValueError(f"prices names {twice[0]!r} twice: keep one")
        return self
