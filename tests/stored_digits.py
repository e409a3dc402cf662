"""A data set version of scikit-learn's digits in a store, with vectors of its images and texts.

What an encoder would give is made by PCA: images as points of their pixels' first components, the
text of a class as the mean of its images. No model, no download.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from varifactory import records
from varifactory.diagnosis.plan import DiagnosisPlan
from varifactory.embeddings import Vectors
from varifactory.images import encode_png
from varifactory.items import item_spec
from varifactory.keys import item_key, spec_of
from varifactory.recipe import Recipe
from varifactory.store import Manifest, ManifestPart, Store, dataset_hash

WIDTH = 32
"""Components of a vector."""
EMBEDDINGS = spec_of("embeddings", {"encoder": "digits"})
TEXTS = spec_of("texts", {"encoder": "digits"})
ITEMS = spec_of("items", item_spec())
NAMES = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


@dataclass(frozen=True)
class Digits:
    """All digits of scikit-learn, as vectors and as they were."""

    pictures: NDArray[np.uint8]
    """(1797, 8, 8), 0 to 255."""
    labels: tuple[str, ...]
    vectors: Vectors
    """(1797, WIDTH), of length 1."""
    prototypes: Vectors
    """(10, WIDTH): the texts of the classes, in the order of ``NAMES``."""

    def of(self, label: str) -> NDArray[np.intp]:
        """Places of a class."""
        return np.flatnonzero(np.array(self.labels) == label)


@cache
def digits() -> Digits:
    """Read once."""
    from sklearn.datasets import load_digits

    read = load_digits()
    found = _encoder().transform(read.data).astype(np.float32)
    means = np.stack([found[read.target == one].mean(axis=0) for one in range(10)])
    labels = tuple(NAMES[one] for one in read.target)
    pictures = np.rint(read.images * (255 / 16)).astype(np.uint8)
    return Digits(pictures, labels, _units(found), _units(means))


@cache
def _encoder() -> Any:
    from sklearn.datasets import load_digits
    from sklearn.decomposition import PCA

    return PCA(WIDTH, random_state=0).fit(load_digits().data)


def encoded(pictures: NDArray[np.float64]) -> Vectors:
    """Vectors of pictures (n, 8, 8), 0 to 16 as scikit-learn has them."""
    found: Vectors = _encoder().transform(pictures.reshape(-1, 64)).astype(np.float32)
    return _units(found)


def _units(vectors: Vectors) -> Vectors:
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


@dataclass(frozen=True)
class Given:
    """One image of the data set."""

    label: str
    picture: NDArray[np.uint8]
    """(8, 8)."""
    vector: NDArray[np.float32]
    split: str = "train"
    kind: str = "source"
    prompt: str = ""
    source: int = -1
    """Place of the real image it was made from, among those given."""
    attribute: str = ""
    status: str = "ok"
    feasibility: str = "feasible"
    paired: bool = False
    index: int = 0


def real(places: Sequence[int], split: str = "train") -> list[Given]:
    """Digits as source images."""
    all_of = digits()
    return [Given(all_of.labels[at], all_of.pictures[at], all_of.vectors[at], split)
            for at in places]  # fmt: skip


def shifted(places: Sequence[int], seed: int, spread: float = 0.15) -> list[Given]:
    """Digits with a little noise, as foreign images of their own classes."""
    all_of, random = digits(), np.random.default_rng(seed)
    noise = spread * random.normal(size=(len(places), WIDTH)) / WIDTH**0.5
    vectors = _units((all_of.vectors[list(places)] + noise).astype(np.float32))
    return [
        Given(all_of.labels[at], _noisy(all_of.pictures[at], random), vector, kind="foreign",
              prompt=f"the digit {all_of.labels[at]}")
        for at, vector in zip(places, vectors, strict=True)
    ]  # fmt: skip


def _noisy(picture: NDArray[np.uint8], random: np.random.Generator) -> NDArray[np.uint8]:
    return (picture + 12 * random.normal(size=picture.shape)).clip(0, 255).astype(np.uint8)


def stored(store: Store, images: Sequence[Given], name: str = "digits") -> Manifest:
    """Keep images, vectors, texts and items, and publish them as the next version of ``name``."""
    blobs = store.put_blobs([(encode_png(_large(one.picture)), "png") for one in images])
    hashes = [hashlib.sha256(one.picture.tobytes()).hexdigest() for one in images]
    own = [item_key("sources", pixels=pixels, label=one.label)
           for pixels, one in zip(hashes, images, strict=True)]  # fmt: skip
    rows = [_item(at, one, hashes, own, blobs) for at, one in enumerate(images)]
    once = dict(zip(hashes, zip(images, blobs, strict=True), strict=True))
    store.append("embeddings", EMBEDDINGS, records.table("embeddings", [
        {"key": item_key(EMBEDDINGS, pixel_sha256=pixels), "status": "ok", "label": one.label,
         "pixel_sha256": pixels, "image_blob": f"{blob}.png", "encoder": "digits",
         "vector": one.vector}
        for pixels, (one, blob) in once.items()
    ]))  # fmt: skip
    keep_texts(store, images)
    return _published(store, name, rows)


def _item(
    at: int, one: Given, hashes: Sequence[str], own: Sequence[str], blobs: Sequence[str]
) -> dict[str, Any]:
    made = one.kind != "source"
    return {
        "key": item_key(ITEMS, at=at, pixels=hashes[at], kind=one.kind, status=one.status),
        "kind": one.kind, "status": one.status, "label": one.label, "split": one.split,
        "source_key": own[one.source] if one.source >= 0 else None if made else own[at],
        "pixel_sha256": hashes[at], "image_blob": f"{blobs[at]}.png", "forced": False,
        "edit_key": item_key("edits", at=at, pixels=hashes[at]) if made else None,
        "attribute": one.attribute or None, "index": one.index, "attempt": 0, "editor": "digits",
        "paired": one.paired, "prompt": one.prompt or None,
        "feasibility": one.feasibility if one.kind == "edit" else None, "stage": "items",
    }  # fmt: skip


def keep_texts(store: Store, images: Sequence[Given], senses: Sequence[str] = ()) -> None:
    """Vectors of the class names, of the images' prompts, and of senses, by ``text_vector``."""
    texts = [class_text(name) for name in NAMES] + [one.prompt for one in images if one.prompt]
    store.append("texts", TEXTS, records.table("texts", [
        {"key": item_key(TEXTS, text=text), "status": "ok", "label": "", "text": text,
         "encoder": "digits", "vector": text_vector(text)}
        for text in dict.fromkeys([*texts, *senses])
    ]))  # fmt: skip


def class_text(name: str) -> str:
    """As the plan's template has it."""
    return f"a photo of a {name}"


def text_vector(text: str) -> NDArray[np.float32]:
    """The prototype of the digit that the text names last."""
    places = [text.rfind(name) for name in NAMES]
    vector: NDArray[np.float32] = digits().prototypes[int(np.argmax(places))]
    return vector


def plan_of(manifest: Manifest, **more: Any) -> DiagnosisPlan:
    """The plan that goes with ``stored``."""
    return DiagnosisPlan.model_validate({
        "dataset": manifest.name, "version": manifest.version, "encoder": "digits",
        "dataset_hash": manifest.dataset_hash, "embeddings": EMBEDDINGS, "texts": TEXTS,
        "logit_scale": 20.0, **more,
    })  # fmt: skip


def _large(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """(48, 48, 3): large enough to be seen on a page."""
    return np.repeat(np.kron(picture, np.ones((6, 6), np.uint8))[:, :, None], 3, axis=2)


def _published(store: Store, name: str, rows: Sequence[dict[str, Any]]) -> Manifest:
    now = datetime.now(UTC)
    recipe = Recipe.parse({"name": name, "sources": {"kind": "folder", "uri": "/data/digits"}})
    table = records.table("items", [{**row, "made_at": now} for row in rows])
    part = store.append("items", ITEMS, table)
    listed = ManifestPart(stage="items", spec=ITEMS, name=part.name, rows=part.rows,
                          bytes=part.bytes)  # fmt: skip
    return store.publish(
        Manifest(name=name, version=store.next_version(name), created_at=now, actor="test",
                 recipe=recipe.model_dump(mode="json"), recipe_fingerprint=recipe.fingerprint(),
                 dataset_hash=dataset_hash(table), counts={}, parts=(listed,), run_id="run",
                 note="")
    )  # fmt: skip
