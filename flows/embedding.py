"""Pictures as vectors, for whatever compares them: checks of edits, probes, neighbours."""

from collections.abc import Sequence

from flows.run import FactoryRun
from tasks.embeddings import embedding_shard
from varifactory.embeddings import embedding_spec, plan_embeddings
from varifactory.keys import spec_of
from varifactory.models import registry
from varifactory.stages import Row

SHARD = 512
"""Pictures a task: each costs milliseconds."""


def embedded(run: FactoryRun, rows: Sequence[Row]) -> str:
    """Embed every distinct picture of sources, edits or items; the spec their vectors lie under.

    First attempts that items name (``first_blob``) are embedded beside the pictures themselves. A
    picture that cannot be read ends as a failed row, and whoever needs its vector says so.
    """
    encoder = registry.encoder(run.recipe)
    fields = embedding_spec(encoder)
    spec = spec_of("embeddings", fields)
    planned = plan_embeddings(spec, rows, encoder)
    run.stage(embedding_shard, "embeddings", fields, planned, size=SHARD)
    return spec
