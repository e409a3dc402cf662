"""What is taken in can be diagnosed: copies of real images lie inside them, noise does not."""

import io
from pathlib import Path

import numpy as np
from PIL import Image

from tests.foreign_images import drawn, published
from varifactory.diagnosis.choosing import chosen
from varifactory.diagnosis.likeness import realism_of
from varifactory.diagnosis.plan import DiagnosisPlan, keep_plan
from varifactory.diagnosis.population import population
from varifactory.diagnosis.prune import Asked as Kept
from varifactory.diagnosis.prune import prune
from varifactory.embeddings import embed, embedding_spec, finish_embeddings, plan_embeddings
from varifactory.ingest.asking import Asked
from varifactory.ingest.publishing import ingest
from varifactory.keys import spec_of
from varifactory.loading import images_of, items_table
from varifactory.models import registry
from varifactory.recipe import Diagnosis, Recipe
from varifactory.shards.keeping import keep_rows
from varifactory.store import Manifest, Store

CLASSES = ("apple", "pear", "tomato")


def theirs(real: Path, folder: Path) -> Path:
    """Four training images a class as JPEGs, and as many pictures of noise."""
    noise = np.random.default_rng(3)
    for label in CLASSES:
        (folder / label).mkdir(parents=True)
        for number, path in enumerate(sorted((real / "train" / label).glob("*.png"))[:4]):
            with Image.open(path) as image:
                image.save(folder / label / f"copy-{number}.jpg", quality=95)
            pixels = noise.integers(0, 256, (96, 96, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / label / f"noise-{number}.png")
    return folder


def diagnosed(store: Store, manifest: Manifest) -> DiagnosisPlan:
    """Every picture embedded by the built-in CLIP, and the plan that says so."""
    encoder = registry.encoder(Recipe.parse(manifest.recipe))
    spec = spec_of("embeddings", embedding_spec(encoder))
    found = chosen(items_table(store, manifest), Diagnosis().reference)
    rows = plan_embeddings(spec, found.rows, encoder)
    vectors = embed(images_of(store, rows, "image_blob"), encoder)
    keep_rows(store, "embeddings", spec, "run", finish_embeddings(rows, vectors))
    plan = DiagnosisPlan(
        dataset=manifest.name, version=manifest.version, dataset_hash=manifest.dataset_hash,
        encoder="small-clip", embeddings=spec, settings=Diagnosis(least=5),
    )  # fmt: skip
    keep_plan(store, plan)
    return plan


def test_copies_are_realistic_noise_is_not_and_is_pruned(tmp_path: Path) -> None:
    real = drawn(tmp_path / "real", CLASSES, train=12)
    store = Store(str(tmp_path / "store"))
    published(store, real, size=96)
    place = theirs(real, tmp_path / "theirs")
    taken = ingest(store, Asked(str(place), "theirs", "pets", "a copier"))
    assert taken.statuses["ok"] == 24
    plan = diagnosed(store, taken.manifest)
    found = population(store, taken.manifest, plan)
    copied = np.array([_is_copy(store, blob) for blob in found.synthetic.blobs])
    scores = realism_of(found)
    assert copied.sum() == 12
    assert scores[copied].min() >= 1
    assert scores[~copied].max() < 1
    pruned = prune(store, taken.manifest, Kept(realism=1.0), "theirs-kept", actor="ann")
    assert sum(pruned.kept.values()) == 12
    left = items_table(store, pruned.derived.manifest).to_pylist()
    good = [row for row in left if row["kind"] == "foreign" and row["status"] == "ok"]
    assert {row["pixel_sha256"] for row in good} == set(np.array(found.synthetic.pixels)[copied])
    assert store.verify().whole


def _is_copy(store: Store, blob: str) -> bool:
    """Noise differs from pixel to pixel, a drawing hardly does."""
    with Image.open(io.BytesIO(store.get_blob(*blob.split(".")))) as image:
        grey = np.asarray(image.convert("L"), np.float64)
    return bool(np.abs(np.diff(grey)).mean() < 30)
