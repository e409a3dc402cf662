"""What all parts of a recipe share."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=1, le=10_000_000)]
Steps = Annotated[int, Field(ge=1, le=200)]
Guidance = Annotated[float, Field(ge=0, le=50)]
Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")]
Dtype = Literal["float32", "bfloat16", "float16"]


class Part(BaseModel):
    """Frozen, hashable, and without unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Checkpoint(Part):
    """Which weights a large model is loaded from; the built-in ones have their own."""

    name: str = Field(
        "", description="hub name such as org/name, or a local folder or file; empty: the usual one"
    )
    revision: str = Field("", description="commit, tag or branch on a hub; only a commit is fixed")
    sha256: Annotated[str, Field(pattern=r"^([0-9a-f]{64})?$")] = Field(
        "", description="of a local checkpoint's weights; another hash is refused; empty: any"
    )
    variant: str = Field("", description="of the files, such as fp16, where a hub has several")
    dtype: Dtype = Field(
        "bfloat16", description="numbers it computes with; a card without is refused"
    )
