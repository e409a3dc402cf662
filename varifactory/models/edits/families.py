"""Families of diffusion editors: what their pipelines are called, take and cannot do, as data."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field

from varifactory.errors import ModelError

HERE = Path(__file__).parent
ScheduleKind = Literal["diffusion", "flow"]


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Kind(_Entry):
    """How a family does one kind of edit (``edits.kind``)."""

    pipeline: str
    """Class of diffusers. Named here, for ``AutoPipelineForInpainting`` of diffusers 0.42 knows
    neither FLUX.1-Fill nor FLUX.2-klein."""
    usual: str = ""
    """Hub name taken where the recipe names no checkpoint."""


class Encoding(_Entry):
    """How prompts become embeddings, which are then given to the pipeline by name."""

    returns: tuple[str | None, ...]
    """What ``encode_prompt`` returns, as arguments of the pipeline; null for what it takes not."""
    negative: Literal["together", "apart", "none"]
    """The negative prompt is encoded in the same call, in one of its own, or there is none."""
    blank: str | None = None
    """Negative prompt under guidance where the recipe has none; null leaves it to the pipeline."""
    tokenizer: str = "tokenizer"
    """Component that decides how long a prompt may be."""
    longest: int
    """Tokens a prompt may have."""
    bucket: int = 0
    """Embeddings are padded to a multiple of this many tokens; 0 where the encoder pads them."""


class Family(_Entry):
    """One family of checkpoints that the same pipelines read."""

    name: str
    kinds: Mapping[str, Kind]
    built_in: str = ""
    """Folder of weights that ship with the project; it then takes no other checkpoint."""
    steps: int
    guidance: float
    guidance_argument: str = "guidance_scale"
    guidance_mode: Literal["classifier-free", "embedded"] = "classifier-free"
    """Embedded: one forward pass a step, the scale is an input of the network."""
    side: int
    """Pixels a side of the square whose area images are worked at."""
    square: bool = False
    fits: bool = False
    """No working image may have more pixels than that square."""
    multiple: int
    """Pixels that both working sides are a multiple of."""
    batch: Annotated[int, Field(ge=1)] | None = None
    """Images of one forward pass, in place of ``edits.batch``."""
    strengths: Mapping[str, float] = {}
    """Attribute -> factor on ``edits.strength``."""
    schedule: ScheduleKind
    adapters: bool = False
    """Whether ``flows.adapt`` can fine-tune it."""
    encoding: Encoding
    licence: str

    def pipelines(self) -> tuple[str, ...]:
        """Classes whose checkpoints it reads."""
        return tuple(sorted({kind.pipeline for kind in self.kinds.values()}))

    def usual(self, kind: str) -> str:
        """Hub name of the usual checkpoint of a kind of edit; of any kind where it does not."""
        return self.kinds.get(kind, next(iter(self.kinds.values()))).usual


class Schedule(_Entry):
    """A noise schedule by name."""

    name: str
    scheduler: str
    schedule: ScheduleKind
    changes: Mapping[str, Any] = {}


@cache
def families() -> Mapping[str, Family]:
    """All families by the name that ``edits.editor`` gives them."""
    return {name: Family(name=name, **entry) for name, entry in _read("families").items()}


@cache
def _schedules() -> Mapping[str, Schedule]:
    return {name: Schedule(name=name, **entry) for name, entry in _read("schedulers").items()}


def schedule_for(family: Family, name: str, key: str = "edits.scheduler") -> Schedule | None:
    """The noise schedule of that name; None for an empty one: the checkpoint's own.

    Raises:
        ModelError: no such schedule, or one for other families.
    """
    if not name:
        return None
    able = [each.name for each in _schedules().values() if each.schedule == family.schedule]
    if name not in able:
        known = "is for other families" if name in _schedules() else "is unknown"
        raise ModelError(
            f"{key} {name!r} {known}; {family.name} can have {', '.join(able)}, or its "
            "checkpoint's own where it is empty"
        )
    return _schedules()[name]


def _read(name: str) -> dict[str, dict[str, Any]]:
    text = (HERE / f"{name}.yaml").read_text(encoding="utf-8")
    read: dict[str, dict[str, Any]] = yaml.safe_load(text)
    return read
