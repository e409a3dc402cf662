"""The flow ``work``, which here knows the stage that does nothing too."""

from bench.noop import noop_shard
from flows.work import STAGES, work

__all__ = ["work"]

STAGES["noop"] = noop_shard
