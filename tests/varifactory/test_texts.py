import tracemalloc

import numpy as np
import pytest

from varifactory import records
from varifactory.embeddings import NotEmbedded
from varifactory.keys import item_key, spec_of
from varifactory.models import registry
from varifactory.recipe import Recipe
from varifactory.shards.keeping import keep_rows
from varifactory.store import Store
from varifactory.texts import encode, finish_texts, plan_texts, text_spec, texts_of

RECIPE = Recipe.parse({"name": "tiny", "sources": {"kind": "world"}})
THINGS = ("taxi", "mug", "owl", "kite", "boat", "lamp", "chair", "drum", "apple")
NAMES = [f"a photo of a {color} {name}" for color in ("red", "blue", "green", "striped")
         for name in THINGS]  # fmt: skip


@pytest.fixture
def store(tmp_path) -> Store:
    found = Store(str(tmp_path))
    found.prepare()
    return found


def test_a_text_is_planned_once_and_an_empty_one_never() -> None:
    encoder = registry.encoder(RECIPE)
    planned = plan_texts("spec", ["a taxi", "", "a mug", "a taxi"], encoder)
    assert [row["text"] for row in planned] == ["a taxi", "a mug"]
    assert len({row["key"] for row in planned}) == 2
    assert plan_texts("other", ["a taxi"], encoder)[0]["key"] != planned[0]["key"]


def test_vectors_are_the_same_to_the_bit_in_any_company() -> None:
    encoder = registry.encoder(RECIPE)
    together = encode(NAMES, encoder)
    np.testing.assert_allclose(np.linalg.norm(together, axis=1), 1, atol=1e-5)
    assert together.tobytes() == np.ascontiguousarray(encode(NAMES[::-1], encoder)[::-1]).tobytes()
    assert encode(NAMES[3:4], encoder).tobytes() == together[3:4].tobytes()


def test_what_was_kept_is_read_in_the_order_asked_for(store) -> None:
    encoder = registry.encoder(RECIPE)
    spec = spec_of("texts", text_spec(encoder))
    vectors = encode(NAMES, encoder)
    made = finish_texts(plan_texts(spec, NAMES, encoder), vectors)
    keep_rows(store, "texts", spec, "run", made[:20])
    keep_rows(store, "texts", spec, "run", made[20:])
    wanted = [5, 30, 5]
    found = texts_of(store, spec, [NAMES[at] for at in wanted])
    assert found.dtype == np.float32
    assert found.tobytes() == vectors[wanted].tobytes()
    with pytest.raises(NotEmbedded, match=r"1 of 2 texts have no vector.*'a dodo'.*again"):
        texts_of(store, spec, [NAMES[0], "a dodo"])


def test_a_text_without_length_is_a_failed_row_and_no_vector(store) -> None:
    encoder = registry.encoder(RECIPE)
    planned = plan_texts("spec", ["a taxi", "a mug"], encoder)
    lost, whole = finish_texts(planned, np.array([[np.nan, 0], [0, 1]], np.float32))
    assert (lost.row["status"], whole.row["status"]) == ("failed", "ok")
    assert "'a taxi'" in lost.row["reason"]
    keep_rows(store, "texts", "spec", "run", [lost, whole])
    assert texts_of(store, "spec", ["a mug"]).tolist() == [[0, 1]]
    with pytest.raises(NotEmbedded):
        texts_of(store, "spec", ["a taxi"])


def test_nothing_is_read_from_nothing(store) -> None:
    assert texts_of(store, "none", []).size == 0
    with pytest.raises(NotEmbedded):
        texts_of(store, "none", ["a taxi"])


def test_many_texts_are_read_without_objects_of_their_numbers(store) -> None:
    count, width = 4000, 256
    vectors = np.random.default_rng(1).normal(size=(count, width)).astype(np.float32)
    texts = [f"text {at}" for at in range(count)]
    store.append("texts", "spec", records.table("texts", [
        {"key": item_key("spec", text=text), "status": "ok", "label": "", "text": text,
         "encoder": "digits", "vector": vector}
        for text, vector in zip(texts, vectors, strict=True)
    ]))  # fmt: skip
    tracemalloc.start()
    found = texts_of(store, "spec", texts[::-1])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found.tobytes() == np.ascontiguousarray(vectors[::-1]).tobytes()
    # A little more than the vectors; lists of Python's floats take nine times as much.
    assert peak < 4 * vectors.nbytes
