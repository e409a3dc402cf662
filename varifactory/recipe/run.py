"""How the work is cut and spread, and how results are shown."""

from typing import Annotated, Literal

from pydantic import Field

from varifactory.recipe.part import Count, Part, Share


class Report(Part):
    """How results are shown."""

    confidence: Annotated[float, Field(gt=0.5, lt=1)] = 0.95
    gallery_page: Annotated[int, Field(ge=10, le=1000)] = Field(200, description="edits a page")


class Run(Part):
    """How and where the work is done.

    Runner, shards, batches, workers and retries change no artifact. ``device`` and ``threads`` do:
    of a model on a CPU the threads and the padded batch are in the spec, of one on a card they are
    not. ``compile`` and ``channels_last`` are in no spec: they move pixels by a card's rounding.
    """

    runner: Literal["threads", "workers", "dask"] = Field(
        "threads", description="who works the shards off: threads of this process, workers of the "
        "work pools cpu and gpu, or Dask; docs/scaling.md tells when which"
    )  # fmt: skip
    cluster: Annotated[str, Field(pattern=r"^((tcp|tls|ucx|ws|wss)://\S+)?$")] = Field(
        "", description="address of a Dask scheduler, such as tcp://head:8786; empty: processes of "
        "this machine, run.workers of them"
    )  # fmt: skip
    shard_size: Count = Field(
        512, description="items a Prefect task; more where a stage would have too many tasks"
    )
    batch_size: Annotated[int, Field(ge=1, le=512)] = Field(
        16, description="items written together; a killed worker loses at most one batch"
    )
    workers: Annotated[int, Field(ge=1, le=256)] = Field(
        2, description="shards at a time; of the runner workers: how many share a stage"
    )
    device: Literal["cpu", "cuda"] = Field(
        "cpu", description="where large models run; the built-in ones run on the CPU everywhere"
    )
    compile: bool = Field(
        False, description="compile large editors on a card: worth it beyond some 200 edits"
    )
    channels_last: bool = Field(
        False, description="convolutions of large editors with channels innermost, on a card"
    )
    ahead: Annotated[int, Field(ge=0, le=8)] = Field(
        0, description="batches read before and written after the one under way, while it is made; "
        "a killed worker loses that many more"
    )  # fmt: skip
    threads: Annotated[int, Field(ge=1, le=256)] = Field(1, description="threads a model on a CPU")
    error_budget: Share = Field(0.2, description="share of failed items that stops a stage")
    error_budget_after: Count = Field(20, description="items before the budget counts")
    retries: Annotated[int, Field(ge=0, le=10)] = Field(1, description="Prefect retries a shard")
