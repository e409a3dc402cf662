"""What machines and storage cost: for what a plan and a run tell, never for what is made."""

from typing import Annotated

from pydantic import Field

from varifactory.recipe.part import Part

Dollars = Annotated[float, Field(ge=0)]


class Prices(Part):
    """US $; 0 counts as unknown and is told as such. Providers' prices: ``prompts.prices``."""

    gpu_hour: Dollars = Field(0.0, description="of one card, US $ an hour")
    cpu_hour: Dollars = Field(0.0, description="of one worker on a processor, US $ an hour")
    storage_month: Dollars = Field(0.0, description="of a gigabyte, US $ a month")
