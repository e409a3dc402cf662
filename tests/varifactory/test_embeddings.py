import time

import numpy as np
import pyarrow as pa
import pytest

from varifactory.embeddings import (
    NotEmbedded,
    embed,
    embedding_spec,
    finish_embeddings,
    plan_embeddings,
    read_embeddings,
    vectors_of,
)
from varifactory.images import encode_png, pixel_hash
from varifactory.keys import spec_of
from varifactory.models import registry
from varifactory.recipe import Recipe
from varifactory.shards.keeping import keep_rows
from varifactory.store import Store
from varifactory.world import load_world, render, sample_scene

RECIPE = Recipe.parse({"name": "tiny", "sources": {"kind": "world"}})


@pytest.fixture(scope="module")
def pictures() -> dict[str, np.ndarray]:
    world = load_world()
    scenes = (sample_scene(world, seed, class_name="taxi") for seed in range(70))
    return {pixel_hash(image): image for image in (render(world, s, 64).image for s in scenes)}


@pytest.fixture
def store(tmp_path) -> Store:
    found = Store(str(tmp_path))
    found.prepare()
    return found


def rows_of(store: Store, pictures) -> list[dict]:
    shas = store.put_blobs([(encode_png(image), "png") for image in pictures.values()])
    return [{"label": "taxi", "pixel_sha256": pixels, "image_blob": f"{sha}.png"}
            for pixels, sha in zip(pictures, shas, strict=True)]  # fmt: skip


def test_a_picture_is_planned_once_whoever_names_it() -> None:
    encoder = registry.encoder(RECIPE)
    rows = [
        {"label": "taxi", "pixel_sha256": "a", "image_blob": "1.png"},
        {"label": "taxi", "pixel_sha256": "b", "image_blob": "2.png", "first_sha256": "a",
         "first_blob": "1.png"},
        {"label": "taxi", "pixel_sha256": "b", "image_blob": "2.png", "first_sha256": "c",
         "first_blob": "3.png"},
        {"label": "taxi", "pixel_sha256": None, "image_blob": None},
    ]  # fmt: skip
    planned = plan_embeddings("spec", rows, encoder)
    assert [(row["pixel_sha256"], row["image_blob"]) for row in planned] == [
        ("a", "1.png"), ("b", "2.png"), ("c", "3.png"),
    ]  # fmt: skip
    assert len({row["key"] for row in planned}) == 3
    assert {row["encoder"] for row in planned} == {encoder.identity["name"]}


def test_vectors_are_the_same_to_the_bit_in_any_company(store, pictures) -> None:
    encoder, images = registry.encoder(RECIPE), list(pictures.values())
    together = embed(images, encoder)
    np.testing.assert_allclose(np.linalg.norm(together, axis=1), 1, atol=1e-5)
    backwards = embed(images[::-1], encoder)[::-1]
    alone = np.stack([embed([image], encoder)[0] for image in images[:5]])
    assert together.tobytes() == np.ascontiguousarray(backwards).tobytes()
    assert together[:5].tobytes() == alone.tobytes()


def test_what_was_kept_is_read_in_the_order_asked_for(store, pictures) -> None:
    encoder = registry.encoder(RECIPE)
    spec = spec_of("embeddings", embedding_spec(encoder))
    planned = plan_embeddings(spec, rows_of(store, pictures), encoder)
    vectors = embed(list(pictures.values()), encoder)
    made = finish_embeddings(planned, vectors)
    keep_rows(store, "embeddings", spec, "run", made[:40])
    keep_rows(store, "embeddings", spec, "run", made[40:])
    hashes = list(pictures)
    wanted = [hashes[5], hashes[60], hashes[5]]
    assert vectors_of(store, spec, wanted).tobytes() == vectors[[5, 60, 5]].tobytes()
    whole = read_embeddings(store, spec)
    assert whole.vectors.dtype == np.float32
    assert whole.of(hashes).tobytes() == vectors.tobytes()
    with pytest.raises(NotEmbedded, match=r"1 of 2 pictures have no embedding.*unknown"):
        vectors_of(store, spec, [hashes[0], "unknown"])
    assert list(whole.places(["unknown"])) == [-1]


def test_a_vector_without_length_is_a_failed_row_and_no_embedding(store) -> None:
    rows = [{"key": "a" * 64, "label": "", "pixel_sha256": "p", "encoder": "odd"}] * 2
    (lost, whole) = finish_embeddings(rows, np.array([[np.nan, 0], [0, 1]], np.float32))
    assert lost.row["status"] == "failed"
    assert "'odd'" in lost.row["reason"]
    assert whole.row["status"] == "ok"
    keep_rows(store, "embeddings", "spec", "run", [lost])
    assert len(read_embeddings(store, "spec").pixels) == 0


def test_nothing_is_read_from_nothing(store) -> None:
    assert len(read_embeddings(store, "none").vectors) == 0
    assert vectors_of(store, "none", []).size == 0
    with pytest.raises(NotEmbedded):
        vectors_of(store, "none", ["a"])


def test_many_vectors_are_read_flat(store) -> None:
    count, width = 20_000, 64
    vectors = np.random.default_rng(3).normal(size=(count, width)).astype(np.float32)
    hashes = [f"{number:064x}" for number in range(count)]
    table = pa.table({
        "key": hashes, "status": ["ok"] * count, "pixel_sha256": hashes,
        "vector": pa.ListArray.from_arrays(
            np.arange(0, count * width + 1, width, dtype=np.int32), pa.array(vectors.ravel())
        ),
    })  # fmt: skip
    store.append("embeddings", "many", table)
    began = time.perf_counter()
    found = read_embeddings(store, "many").of(hashes)
    assert time.perf_counter() - began < 2  # as lists of numbers it takes ten times as long
    assert found.tobytes() == vectors.tobytes()
