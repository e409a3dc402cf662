"""Texts as vectors of length 1, beside the pictures of the same encoder (``embeddings``).

A text is known by its letters: the class names, prompts and senses that several data sets share are
encoded once.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from varifactory.embeddings import NotEmbedded, Vectors, with_vector
from varifactory.keys import item_key
from varifactory.models import ClipModel
from varifactory.stages import Made, Row
from varifactory.store import Store

BATCH = 256
"""Texts a part of rows: whole batches of the encoder, each of which costs milliseconds."""


def text_spec(encoder: ClipModel) -> dict[str, Any]:
    """What all texts of an encoder share."""
    return {"encoder": dict(encoder.identity)}


def plan_texts(spec: str, texts: Iterable[str], encoder: ClipModel) -> list[Row]:
    """One planned row a distinct text; empty ones are passed by."""
    name = str(encoder.identity["name"])
    return [
        {"key": item_key(spec, text=text), "label": "", "text": text, "encoder": name}
        for text in dict.fromkeys(texts)
        if text
    ]


def encode(texts: Sequence[str], encoder: ClipModel) -> Vectors:
    """(n, width) vectors of length 1: the part that needs the model."""
    return encoder.embed_texts(texts)


def finish_texts(rows: Sequence[Row], vectors: Vectors) -> list[Made]:
    """The rows with their vectors; one that has no length ends as ``failed``."""
    return [
        with_vector(row, vector, _shown(row["text"]))
        for row, vector in zip(rows, vectors, strict=True)
    ]


def texts_of(store: Store, spec: str, texts: Sequence[str]) -> Vectors:
    """(n, width) float32: the vectors of texts in their order; a text may come more than once.

    Raises:
        NotEmbedded: one of them has none.
    """
    if not texts:
        return np.zeros((0, 0), np.float32)
    keys = {item_key(spec, text=text) for text in texts}
    table = store.rows("texts", spec, columns=["status", "text", "vector"], keys=keys)
    table = table.filter(pc.equal(table["status"], "ok"))
    known = table["text"].cast(pa.string()).combine_chunks()  # of nothing it is of no type
    found = pc.index_in(pa.array(texts, pa.string()), value_set=known)
    at = pc.fill_null(found, -1).to_numpy(zero_copy_only=False)
    if missing := list(dict.fromkeys(texts[place] for place in np.flatnonzero(at < 0).tolist())):
        raise NotEmbedded(
            f"{len(missing)} of {len(set(texts))} texts have no vector, the first is "
            f"{_shown(missing[0])}: run the diagnosis again, which encodes what is missing; if it "
            "was encoded and failed, its row says why"
        )
    flat = pc.list_flatten(table["vector"]).combine_chunks().to_numpy(zero_copy_only=False)
    vectors: Vectors = flat.reshape(len(table), -1).astype(np.float32, copy=False)[at]
    return vectors


def _shown(text: str) -> str:
    return repr(text if len(text) <= 80 else f"{text[:77]}...")
