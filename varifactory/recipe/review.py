"""Whether people look before the whole is made."""

from typing import Annotated

from pydantic import Field

from varifactory.recipe.part import Count, Part


class Review(Part):
    """A preview that a person looks at before the run goes on."""

    pause: bool = Field(
        False, description="wait after a preview until a person has looked at it, in Prefect's UI"
    )
    images: Count = Field(8, description="source images of that preview, the classes in turn")
    hours: Annotated[float, Field(gt=0, le=720)] = Field(
        72.0, description="how long the run waits for a person before it fails"
    )
