"""Pictures as vectors, for whatever compares them: checks of edits, probes, neighbours."""

from collections.abc import Iterable, Sequence

from flows.run import FactoryRun
from tasks.embeddings import embedding_shard
from varifactory.embeddings import embedding_spec, plan_embeddings
from varifactory.keys import spec_of
from varifactory.models import registry
from varifactory.stages import Row
from varifactory.training.arms import ARMS

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


def embed_items(run: FactoryRun, items: Iterable[Row]) -> None:
    """Embed every picture that a cell may train on or is tested with: probes are shown no other.

    ``items`` may be of several data sets; what they share is embedded once.
    """
    first = any(ARMS[arm].synthetic == "unfiltered" for arm in run.recipe.training.arms)
    found: dict[str, Row] = {}
    for row in items:
        for pixels, blob in _pictures(row, first=first):
            found.setdefault(pixels, {"pixel_sha256": pixels, "image_blob": blob})
    embedded(run, [found[pixels] for pixels in sorted(found)])


def _pictures(row: Row, *, first: bool) -> Iterable[tuple[str, str]]:
    if row["status"] == "ok":
        yield row["pixel_sha256"], row["image_blob"]
    if first and row.get("first_sha256"):
        yield row["first_sha256"], row["first_blob"]
