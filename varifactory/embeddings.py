"""Embeddings: every picture once as a vector of length 1, for checks, probes and neighbours.

A picture is known by its pixels: a source, an edit and a first attempt that show the same share one
row, and data sets share rows with each other.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from varifactory.errors import FactoryError
from varifactory.keys import item_key
from varifactory.models import ClipModel, Pixels
from varifactory.stages import Made, Row
from varifactory.store import Store

Vectors = NDArray[np.float32]

BATCH = 64
"""Pictures a part of rows: whole batches of the encoder, and some 200 MB of them at 1024 pixels."""
PICTURES = (("pixel_sha256", "image_blob"), ("first_sha256", "first_blob"))
"""Columns of sources, edits and items that name a picture: its pixels' hash, and its PNG."""


class NotEmbedded(FactoryError):
    """A picture without a vector."""


def embedding_spec(encoder: ClipModel) -> dict[str, Any]:
    """What all embeddings of an encoder share."""
    return {"encoder": dict(encoder.identity)}


def plan_embeddings(spec: str, rows: Iterable[Row], encoder: ClipModel) -> list[Row]:
    """One planned row a distinct picture of ``rows``, whichever of ``PICTURES`` names it."""
    name = str(encoder.identity["name"])
    found: dict[str, Row] = {}
    for row in rows:
        for hashed, blob in PICTURES:
            pixels = row.get(hashed)
            if pixels and row.get(blob) and pixels not in found:
                found[pixels] = {
                    "key": item_key(spec, pixel_sha256=pixels),
                    "label": row.get("label") or "",
                    "pixel_sha256": pixels,
                    "image_blob": row[blob],
                    "encoder": name,
                }
    return list(found.values())


def embed(images: Sequence[Pixels], encoder: ClipModel) -> Vectors:
    """(n, width) vectors of length 1: the part that needs the model."""
    return encoder.embed_images(images)


def finish_embeddings(rows: Sequence[Row], vectors: Vectors) -> list[Made]:
    """The rows with their vectors; one that has no length ends as ``failed``."""
    return [with_vector(row, vector) for row, vector in zip(rows, vectors, strict=True)]


def with_vector(row: Row, vector: Vectors, of: str = "") -> Made:
    """The row with its vector; one whose vector has no length ends as ``failed``.

    ``of`` tells in the reason what was encoded.
    """
    length = float(np.linalg.norm(vector.astype(np.float64)))
    if not abs(length - 1) < 1e-3:
        given = f"gave {of} a vector" if of else "gave a vector"
        reason = f"the encoder {row['encoder']!r} {given} of length {length:g}, not 1"
        return Made({**row, "status": "failed", "reason": reason})
    return Made({**row, "status": "ok", "reason": "", "vector": vector})


@dataclass(frozen=True, slots=True)
class Embedded:
    """The vectors of one spec: flat, so that 100,000 of them are read in a moment."""

    pixels: pa.Array
    """Pixel hashes."""
    vectors: Vectors
    """(pictures, width), in their order."""

    def places(self, hashes: Sequence[str]) -> NDArray[np.int64]:
        """Row of each picture in ``vectors``; -1 of one that has none."""
        asked = pa.array(hashes, pa.string())
        found = pc.fill_null(pc.index_in(asked, value_set=self.pixels), -1)
        places: NDArray[np.int64] = found.to_numpy(zero_copy_only=False).astype(np.int64)
        return places

    def of(self, hashes: Sequence[str]) -> Vectors:
        """(n, width): the vectors of these pictures, in their order.

        Raises:
            NotEmbedded: one of them has none.
        """
        places = self.places(hashes)
        if len(places) and places.min() < 0:
            missing = [one for one, place in zip(hashes, places, strict=True) if place < 0]
            raise NotEmbedded(
                f"{len(missing)} of {len(hashes)} pictures have no embedding, the first with the "
                f"pixel hash {missing[0]}: run the study again, which embeds what is missing; if "
                "it was embedded and failed, its row says why"
            )
        found: Vectors = self.vectors[places]
        return found


def read_embeddings(store: Store, spec: str, hashes: Sequence[str] | None = None) -> Embedded:
    """The vectors that the store has under a spec; with ``hashes`` of these pictures alone."""
    keys = None if hashes is None else {item_key(spec, pixel_sha256=one) for one in hashes}
    table = store.rows("embeddings", spec, columns=["status", "pixel_sha256", "vector"], keys=keys)
    table = table.filter(pc.equal(table["status"], "ok")).combine_chunks()
    if not len(table):
        return Embedded(pa.array([], pa.string()), np.zeros((0, 0), np.float32))
    flat = pc.list_flatten(table["vector"]).combine_chunks().to_numpy(zero_copy_only=False)
    vectors = flat.reshape(len(table), -1).astype(np.float32, copy=False)
    return Embedded(table["pixel_sha256"].combine_chunks(), vectors)


def vectors_of(store: Store, spec: str, hashes: Sequence[str]) -> Vectors:
    """(n, width) float32: the vectors of pictures by pixel hash, in their order.

    A hash may come more than once. Whoever can do without some takes ``read_embeddings``.

    Raises:
        NotEmbedded: one of them has none.
    """
    return read_embeddings(store, spec, list(dict.fromkeys(hashes))).of(hashes)
