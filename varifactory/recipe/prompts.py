"""What is to be changed, and who writes the words for it."""

from typing import Annotated

from pydantic import Field

from varifactory.recipe.part import Count, Part


class Prompts(Part):
    """What is to be changed, and the words for it."""

    writer: str = Field("catalog", description="catalog, or any litellm model name")
    attributes: Annotated[tuple[str, ...], Field(min_length=1)] = ("background", "color", "texture")
    per_pool: Count = Field(4, description="prompts a class, attribute and feasibility")
    catalog: str = Field("", description="folder of attribute files; empty is the built-in one")
    taxonomy: str = Field("world", description="world, photos, or a YAML file of pools a class")
    key_variable: str = Field("", description="name of the variable that holds the writer's key")
    base_url: str = Field("", description="address of a local or proxied model server")
    max_usd: Annotated[float, Field(ge=0)] = Field(1.0, description="budget of the writer, US $")
    max_requests: Count = Field(1000, description="most requests of one run")
