"""A data set to copy out: real images and edits, three splits, class names that are no paths."""

import secrets
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.drawn_items import Drawn
from tests.servers.running import BUCKET, s3_server
from varifactory import keys
from varifactory.datasets import Dataset, open_dataset
from varifactory.images import decode_png, encode_png
from varifactory.store import Manifest, Store, dataset_hash

SPEC = keys.spec_of("items", {})
LABELS = ("kettle", "../owl", "Kettle")


def published(url: str, drawn: Drawn, version: int = 1) -> Dataset:
    """A version of drawn items in a store."""
    store = Store(url)
    store.prepare()
    store.put_blobs([(data, "png") for data in drawn.blobs.values()])
    part = store.append("items", SPEC, drawn.items)
    listed = {"stage": "items", "spec": SPEC, "name": part.name, "rows": part.rows,
              "bytes": part.bytes}  # fmt: skip
    store.publish(Manifest.model_validate({
        "name": "toys", "version": version, "created_at": datetime.now(UTC), "actor": "ada",
        "recipe": {"edits": {"editor": "compositor"}, "training": {"seeds": [3]}},
        "recipe_fingerprint": "f" * 64, "dataset_hash": dataset_hash(drawn.items), "counts": {},
        "parts": [listed], "run_id": "run-1",
    }))  # fmt: skip
    return open_dataset(url, "toys", version)


def split_items() -> Drawn:
    """Drawn items, with sources of the other splits beside them."""
    drawn = Drawn(classes=LABELS, sources=1, side=64)
    real = [row for row in drawn.rows if row["kind"] == "source"]
    for number, split in enumerate(("validation", "test")):
        for row in real:
            key = f"{number}{row['key'][1:]}"
            turned = decode_png(drawn.read(row["image_blob"]))[:: 1 - 2 * number, ::-1]
            drawn.rows.append({**row, "key": key, "source_key": key, "split": split,
                               "image_blob": drawn.keep(encode_png(turned)),
                               "mask_blob": None})  # fmt: skip
    for row in drawn.rows:
        row["pixel_sha256"] = row["image_blob"] and row["image_blob"].partition(".")[0]
    return drawn


@pytest.fixture(scope="session")
def drawn() -> Drawn:
    return split_items()


@pytest.fixture(scope="session")
def data(drawn: Drawn, tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """The data set in a folder."""
    return published(str(tmp_path_factory.mktemp("exports") / "store"), drawn)


@pytest.fixture(scope="session")
def moto() -> Iterator[int]:
    with s3_server("moto") as port:
        yield port


@pytest.fixture(scope="module")
def bucket(moto: int, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of an empty prefix on an S3 server that the usual variables name."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{moto}")
        patch.setenv("AWS_ACCESS_KEY_ID", "test")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "hush-hush")
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        patch.setenv("VARIFACTORY_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield f"s3://{BUCKET}/{secrets.token_hex(6)}"


@pytest.fixture
def requests(monkeypatch: pytest.MonkeyPatch) -> Callable[[], list[str]]:
    """Names of the requests to S3 since it was asked last."""
    import s3fs

    sent: list[str] = []
    plain = s3fs.S3FileSystem._call_s3

    async def noted(self: Any, method: str, *akwarglist: Any, **kwargs: Any) -> Any:
        sent.append(method)
        return await plain(self, method, *akwarglist, **kwargs)

    monkeypatch.setattr(s3fs.S3FileSystem, "_call_s3", noted)

    def since() -> list[str]:
        found = sent[:]
        sent.clear()
        return found

    return since
